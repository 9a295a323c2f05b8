//go:build unix

package faults

import (
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/ledger"
)

// swiftArguments are those of a server over an account of Swift. A cluster of thirteen processes is slow on a small machine, and what
// is wanted here is not speed.
func swiftArguments(s *testservices.Swift, options string) []string {
	return []string{"--store", s.StorageURI + "&request_timeout=20&" + options, "--request-timeout", "60"}
}

// newSwiftRun sets some of a workload to work on a server over an account of Swift. Its bodies are small, and in Swift nevertheless.
func newSwiftRun(t *testing.T, run string, s *testservices.Swift, options string, every int) *storeRun {
	t.Helper()
	return newStoreRunOf(t, run, every, swiftArguments(s, options)...)
}

// swiftEvery is how much of a workload works on Swift alone, where each claim is dozens of requests.
const swiftEvery = 3

// swiftIndex is the option that puts an index into a file.
func swiftIndex(t *testing.T) string {
	return "inline_below=0&index=" + url.QueryEscape("sqlite:///"+filepath.Join(t.TempDir(), "index.db"))
}

// A swiftOutage is something that happens to a Swift of three replicas. During one that it has to bear, the workload goes on.
type swiftOutage struct {
	name        string
	begin       func()
	end         func() error
	unavailable bool
}

func swiftOutages(s *testservices.Swift) []swiftOutage {
	resume := func(one *testservices.Server) func() error {
		return func() error { one.Resume(); return nil }
	}
	some := []swiftOutage{
		{"the proxy is killed", s.Proxy.Kill, s.Proxy.Start, true},
		{"an object server is killed", s.Objects[1].Kill, s.Objects[1].Start, false},
		{"a container server is killed", s.Containers[2].Kill, s.Containers[2].Start, false},
	}
	more := []swiftOutage{
		{"an object server stands still", s.Objects[0].Pause, resume(s.Objects[0]), false},
		{"a container server stands still", s.Containers[0].Pause, resume(s.Containers[0]), false},
		{"the proxy stands still", s.Proxy.Pause, resume(s.Proxy), true},
	}
	return short(some, append(some, more...))
}

// suffer lets the outages happen amid the workload.
func (r *storeRun) suffer(outages []swiftOutage) {
	r.t.Helper()
	for _, o := range outages {
		refused, back := r.door.refused.Load(), time.Time{}
		r.trouble(func() {
			o.begin()
			if o.unavailable {
				time.Sleep(2 * time.Second)
			} else {
				r.goOn(2 * time.Second)
			}
			if err := o.end(); err != nil {
				r.t.Fatalf("%s: it does not come back: %v", o.name, err)
			}
			back = time.Now()
		})
		r.t.Logf("%s: %d answers of 503, and posts go well %v after its end",
			o.name, r.door.refused.Load()-refused, time.Since(back).Round(time.Millisecond))
		r.goOn(300 * time.Millisecond)
	}
}

// TestSwiftOutages lets the servers of a Swift of three replicas fail, one at a time.
func TestSwiftOutages(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{Cluster: true})
	t.Run("with an index", func(t *testing.T) {
		r := newSwiftRun(t, "swift with an index", s, swiftIndex(t), 0)
		r.beforeDrain = r.restart
		for range short(1, 3) {
			r.suffer(swiftOutages(s))
		}
		r.wantKept(r.finish())
	})
	t.Run("alone", func(t *testing.T) {
		// Nine servers on a small machine are slow, and each claim is dozens of requests to them.
		r := newSwiftRun(t, "swift alone", s, "index=none", short(8, swiftEvery))
		r.suffer(swiftOutages(s))
		wantNothingLost(t, r.finishAlone())
	})
}

// finishAlone finishes a run on Swift alone: who reads on is shown once more what may have come late, within the listing horizon.
func (r *storeRun) finishAlone() ledger.Verdict {
	r.t.Helper()
	r.posting.Store(false)
	time.Sleep(6 * time.Second)
	refused, _ := r.complained()
	r.t.Logf("%d answers of 503 outside of outages", refused)
	return r.finish()
}

// wantNothingLost is what is left to want of a store without order, whose claims are as good as they can be: all that was
// confirmed is there until it is consumed, as it was posted. What came more than once is told, and so is what a post that failed
// had shown before it was undone.
func wantNothingLost(t testing.TB, v ledger.Verdict) {
	t.Helper()
	t.Logf("handed out anew, or at the same time: %d of %d; all that a store with an index may not do: %v",
		v.Faults[ledger.Duplicated]+v.Faults[ledger.Overlapped], v.Delivered, v.Faults)
	var undone int64
	for _, o := range v.Offenders {
		switch {
		case o.Class == ledger.Lost && o.Life != nil && o.Life.Posted == ledger.Unsure:
			undone++
		case o.Class == ledger.Lost:
			t.Errorf("a message that was confirmed is lost: %v", o)
		}
	}
	if n := v.Faults[ledger.Lost]; n != undone {
		t.Errorf("%d messages are lost, and of only %d the post had failed", n, undone)
	}
	for _, class := range []ledger.Class{ledger.Corrupt, ledger.Phantom, ledger.Overdue} {
		if n := v.Faults[class]; n > 0 {
			t.Errorf("%d messages are %s: %s", n, class, v.Report())
		}
	}
	if !v.Balanced() {
		t.Error(v.Report())
	}
}
