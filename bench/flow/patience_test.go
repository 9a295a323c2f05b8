package flow

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Requests that begin at about the same time share a context; each has its whole time, and hardly more.
func TestPatience(t *testing.T) {
	const within = 200 * time.Millisecond
	p := patience{within: within}
	run, stop := context.WithCancel(t.Context())
	first := p.limit(run, 0)
	if p.limit(run, within/200) != first {
		t.Error("a request that begins half a hundredth of its time later has a context of its own")
	}
	later := p.limit(run, within/100)
	if later == first {
		t.Error("a request that begins a hundredth of its time later has the context of the first")
	}
	ends, _ := first.Deadline()
	if left := time.Until(ends); left < within-within/10 || left > within+within/50 {
		t.Errorf("the context of the first request ends in %v, want %v and a hundredth at most", left, within)
	}
	<-first.Done()
	if err := first.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first request ended by %v, want %v", err, context.DeadlineExceeded)
	}
	last := p.limit(run, within)
	stop()
	if err := last.Err(); !errors.Is(err, context.Canceled) {
		t.Errorf("when the run ended the request did by %v, want %v", err, context.Canceled)
	}
	if p.limit(t.Context(), within).Err() != nil {
		t.Error("a request of another run has the context of one that is over")
	}
}
