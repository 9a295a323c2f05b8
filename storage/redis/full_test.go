//go:build unix

package redis

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// TestFullServer fills a server to its maxmemory: producers are refused as a whole, and whoever makes room goes on, also when claims have
// run out meanwhile and a call has to free them first.
func TestFullServer(t *testing.T) {
	ctx := t.Context()
	drains := map[string]func(f *fixture, claim marconi.ClaimID, held []marconi.Message) error{
		"pop": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			return wantMessages(f.Pop(ctx, f.q, 5))
		},
		"claim": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			got, err := f.Claim(ctx, f.q, marconi.ClaimRequest{ID: "new", TTL: 60, Limit: 5})
			return wantMessages(got.Messages, err)
		},
		"list": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			page, err := f.List(ctx, f.q, marconi.Listing{Limit: 5, Echo: true})
			return wantMessages(page.Items, err)
		},
		"get": func(f *fixture, _ marconi.ClaimID, held []marconi.Message) error {
			_, err := f.Message(ctx, f.q, held[0].ID)
			return err
		},
		"delete with a claim": func(f *fixture, claim marconi.ClaimID, held []marconi.Message) error {
			return f.Delete(ctx, f.q, held[0].ID, claim)
		},
		"delete": func(f *fixture, _ marconi.ClaimID, held []marconi.Message) error {
			return f.DeleteMessages(ctx, f.q, []marconi.MessageID{held[0].ID}, nil)
		},
		"release": func(f *fixture, claim marconi.ClaimID, _ []marconi.Message) error { return f.Release(ctx, f.q, claim) },
		"update": func(f *fixture, claim marconi.ClaimID, _ []marconi.Message) error {
			return f.UpdateClaim(ctx, f.q, claim, marconi.ClaimUpdate{TTL: 5000, Grace: 60})
		},
		"get a claim": func(f *fixture, claim marconi.ClaimID, _ []marconi.Message) error {
			_, err := f.Claimed(ctx, f.q, claim)
			return err
		},
		"stats": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			_, err := f.Stats(ctx, f.q)
			return err
		},
		"first": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			_, err := f.First(ctx, f.q, marconi.Oldest)
			return err
		},
		"purge":        func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error { return f.Purge(ctx, f.q) },
		"delete queue": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error { return f.DeleteQueue(ctx, f.q) },
		"seal":         func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error { return f.seal(ctx, f.q) },
		"wait": func(f *fixture, _ marconi.ClaimID, _ []marconi.Message) error {
			_, err := f.run(ctx, "wait", f.scripts.watch, f.q, f.time(), "somebody", "60000")
			return err
		},
	}
	f := newFixture(t)
	for name, drain := range drains {
		for _, over := range []marconi.Seconds{60, 90} {
			t.Run(fmt.Sprintf("%s, a claim over %v", name, over == 60), func(t *testing.T) {
				f.q = newQueue("p", "q")
				f.fullOf(t, over, drain)
			})
		}
	}
}

// fullOf tries a call on a full server in a queue where messages have ended, and maybe a claim is over.
func (f *fixture) fullOf(t *testing.T, over marconi.Seconds, drain func(*fixture, marconi.ClaimID, []marconi.Message) error) {
	ctx := t.Context()
	f.post(posted(30, 600)...)
	f.post(posted(5, 60)...)
	f.claim(over, 5)
	claim, held := f.claim(600, 5)
	f.clock.pass(time.Minute) // a claim is over, and messages have ended
	f.server.Do("CONFIG", "SET", "maxmemory", "1")
	defer f.server.Do("CONFIG", "SET", "maxmemory", "0")
	before := f.count("XLEN", "s")
	for _, m := range [][]marconi.NewMessage{posted(1, 60), posted(20, 6000)} {
		_, err := f.Post(ctx, f.q, marconi.Post{Client: poster, Messages: m})
		if !errors.Is(err, marconi.ErrFull) || marconi.KindOf(err) != marconi.Unavailable {
			t.Errorf("Post = %v, want %v", err, marconi.ErrFull)
		}
	}
	if n := f.count("XLEN", "s"); n != before {
		t.Errorf("posts that were refused changed the queue from %d messages to %d", before, n)
	}
	if err := drain(f, claim, held); err != nil {
		t.Errorf("on a full server: %v", err)
	}
}

func wantMessages(got []marconi.Message, err error) error {
	if err == nil && len(got) == 0 {
		return fmt.Errorf("no messages came")
	}
	return err
}

func TestFullServerMakesNoQueues(t *testing.T) {
	f := newFixture(t)
	ctx, control, key := t.Context(), f.opened.Control, marconi.QueueKey{Project: "p", Name: "q"}
	if _, _, err := control.CreateQueue(ctx, key, nil); err != nil {
		t.Fatal(err)
	}
	f.server.Do("CONFIG", "SET", "maxmemory", "1")
	if _, _, err := control.CreateQueue(ctx, marconi.QueueKey{Name: "new"}, nil); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("CreateQueue = %v, want %v", err, marconi.ErrFull)
	}
	if err := control.SetMetadata(ctx, key, marconi.Metadata(`{"a": 1}`)); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("SetMetadata = %v, want %v", err, marconi.ErrFull)
	}
	if _, err := control.DeleteQueue(ctx, key); err != nil {
		t.Errorf("DeleteQueue: %v", err)
	}
}

// Where writes wait for replicas, too, a full server lets go of a queue whose keys the deletion has removed.
func TestFullServerDeletesQueuesSafely(t *testing.T) {
	primary := testservices.StartRedis(t)
	f := durableFixture(t, primary, "durability=replicas&wait_ms=3000")
	startReplica(t, primary)
	ctx, control, key := t.Context(), f.opened.Control, marconi.QueueKey{Project: "p", Name: "q"}
	f.postSafely(1)
	if _, _, err := control.CreateQueue(ctx, key, nil); err != nil {
		t.Fatal(err)
	}
	primary.Do("CONFIG", "SET", "maxmemory", "1")
	if _, err := control.DeleteQueue(ctx, key); err != nil {
		t.Errorf("delete the last queue of a project: %v", err)
	}
	if err := f.DeleteQueue(ctx, f.q); err != nil {
		t.Errorf("delete its messages: %v", err)
	}
}
