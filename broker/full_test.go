package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// A full store tells producers so, and lets consumers empty it: also where dead letters would need a queue to be made.
func TestAFullStore(t *testing.T) {
	opened, err := memory.Open(t.Context(), "memory://?max_bytes=10000", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(opened.Data.Close(), opened.Control.Close()) }()
	r := deadLetterRig(t, twoClaims, func(c *Config) { c.Control, c.Data = opened.Control, opened.Data })
	one := Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}}
	posted := 0
	for err == nil {
		if _, err = r.PostMessages(t.Context(), one); err == nil {
			posted++
		}
	}
	if posted == 0 || !errors.Is(err, marconi.ErrFull) {
		t.Fatalf("after %d messages: %v, want %v", posted, err, marconi.ErrFull)
	}
	// A queue's record takes more than a message.
	if _, err := r.CreateQueue(t.Context(), graveyard, marconi.Metadata(`{"long": "`+strings.Repeat("x", 500)+`"}`)); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("create a queue: %v, want %v", err, marconi.ErrFull)
	}
	for taken := 0; taken < posted; {
		claim, err := r.ClaimMessages(t.Context(), Claim{Queue: jobs})
		if err != nil || len(claim.Messages) == 0 {
			t.Fatalf("claim after %d of %d messages: %d, %v", taken, posted, len(claim.Messages), err)
		}
		for _, m := range claim.Messages {
			if err := r.DeleteMessage(t.Context(), jobs, m.ID, claim.ID); err != nil {
				t.Fatal(err)
			}
		}
		taken += len(claim.Messages)
	}
	if _, err := r.PostMessages(t.Context(), one); err != nil {
		t.Errorf("post to the emptied store: %v", err)
	}
	if r.log.Len() > 0 {
		t.Errorf("the log has a line for what is no trouble of the store: %s", r.log.String())
	}
}

// Dead letters for which there is no room wait where they are: they are neither handed out nor lost, and nobody who claims is refused for
// them.
func TestDeadLettersOfAFullStore(t *testing.T) {
	store := &fullStore{}
	r := deadLetterRig(t, twoClaims, func(c *Config) {
		store.DataStore = c.Data
		c.Data = store
	})
	const spent = 2*marconi.MaxSpent + 5
	r.post(t, jobs, spent)
	r.tire(t, 2)
	fresh := r.post(t, jobs, 1)
	store.full = true
	c := r.claim(t, 20)
	if len(c.Messages) != 1 || c.Messages[0].ID != fresh[0] {
		t.Fatalf("a claim gets %d messages, want the one behind the dead letters", len(c.Messages))
	}
	if err := r.DeleteMessage(t.Context(), jobs, fresh[0], c.ID); err != nil {
		t.Fatal(err)
	}
	r.advance(marconi.SpentLease)
	store.posts = 0
	if c := r.claim(t, 20); len(c.Messages) > 0 {
		t.Errorf("a claim gets %d dead letters, want none", len(c.Messages))
	}
	if q, err := r.queues.get(t.Context(), jobs); err != nil {
		t.Error(err)
	} else if stats, err := r.data.Stats(t.Context(), q.ref); err != nil || stats.Claimed != spent {
		t.Errorf("it has set %d aside, %v; want all %d, for there may be others behind them", stats.Claimed, err, spent)
	}
	if store.posts != 1 {
		t.Errorf("it has tried %d times to move dead letters into a full store, want once", store.posts)
	}
	if left, dead := r.list(t, jobs), r.list(t, graveyard); len(left) != spent || len(dead) > 0 {
		t.Errorf("%d messages are left, %d were moved; want all %d where they were", len(left), len(dead), spent)
	}
	if r.log.Len() > 0 {
		t.Errorf("the log has a line for what is no trouble of the store: %s", r.log.String())
	}
	store.full = false
	r.advance(marconi.SpentLease)
	r.claim(t, 20)
	if left, dead := r.list(t, jobs), r.list(t, graveyard); len(left) > 0 || len(dead) != spent {
		t.Errorf("once there is room, %d messages are left, %d were moved; want none, and %d", len(left), len(dead), spent)
	}
}

// A fullStore can't move in one step, and takes no post while it is full.
type fullStore struct {
	marconi.DataStore

	full  bool
	posts int
}

func (s *fullStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	s.posts++
	if s.full {
		return nil, marconi.ErrFull
	}
	return s.DataStore.Post(ctx, q, p)
}
