package ledger_test

import (
	"testing"

	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/ledger/linear"
	"pgregory.net/rapid"
)

func TestHistoryOfSoundStoreHasAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, noLie, noise{unsure: true, endings: true, workers: true})
		v := w.run(t)
		got := linear.CheckClaims(w.l.History(), linear.Options{})
		if !got.OK() || len(got.Undecided) > 0 {
			t.Fatalf("CheckClaims of a sound store's history = %v", got)
		}
		if n := v.Posted; int64(got.Messages) != n {
			t.Fatalf("CheckClaims looked at %d messages of %d", got.Messages, n)
		}
	})
}

func TestHistoryOfLiesHasNoOrder(t *testing.T) {
	for _, l := range []lie{storeRefused, claimTwice, revive} {
		t.Run(string(l), func(t *testing.T) {
			found := 0
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, l, noise{workers: true})
				w.run(t)
				got := linear.CheckClaims(w.l.History(), linear.Options{})
				if len(got.Broken) != len(w.store.lies) {
					t.Fatalf("CheckClaims found %v, want the %d messages that the store lied about", got.Broken, len(w.store.lies))
				}
				found += len(got.Broken)
			})
			if found == 0 && !t.Failed() {
				t.Error("the store had no occasion to lie")
			}
		})
	}
}

func TestNoHistoryUnlessAskedFor(t *testing.T) {
	l := ledger.New(ledger.Options{})
	l.Producer().Post(ledger.Posting{Queue: l.Queue("p", "q"), Messages: 1})
	if h := l.History(); len(h) > 0 {
		t.Errorf("History() = %v, want none", h)
	}
}
