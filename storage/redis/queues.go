package redis

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/marconi-mq/marconi"
)

const (
	mostKnown  = 100_000 // queues of which this process remembers until when they are noted
	queuesPage = 1000
)

// known are until when queues are noted in the index, by this process's clock, less a margin. It holds until a connection breaks, for a
// server that is reached anew may have lost it.
type known struct {
	mu     sync.Mutex // guards what follows
	breaks uint64     // that there were when it was learnt
	until  map[marconi.QueueRef]int64
}

func (k *known) covers(q marconi.QueueRef, t int64, breaks uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.breaks == breaks && k.until[q] >= t
}

// set takes what was noted after so many breaks.
func (k *known) set(q marconi.QueueRef, t int64, breaks uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.until == nil || k.breaks != breaks || len(k.until) >= mostKnown {
		k.breaks, k.until = breaks, map[marconi.QueueRef]int64{}
	}
	k.until[q] = t
}

func (k *known) forget(q marconi.QueueRef) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.until, q)
}

// note sees to it that the index of queues has q for as long as messages of that TTL live: Redis can't list keys without going through
// all. It is a call only now and then, for it is noted for longer; before messages are confirmed, so that none of those is ever out of reach.
func (d *dataStore) note(ctx context.Context, q marconi.QueueRef, ttl marconi.Seconds) error {
	if d.isNoted(q, ttl) {
		return nil
	}
	breaks := d.client.dialer.breaks.Load()
	ends := d.now().UnixMilli() + int64(ttl)*1000
	if _, err := d.runAt(ctx, "note the queue", d.scripts.index, d.keys.index(), []string{d.time(), tag(q), decimal(ttl)}); err != nil {
		return err
	}
	slack := max(60_000, int64(ttl)*250)
	d.known.set(q, ends+slack/2, breaks) // a margin for clocks that differ
	return nil
}

func (d *dataStore) isNoted(q marconi.QueueRef, ttl marconi.Seconds) bool {
	return d.known.covers(q, d.now().UnixMilli()+int64(ttl)*1000, d.client.dialer.breaks.Load())
}

// each calls f for the queues that may hold messages.
func (d *dataStore) each(ctx context.Context, f func(marconi.QueueRef) error) error {
	seen := map[string]struct{}{}
	from, skip := "", 0
	for {
		r, err := d.runAt(ctx, "list queues", d.scripts.queues, d.keys.index(), []string{d.time(), from, decimal(skip), decimal(queuesPage)})
		if err != nil {
			return err
		}
		page := r.list(0) // names and until when
		fresh := 0
		for i := 0; i+1 < len(page) && r.err == nil; i += 2 {
			name := r.text(&page[i])
			from = r.text(&page[i+1])
			if _, again := seen[name]; again {
				continue
			}
			fresh++
			seen[name] = struct{}{}
			if q, ok := untag(name); ok {
				if err := f(q); err != nil {
					return err
				}
			}
		}
		if r.err != nil || len(page) < 2*queuesPage {
			return r.err
		}
		if skip += queuesPage; fresh > 0 {
			skip = 0
		}
	}
}

// Queues implements [marconi.DataStore].
func (d *dataStore) Queues(ctx context.Context) ([]marconi.QueueRef, error) {
	var held []marconi.QueueRef
	err := d.each(ctx, func(q marconi.QueueRef) error {
		s, err := d.Stats(ctx, q)
		if s.Total > 0 {
			held = append(held, q)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Volume implements [marconi.DataStore].
func (d *dataStore) Volume(ctx context.Context) (marconi.Volume, error) {
	var v marconi.Volume
	err := d.each(ctx, func(q marconi.QueueRef) error {
		s, err := d.Stats(ctx, q)
		v.Free, v.Claimed, v.Total = v.Free+s.Free, v.Claimed+s.Claimed, v.Total+s.Total
		return err
	})
	if err != nil {
		return marconi.Volume{}, err
	}
	return v, nil
}

// DeleteQueue implements [marconi.DataStore].
func (d *dataStore) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	d.known.forget(q)
	_, err := d.run(ctx, "delete a queue", d.scripts.purge, q, d.time(), "")
	return err
}

// Purge implements [marconi.DataStore].
func (d *dataStore) Purge(ctx context.Context, q marconi.QueueRef) error {
	_, err := d.run(ctx, "purge a queue", d.scripts.purge, q, d.time(), "1")
	return err
}

// Collect implements [marconi.DataStore]: there is nothing to do. Calls collect as they go, and keys end by themselves.
func (d *dataStore) Collect(ctx context.Context) (int, error) {
	if err := d.passes(ctx); err != nil {
		return 0, fmt.Errorf("collect: %w", err)
	}
	return 0, nil
}

// Bind implements [marconi.DataStore].
func (d *dataStore) Bind(ctx context.Context, control string, adopt bool) error {
	if err := d.enter(ctx); err != nil {
		return fmt.Errorf("bind the data: %w", err)
	}
	defer d.door.Leave()
	// What is bound already needs no replica to wait for: a server can start while they are away.
	before, err := d.client.run(ctx, d.scripts.kept, d.keys.binding(), nil)
	if err != nil {
		return fmt.Errorf("bind the data: %w", err)
	}
	to, _ := before.ToString() // "" if there is none
	bound := to == control
	if to == "" || !bound && adopt {
		m, err := d.client.run(ctx, d.scripts.bind, d.keys.binding(), []string{control, flag(adopt)})
		if err != nil {
			return fmt.Errorf("bind the data: %w", err)
		}
		if bound, err = m.AsBool(); err != nil {
			return fmt.Errorf("bind the data: %w", errReply)
		}
	}
	if !bound {
		return fmt.Errorf("bind %s to control store %s: %w", d.client.settings.redacted(), strconv.Quote(control), marconi.ErrForeignData)
	}
	return nil
}

// seal lets nothing be posted to q any more, until it is deleted: it moves to another store.
func (d *dataStore) seal(ctx context.Context, q marconi.QueueRef) error {
	_, err := d.run(ctx, "seal a queue", d.scripts.seal, q, d.time())
	return err
}
