//go:build unix

package faults

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/ledger"
)

// TestSwiftKill kills the server amid the workload. Swift goes on meanwhile with what it was asked for.
func TestSwiftKill(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	t.Run("with an index", func(t *testing.T) {
		r := newKillRunOver(t, "swift with an index, killed", swiftArguments(s, swiftIndex(t))...)
		v := r.killTimes(short(3, 20))
		if !v.OK() {
			t.Error(v.Report())
		}
		r.checkClaims()
	})
	t.Run("alone", func(t *testing.T) {
		r := newKillRunOver(t, "swift alone, killed", swiftArguments(s, "index=none")...)
		r.every = swiftEvery
		wantNothingLost(t, r.killTimes(short(2, 20)))
	})
}

// killTimes kills the server so many times, and starts it again.
func (r *killRun) killTimes(n int) ledger.Verdict {
	r.t.Helper()
	r.start()
	r.begin(r.t.Context())
	for range n {
		r.load(300*time.Millisecond, time.Second)
		r.kill()
		r.start()
	}
	r.load(300*time.Millisecond, time.Second)
	r.finish()
	v := r.l.Verdict()
	r.t.Log(r.report(v))
	if v.Deleted == 0 || v.Popped == 0 || r.unsure.total() == 0 {
		r.t.Errorf("not much happened: %s", v.Report())
	}
	if n, first := r.complained(); n > 0 {
		r.t.Errorf("%d answers that should not have been, or should have, the first of them %s", n, first)
	}
	return v
}
