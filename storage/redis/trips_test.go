//go:build unix

package redis

import (
	"context"
	"regexp"
	"strconv"
	"testing"

	"github.com/marconi-mq/marconi"
)

var callsOf = regexp.MustCompile(`(?m)^cmdstat_([a-z|]+):calls=(\d+)`)

// calls are how often each command was called so far, also by scripts.
func (f *fixture) calls() map[string]int {
	f.t.Helper()
	all := map[string]int{}
	for _, m := range callsOf.FindAllStringSubmatch(f.server.Do("INFO", "commandstats").(string), -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	return all
}

// TestRoundTrips counts what an operation on a queue in use sends: one script, whatever it does.
func TestRoundTrips(t *testing.T) {
	f := newFixture(t)
	ctx, control := t.Context(), f.opened.Control
	key := f.q.QueueKey
	ids := f.post(posted(60, 600)...)
	claim, held := f.claim(60, 10)
	other, _ := f.claim(60, 10)
	for _, c := range []struct {
		name  string
		do    func() error
		trips int
	}{
		{"post 1", func() error { return f.postSome(ctx, 1) }, 1},
		{"post 10", func() error { return f.postSome(ctx, 10) }, 1},
		{"list 10", func() error {
			_, err := f.List(ctx, f.q, marconi.Listing{Limit: 10, Echo: true})
			return err
		}, 1},
		{"list with claimed ones", func() error {
			_, err := f.List(ctx, f.q, marconi.Listing{Limit: 10, Echo: true, IncludeClaimed: true})
			return err
		}, 1},
		{"get", func() error { _, err := f.Message(ctx, f.q, ids[59]); return err }, 1},
		{"get 20", func() error { _, err := f.Messages(ctx, f.q, ids[:20]); return err }, 1},
		{"first", func() error { _, err := f.First(ctx, f.q, marconi.Newest); return err }, 1},
		{"claim 10", func() error {
			_, err := f.Claim(ctx, f.q, marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 10})
			return err
		}, 1},
		{"get a claim", func() error { _, err := f.Claimed(ctx, f.q, claim); return err }, 1},
		{"update a claim", func() error { return f.UpdateClaim(ctx, f.q, claim, marconi.ClaimUpdate{TTL: 90}) }, 1},
		{"delete with a claim", func() error { return f.Delete(ctx, f.q, held[0].ID, claim) }, 1},
		{"delete", func() error { return f.Delete(ctx, f.q, ids[50], "") }, 1},
		{"delete 20", func() error { return f.DeleteMessages(ctx, f.q, ids[:20], nil) }, 1},
		{"release", func() error { return f.Release(ctx, f.q, other) }, 1},
		{"pop 10", func() error { _, err := f.Pop(ctx, f.q, 10); return err }, 1},
		{"stats", func() error { _, err := f.Stats(ctx, f.q); return err }, 1},
		{"purge", func() error { return f.Purge(ctx, f.q) }, 1},
		{"delete a queue's data", func() error { return f.DeleteQueue(ctx, f.q) }, 1},
		{"the first post of a process to a queue", func() error { return f.postSome(ctx, 1) }, 2}, // it notes the queue
		{"create a queue", func() error { _, _, err := control.CreateQueue(ctx, key, nil); return err }, 1},
		{"get a queue", func() error { _, err := control.Queue(ctx, key); return err }, 1},
		{"set metadata", func() error { return control.SetMetadata(ctx, key, marconi.Metadata("{}")) }, 1},
		{"list queues", func() error {
			_, err := control.ListQueues(ctx, "p", marconi.QueueListing{Limit: 10})
			return err
		}, 1},
		{"delete a queue", func() error { _, err := control.DeleteQueue(ctx, key); return err }, 1},
		{"a message that can't be there", func() error { return f.Delete(ctx, f.q, "nonsense", "") }, 0},
	} {
		before := f.calls()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		after := f.calls()
		if n := after["evalsha"] - before["evalsha"]; n != c.trips {
			t.Errorf("%s ran %d scripts, want %d", c.name, n, c.trips)
		}
		for _, sent := range []string{"eval", "script|load", "subscribe", "ping", "multi", "wait"} {
			if n := after[sent] - before[sent]; n != 0 {
				t.Errorf("%s sent %s %d times as well", c.name, sent, n)
			}
		}
	}
}

func (f *fixture) postSome(ctx context.Context, n int) error {
	_, err := f.Post(ctx, f.q, marconi.Post{Client: poster, Messages: posted(n, 600)})
	return err
}
