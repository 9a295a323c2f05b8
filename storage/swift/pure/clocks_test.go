package pure

import (
	"context"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// twoProxies removes through another proxy than it does all else.
type twoProxies struct {
	objects.Client
	removes objects.Client
}

func (p twoProxies) Delete(ctx context.Context, at objects.Path) error {
	return p.removes.Delete(ctx, at)
}

// TestAWaitingClaimMeetsItsOwnEnd looks again under the same ID, for a message whose claim has ended for listings only. The look in vain
// removes the claim that it made. By the clocks of the proxies what was stored or removed before is half a second newer than what comes behind it.
func TestAWaitingClaimMeetsItsOwnEnd(t *testing.T) {
	for name, ahead := range map[string]time.Duration{
		"what was removed is newer": 500 * time.Millisecond,
		"what was stored is newer":  -500 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock, begun := newTurnedClock(), time.Now()
			runs := func() time.Time { return clock.Now().Add(time.Since(begun)) }
			account := swifttest.NewMemory(swifttest.Options{Now: runs})
			f := &fixture{t: t, clock: clock, account: account, q: newQueue("q")}
			open := func(c objects.Client) *fixture {
				s := mustOpen(t, c, Options{Now: runs, ReapEvery: time.Hour})
				t.Cleanup(func() { f.must(s.Close()) })
				return f.on(s)
			}
			waits, other := open(twoProxies{account, account.Through(ahead)}), open(account)
			clock.pass(1020*time.Millisecond - time.Duration(clock.Now().Nanosecond())) // Swift lets go of what ends now nearly a second later
			other.post(messages(1, 600)...)
			other.claim(10, 1)
			clock.pass(10*time.Second + 50*time.Millisecond)
			id := newClaimID()
			look := func() []marconi.Message {
				got, err := waits.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: id, TTL: 60, Limit: 1})
				if err != nil {
					t.Fatal(err)
				}
				return got.Messages
			}
			wantBodies(t, "a look before Swift has let go of the claim", look(), "")
			for range 5 {
				if got := look(); len(got) > 0 {
					return
				}
			}
			t.Error("no look has found the message")
		})
	}
}
