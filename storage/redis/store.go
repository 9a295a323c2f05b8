package redis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

// patience is how long a claim, pop or list waits for others' claims and delays to be ended that are over: until then it would not
// see the oldest messages first. After that it takes what there is.
const patience = 100 * time.Millisecond

// A dataStore is a marconi.DataStore.
type dataStore struct {
	plane
	hub     *wake.Hub[marconi.QueueRef, event]
	waiters waiters
	known   known
	stop    context.CancelFunc // ends what the hub asks
	living  context.Context    // done then
}

func newDataStore(ctx context.Context, b *base) *dataStore {
	d := &dataStore{plane: plane{base: b}}
	d.living, d.stop = context.WithCancel(context.Background())
	d.hub = wake.New(b.now, d.ask)
	d.waiters.channel = b.keys.wake(randomHex(8))
	d.waiters.of = map[string]*waiting{}
	d.listen(ctx)
	return d
}

// listen begins to hear what other calls tell. It waits for the line to be there, but not long: whoever waits before looks again then.
func (d *dataStore) listen(ctx context.Context) {
	connected := make(chan struct{}, 1)
	if d.client.settings.topology == cluster { // elsewhere the subscription is lost with the server
		d.client.whenLost(d.lookAgain)
	}
	d.client.subscribe(d.waiters.channel, d.hear, func() {
		d.lookAgain()
		select {
		case connected <- struct{}{}:
		default:
		}
	})
	select {
	case <-connected:
	case <-ctx.Done():
	case <-time.After(d.client.settings.connectTimeout):
	}
}

// Capabilities implements [marconi.DataStore].
func (d *dataStore) Capabilities() marconi.Capability {
	c := marconi.FIFO | marconi.Claims | marconi.AtLeastOnce | marconi.HighThroughput
	if d.client.durable != nil && d.client.settings.durability == onDisk {
		c |= marconi.Durable
	}
	return c
}

// Close implements [marconi.DataStore]: it waits for the calls under way.
func (d *dataStore) Close() error {
	if !d.door.Shut() {
		return nil
	}
	d.stop()
	d.hub.Close()
	d.leave()
	return nil
}

// run runs a script on a queue. The first of args is the time. The reply is sound so far as it was read, and a code that is an error comes
// as one.
func (d *dataStore) run(ctx context.Context, what string, s *script, q marconi.QueueRef, args ...string) (reply, error) {
	return d.runAt(ctx, what, s, d.keys.of(q), args)
}

// runAt is run on any keys.
func (d *dataStore) runAt(ctx context.Context, what string, s *script, keys, args []string) (reply, error) {
	if err := d.enter(ctx); err != nil {
		return reply{}, fmt.Errorf("%s: %w", what, err)
	}
	defer d.door.Leave()
	m, err := d.client.run(ctx, s, keys, args)
	if err != nil {
		return reply{}, fmt.Errorf("%s: %w", what, err)
	}
	r := parseReply(m)
	if r.err == nil {
		r.err = r.code.err()
	}
	if r.err != nil {
		return reply{}, fmt.Errorf("%s: %w", what, r.err)
	}
	return r, nil
}

// A turn is one of the calls of a search, which goes on until it is done. Ripe is set when it is to take what there is.
type turn func(ripe string) (reply, bool, error)

// search calls do until there is no more to look at, and sees to it that claims and delays that are over are ended first.
func search(do turn) error {
	var waited time.Time
	ripe := ""
	for {
		r, more, err := do(ripe)
		if err != nil || !more {
			return err
		}
		if r.code != codeAgain {
			continue
		}
		if waited.IsZero() {
			waited = time.Now()
		} else if time.Since(waited) > patience {
			ripe = "1"
		}
	}
}

func decimal[N ~int | ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func flag(set bool) string {
	if set {
		return "1"
	}
	return ""
}
