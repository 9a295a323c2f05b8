package ledger_test

import (
	"testing"
	"time"

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
		if got := linear.CheckOrder(w.l.History(), linear.Options{}); !got.OK() || len(got.Undecided) > 0 {
			t.Fatalf("CheckOrder of a sound store's history = %v", got)
		}
	})
}

func TestHistoryOfLiesHasNoOrder(t *testing.T) {
	for _, l := range []lie{storeRefused, claimTwice, revive, dropPosted, tearPost, postTwice} {
		t.Run(string(l), func(t *testing.T) {
			found := 0
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, l, noise{workers: true})
				w.run(t)
				got := linear.CheckClaims(w.l.History(), linear.Options{})
				broken := len(got.Broken)
				if l == tearPost { // of which one message is there: the others are missed
					broken = len(postsOf(got.Broken))
				}
				if broken != len(w.store.lies) {
					t.Fatalf("CheckClaims found %v, want the %d messages that the store lied about", got.Broken, len(w.store.lies))
				}
				found += broken
			})
			if found == 0 && !t.Failed() {
				t.Error("the store had no occasion to lie")
			}
		})
		t.Run(string(l)+", in a noisy world", func(t *testing.T) {
			found := false
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, l, noise{workers: true, unsure: true, endings: true})
				w.run(t)
				got := linear.CheckClaims(w.l.History(), linear.Options{})
				found = found || !got.OK()
			})
			if !found && !t.Failed() {
				t.Error("no lie was found")
			}
		})
	}
}

// A store that swaps messages is found by the order in which they were shown.
func TestHistoryOfSwappedMessagesHasNoOrder(t *testing.T) {
	for name, noise := range map[string]noise{"quiet": {}, "noisy": {workers: true, unsure: true, endings: true}} {
		t.Run(name, func(t *testing.T) {
			found := 0
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, swapPosted, noise)
				v := w.run(t)
				got := linear.CheckOrder(w.l.History(), linear.Options{})
				// Who takes messages may be given them in the wrong order, too, which only the ledger sees.
				if v.Faults[ledger.Reordered] > 0 && got.OK() && !noise.workers {
					t.Fatalf("CheckOrder found an order for %d pairs, of which there is none: %s", got.Messages, v.Report())
				}
				if len(w.store.lies) == 0 && !got.OK() {
					t.Fatalf("CheckOrder of a history without lies = %v", got)
				}
				found += len(got.Broken)
			})
			if found == 0 && !t.Failed() {
				t.Error("no lie was found")
			}
		})
	}
}

// postsOf are the posts of messages.
func postsOf(messages []linear.Offender) map[string]bool {
	posts := map[string]bool{}
	for _, m := range messages {
		for _, op := range m.Operations {
			if op.Kind == ledger.OpPost {
				posts[op.Post] = true
			}
		}
	}
	return posts
}

// Where a post need not be all or none, no part of one says anything of the others.
func TestHistoryOfAStoreThatMayTear(t *testing.T) {
	for _, may := range []bool{false, true} {
		l := ledger.New(ledger.Options{Run: "r", History: true, NotAllOrNone: may})
		q, p, at := l.Queue("p", "q"), l.Producer(), time.Millisecond
		post := p.Post(ledger.Posting{Queue: q, Messages: 2, TTL: time.Hour, Intended: at})
		post.Unsure()
		d := l.Drain(q, 2*at)
		d.Page(ledger.Call{Sent: 2 * at, Answered: 3 * at}, []ledger.Seen{{ID: "1", Body: post.Body(0).Append(nil)}})
		d.Done(4 * at)
		if got := linear.CheckClaims(l.History(), linear.Options{}); got.OK() != may {
			t.Errorf("a post of which a part is there: OK() = %v, want %v: %v", got.OK(), may, got.Broken)
		}
	}
}

func TestNoHistoryUnlessAskedFor(t *testing.T) {
	l := ledger.New(ledger.Options{})
	l.Producer().Post(ledger.Posting{Queue: l.Queue("p", "q"), Messages: 1})
	if h := l.History(); len(h) > 0 {
		t.Errorf("History() = %v, want none", h)
	}
}
