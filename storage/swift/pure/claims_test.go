package pure

import (
	"errors"
	"runtime"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// TestAReleaseBesideARenewalHolds releases a claim whose renewal has read it, but not stored it yet: the heartbeat of a worker that
// is done.
func TestAReleaseBesideARenewalHolds(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 6000)...)
	id, _ := f.claim(60, 1)
	released := make(chan error, 1)
	f.faulty.Fail(swifttest.Put, 1, swifttest.Fault{First: func() {
		go func() { released <- f.Release(t.Context(), f.q, id) }()
		for len(released) == 0 && f.renewing.waiting(f.placeOf(f.q).claim(id)) == 0 {
			runtime.Gosched()
		}
	}})
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 4000}); err != nil {
		t.Errorf("UpdateClaim: %v", err)
	}
	if err := <-released; err != nil {
		t.Errorf("Release: %v", err)
	}
	if c, err := f.Claimed(t.Context(), f.q, id); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("the claim that was released holds %d messages, %v", len(c.Messages), err)
	}
	_, got := f.claim(60, 1)
	wantBodies(t, "a claim after the release", got, "1")
}

// waiting is how many wait for a key that one has.
func (l *locks) waiting(key objects.Path) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.all[key]; one != nil {
		return one.users - 1
	}
	return 0
}
