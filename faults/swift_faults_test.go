//go:build unix

package faults

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/pure"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A swiftTrouble is what a Swift in memory does while it lasts: to one request in so many, one of the faults.
type swiftTrouble struct {
	name   string
	one    int
	faults []swifttest.Fault
}

var swiftTroubles = []swiftTrouble{
	{"it is away", 1, []swifttest.Fault{swifttest.Refused}},
	{"it answers 503, before and after the work", 8, []swifttest.Fault{swifttest.Refused, swifttest.Confused}},
	{"it does not answer in time, before and after the work", 8, []swifttest.Fault{swifttest.TimedOut, swifttest.TooLate}},
	{"it says that something newer is stored", 8, []swifttest.Fault{swifttest.Older, swifttest.LostPut}},
	{"all of that, often", 2, []swifttest.Fault{swifttest.Refused, swifttest.Confused, swifttest.TimedOut, swifttest.TooLate, swifttest.Older, swifttest.LostPut}},
	{"it is slow", 3, []swifttest.Fault{{Delay: 100 * time.Millisecond}}},
}

// plan says what happens to a call. Only a PUT is told that something newer is stored.
func (o swiftTrouble) plan(c swifttest.Call) (swifttest.Fault, bool) {
	fault := o.faults[rand.IntN(len(o.faults))]
	told := fault.Before == objects.ErrNotStored || fault.After == objects.ErrNotStored //nolint:errorlint // it is that one
	return fault, rand.IntN(o.one) == 0 && (c.Kind == swifttest.Put || !told)
}

const (
	swiftLag      = time.Second // by which a listing lags at most
	swiftLate     = 10          // one write in so many is listed late
	swiftPostTime = time.Second // that a post may take, with all its tries
	swiftHorizon  = swiftLag + swiftPostTime
)

// TestSwiftFaults lets requests to a Swift in memory go wrong in all ways there are, amid the workload.
func TestSwiftFaults(t *testing.T) {
	t.Run("with an index", func(t *testing.T) {
		r := newFaultyRun(t, "swift with an index, faulty", func(_ context.Context, c objects.Client) (marconi.DataStore, error) {
			return indexed.New(c, memory.New(storage.Options{}).Data, indexed.Options{})
		})
		v := r.suffer()
		if !v.OK() {
			t.Error(v.Report())
		}
		got := linear.CheckClaims(r.l.History(), linear.Options{Grain: workloadGrain})
		for _, o := range got.Broken[:min(len(got.Broken), 5)] {
			t.Errorf("no order of claims explains %v", o)
		}
	})
	t.Run("alone", func(t *testing.T) {
		r := newFaultyRun(t, "swift alone, faulty", func(ctx context.Context, c objects.Client) (marconi.DataStore, error) {
			return pure.New(ctx, c, pure.Options{ListingHorizon: swiftLag, PostTime: swiftPostTime, SweepEvery: 300 * time.Millisecond})
		})
		v := r.suffer()
		wantNothingLost(t, v)
		wantNothingMissed(t, v)
	})
}

// wantNothingMissed wants every message shown to those who read on, unless it was taken before the horizon had passed it: a reader
// whose marker remembers no more names looks only then at what came late.
func wantNothingMissed(t *testing.T, v ledger.Verdict) {
	t.Helper()
	taken := int64(0)
	for _, o := range v.Offenders {
		if o.Class != ledger.Missed {
			continue
		}
		if o.Life.Going > 0 && o.Life.Going-o.Life.Confirmed < swiftHorizon+swiftLag { // a reader, too, may have to ask again
			taken++
			continue
		}
		t.Errorf("to somebody who reads on it was never shown: %v", o)
	}
	if n := v.Faults[ledger.Missed]; n > taken {
		t.Errorf("of %d messages that were not shown to all who read on only %d had been taken soon after they were posted", n, taken)
	}
}

// A faultyRun is a workload on a server whose Swift, in memory, is in trouble at times.
type faultyRun struct {
	*workload
	t    *testing.T
	door *storeDoor
	c    *swifttest.Faulty
	said transcript
}

func newFaultyRun(t *testing.T, run string, open func(context.Context, objects.Client) (marconi.DataStore, error)) *faultyRun {
	t.Helper()
	account := swifttest.NewMemory(swifttest.Options{Lag: func(objects.Path) time.Duration {
		if rand.IntN(swiftLate) > 0 {
			return 0
		}
		return rand.N(swiftLag)
	}})
	r := &faultyRun{workload: newWorkload(t, run), t: t, c: swifttest.NewFaulty(account), door: &storeDoor{to: client.NewTransport()}}
	r.every = swiftEvery
	url := serveStore(t, func(ctx context.Context) (marconi.DataStore, error) { return open(ctx, r.c) }, &r.said)
	c, err := client.New(url, client.Config{Project: workloadProject, Transport: r.door})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.leave)
	r.server.born(c)
	return r
}

// suffer lets the troubles happen amid the workload, and gives the ledger's verdict.
func (r *faultyRun) suffer() ledger.Verdict {
	r.t.Helper()
	r.begin(r.t.Context())
	for range short(1, 20) {
		for _, o := range swiftTroubles {
			time.Sleep(300 * time.Millisecond)
			r.trouble(o)
		}
	}
	r.posting.Store(false)
	time.Sleep(swiftHorizon + swiftLag) // or the last messages are not listed, and not shown again
	if err := r.end(r.t.Context()); err != nil {
		r.t.Fatalf("%v; the server says\n%s", err, &r.said)
	}
	r.server.dead()
	v := r.l.Verdict()
	r.t.Logf("confirmed %d, unsure %d (%d of them there), consumed %d\nnever answered: %v\n%v",
		v.Confirmed, v.Unsure, v.UnsureAppeared, v.Deleted+v.Popped, &r.unsure, v)
	if n, first := r.complained(); n > 0 {
		r.t.Errorf("%d answers that should not have been, or should have, the first of them %s", n, first)
	}
	if v.Deleted == 0 || v.Popped == 0 || v.Unsure == 0 || v.Confirmed < 100 {
		r.t.Errorf("not much happened: %s", v.Report())
	}
	return v
}

// trouble lets one trouble last for a while. To what was asked before its end an answer of 503 is no cause for complaint.
func (r *faultyRun) trouble(o swiftTrouble) {
	life, _ := r.server.get()
	life.doomed.Store(true)
	refused := r.door.refused.Load()
	r.c.Plan(o.plan)
	time.Sleep(500 * time.Millisecond)
	r.c.Reset()
	life.over(r.clock.Now())
	r.t.Logf("%s: %d answers of 503", o.name, r.door.refused.Load()-refused)
}
