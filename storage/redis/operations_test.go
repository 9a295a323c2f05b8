//go:build unix

package redis

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// An operation is one that a store is asked for, in a queue that has what it is about.
type operation struct {
	name string
	do   func(ctx context.Context) error
}

// operations are all there are, in the order in which they are to be called, on a queue made for them.
func (f *fixture) operations() []operation {
	f.q = newQueue("p", "q")
	f.post(posted(40, 600)...)
	claim, held := f.claim(600, 4)
	return append(f.consuming(claim, held), f.managing()...)
}

// consuming are the operations on messages and claims. Four messages are under the claim.
func (f *fixture) consuming(claim marconi.ClaimID, held []marconi.Message) []operation {
	q, ids := f.q, idsOf(held)
	return []operation{
		{"post", func(ctx context.Context) error {
			later := marconi.NewMessage{TTL: 600, Delay: 60, Body: []byte("later")}
			_, err := f.Post(ctx, q, marconi.Post{Client: poster, Messages: append(posted(2, 600), later)})
			return err
		}},
		{"list", func(ctx context.Context) error {
			_, err := f.List(ctx, q, marconi.Listing{Limit: 5, Echo: true})
			return err
		}},
		{"list claimed ones", func(ctx context.Context) error {
			_, err := f.List(ctx, q, marconi.Listing{Limit: 5, Echo: true, IncludeClaimed: true, IncludeDelayed: true})
			return err
		}},
		{"get", func(ctx context.Context) error { _, err := f.Messages(ctx, q, ids); return err }},
		{"oldest", func(ctx context.Context) error { _, err := f.First(ctx, q, marconi.Oldest); return err }},
		{"newest", func(ctx context.Context) error { _, err := f.First(ctx, q, marconi.Newest); return err }},
		{"stats", func(ctx context.Context) error { _, err := f.Stats(ctx, q); return err }},
		{"claim", func(ctx context.Context) error {
			_, err := f.Claim(ctx, q, marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 60, Limit: 3})
			return err
		}},
		{"get a claim", func(ctx context.Context) error { _, err := f.Claimed(ctx, q, claim); return err }},
		{"update a claim", func(ctx context.Context) error {
			return f.UpdateClaim(ctx, q, claim, marconi.ClaimUpdate{TTL: 5000, Grace: 60})
		}},
		{"delete with a claim", func(ctx context.Context) error { return f.Delete(ctx, q, ids[0], claim) }},
		{"delete several", func(ctx context.Context) error {
			return f.DeleteMessages(ctx, q, ids[1:2], []marconi.ClaimID{claim})
		}},
		{"delete claimed ones", func(ctx context.Context) error { return f.DeleteMessages(ctx, q, ids[2:3], nil) }},
		{"release", func(ctx context.Context) error { return f.Release(ctx, q, claim) }},
		{"dead letters", func(ctx context.Context) error {
			r := marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 60, Limit: 3, MaxClaims: 1}
			got, err := f.Claim(ctx, q, r)
			if err != nil || len(got.Spent) == 0 {
				return err
			}
			return f.DeleteMessages(ctx, q, idsOf(got.Spent), []marconi.ClaimID{got.Lease})
		}},
		{"pop", func(ctx context.Context) error { _, err := f.Pop(ctx, q, 2); return err }},
		{"wait", func(ctx context.Context) error {
			_, err := f.run(ctx, "wait", f.scripts.watch, q, f.time(), f.waiters.channel, "60000")
			return err
		}},
		{"post where somebody waits", func(ctx context.Context) error {
			_, err := f.Post(ctx, q, marconi.Post{Client: poster, Messages: posted(1, 600)})
			return err
		}},
		{"volume", func(ctx context.Context) error { _, err := f.Volume(ctx); return err }},
		{"queues", func(ctx context.Context) error { _, err := f.Queues(ctx); return err }},
		{"collect", func(ctx context.Context) error { _, err := f.Collect(ctx); return err }},
		{"purge", func(ctx context.Context) error { return f.Purge(ctx, q) }},
		{"seal", func(ctx context.Context) error { return f.seal(ctx, q) }},
		{"delete a queue's messages", func(ctx context.Context) error { return f.DeleteQueue(ctx, q) }},
	}
}

// managing are the operations on queues, and on the store as a whole.
func (f *fixture) managing() []operation {
	control, key := f.opened.Control, marconi.QueueKey{Project: "p", Name: marconi.QueueName("q" + randomHex(4))}
	bind := func(ctx context.Context) error {
		id, err := control.ID(ctx)
		if err != nil {
			return err
		}
		return f.Bind(ctx, id, false)
	}
	return []operation{
		{"create a queue", func(ctx context.Context) error {
			_, _, err := control.CreateQueue(ctx, key, marconi.Metadata(`{"a": 1}`))
			return err
		}},
		{"adopt a queue", func(ctx context.Context) error {
			_, err := control.AdoptQueue(ctx, newQueue("p", "adopted"))
			return err
		}},
		{"get a queue", func(ctx context.Context) error {
			_, err := control.Queue(ctx, key)
			return unlessMissing(err)
		}},
		{"set metadata", func(ctx context.Context) error {
			return unlessMissing(control.SetMetadata(ctx, key, marconi.Metadata(`{"b": 2}`)))
		}},
		{"list queues", func(ctx context.Context) error {
			_, err := control.ListQueues(ctx, "p", marconi.QueueListing{Limit: 5})
			return err
		}},
		{"delete a queue", func(ctx context.Context) error { _, err := control.DeleteQueue(ctx, key); return unlessMissing(err) }},
		{"bind", bind},
		{"ping", f.Ping},
		{"ping the control store", control.Ping},
	}
}

// unlessMissing forgives that what an operation before this one should have made is not there: that one failed.
func unlessMissing(err error) error {
	if marconi.KindOf(err) == marconi.NotFound {
		return nil
	}
	return err
}

// allOf calls operations, and gives the first error.
func allOf(ctx context.Context, operations []operation) error {
	for _, o := range operations {
		if err := o.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}
