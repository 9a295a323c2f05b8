package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// A durable runs scripts and waits until what they wrote is safe. To wait is to hold up a connection, so each call has
// one to itself meanwhile; script and waiting travel together, in one round trip.
type durable struct {
	client   rueidis.Client
	settings settings
	assure   string        // the text of that script
	places   chan struct{} // one for each connection there may be

	// replicas are how many were connected to the primary of a slot when it was last seen; without a cluster all is one slot.
	replicas [1 << 14]atomic.Int32
}

var errNotSafe = errors.New("it was written, but not made safe in time")

// openDurable connects once more, with what suits connections that carry one call at a time.
func openDurable(o rueidis.ClientOption, s settings) (*durable, error) {
	o.AlwaysPipelining = false
	o.PipelineMultiplex = -1
	o.BlockingPoolSize, o.BlockingPoolMinSize, o.BlockingPoolCleanup = s.waiters, min(s.waiters, 4), time.Minute
	o.ReadBufferEachConn, o.WriteBufferEachConn, o.RingScaleEachConn = 1<<14, 1<<14, 4
	client, err := rueidis.NewClient(o)
	if err != nil {
		return nil, err
	}
	return &durable{client: client, settings: s, assure: newScript("assure").text, places: make(chan struct{}, s.waiters)}, nil
}

// send sends a script that writes. A reply that is no error says that what was written is safe.
//
// The library gives a connection on which it waits the context's end as a deadline, and tells of its passing as it does of a context that has
// ended before anything was sent. That the script has been sent then has to be taken for granted.
//
// If key is not "", what a former try may have written of the things of that key has to be safe as well.
func (d *durable) send(ctx context.Context, command rueidis.Completed, key string) rueidis.RedisResult {
	r := d.sendWithin(ctx, command, key)
	err := r.NonRedisError()
	var connect *connectError
	if err != nil && !errors.As(err, &connect) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return rueidis.NewErrorResult(fmt.Errorf("%w: %s", errNotSafe, err.Error()))
	}
	return r
}

// both are the script and what assures it, if it has to be.
func (d *durable) both(c rueidis.DedicatedClient, command rueidis.Completed, key string) []rueidis.Completed {
	if key == "" {
		return []rueidis.Completed{command}
	}
	return []rueidis.Completed{command, c.B().Eval().Script(d.assure).Numkeys(1).Key(key).Build()}
}

// parted are the reply of the script and those of what waits behind it. An error is one of the script itself or of what assures it.
func parted(replies []rueidis.RedisResult, scripts int) (first rueidis.RedisResult, rest []rueidis.RedisResult, failed bool) {
	first, rest = replies[0], replies[scripts:]
	if err := first.Error(); err != nil && !rueidis.IsRedisNil(err) {
		return first, rest, true
	}
	if scripts > 1 {
		if err := replies[1].Error(); err != nil && !rueidis.IsRedisNil(err) {
			return rueidis.NewErrorResult(fmt.Errorf("%w: %s", errNotSafe, err.Error())), rest, true
		}
	}
	return first, rest, false
}

func (d *durable) sendWithin(ctx context.Context, command rueidis.Completed, key string) rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, d.settings.wait+max(d.settings.socketTimeout, time.Second))
	defer cancel()
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
	case <-ctx.Done():
		return rueidis.NewErrorResult(&connectError{"the server", false, fmt.Errorf("all pool_size=%d connections are in use: %w", d.settings.waiters, ctx.Err())})
	}
	connection, release := d.client.Dedicate()
	defer release()
	if d.settings.durability == onDisk {
		return d.sendToDisk(ctx, connection, command, key)
	}
	return d.sendToReplicas(ctx, connection, command, key)
}

func (d *durable) sendToDisk(ctx context.Context, c rueidis.DedicatedClient, command rueidis.Completed, key string) rueidis.RedisResult {
	wait := c.B().Waitaof().Numlocal(1).Numreplicas(0).Timeout(d.milliseconds(ctx)).Build()
	scripts := d.both(c, command, key)
	first, replies, failed := parted(c.DoMulti(ctx, append(scripts, wait)...), len(scripts))
	if failed {
		return first
	}
	synced, err := replies[0].AsIntSlice()
	switch {
	case err != nil:
		return rueidis.NewErrorResult(fmt.Errorf("%w: %s", errNotSafe, err.Error()))
	case len(synced) == 0 || synced[0] < 1:
		return rueidis.NewErrorResult(fmt.Errorf("%w: the append-only file was not synced", errNotSafe))
	}
	return first
}

// sendToReplicas waits for as many replicas as were connected lately, and asks how many are now: all of those must have
// it. A replica that has gone costs the first call its whole time, one that has come a second round trip.
func (d *durable) sendToReplicas(ctx context.Context, c rueidis.DedicatedClient, command rueidis.Completed, key string) rueidis.RedisResult {
	lately := &d.replicas[command.Slot()&(1<<14-1)]
	asked := max(int(lately.Load()), d.settings.waitReplicas)
	scripts := d.both(c, command, key)
	first, replies, failed := parted(c.DoMulti(ctx, append(scripts, d.waitFor(ctx, c, asked), c.B().Role().Build())...), len(scripts))
	if first.NonRedisError() != nil {
		lately.Store(0) // the next primary is another one, and to wait for the replicas of this one would be in vain
	}
	if failed {
		return first
	}
	for {
		have, connected, err := counts(replies)
		if err != nil {
			return rueidis.NewErrorResult(fmt.Errorf("%w: %s", errNotSafe, err.Error()))
		}
		lately.Store(int32(connected))
		need := max(connected, d.settings.waitReplicas)
		if have >= need {
			return first
		}
		if have < asked {
			return rueidis.NewErrorResult(fmt.Errorf("%w: %d of %d replicas have it", errNotSafe, have, need))
		}
		asked = need
		replies = c.DoMulti(ctx, d.waitFor(ctx, c, asked), c.B().Role().Build())
	}
}

func (d *durable) waitFor(ctx context.Context, c rueidis.DedicatedClient, replicas int) rueidis.Completed {
	return c.B().Wait().Numreplicas(int64(replicas)).Timeout(d.milliseconds(ctx)).Build()
}

// counts reads the replies of WAIT and ROLE: how many replicas have all that this connection wrote, and how many there are.
func counts(replies []rueidis.RedisResult) (have, connected int, err error) {
	n, err := replies[0].AsInt64()
	if err != nil {
		return 0, 0, err
	}
	role, err := replies[1].ToArray()
	if err != nil {
		return 0, 0, err
	}
	if len(role) < 3 {
		return 0, 0, errors.New("the server is no primary any more")
	}
	list, err := role[2].ToArray()
	if err != nil {
		return 0, 0, errors.New("the server is no primary any more")
	}
	return int(n), len(list), nil
}

// milliseconds is how long the server may wait: a little less than the caller does, so that its answer is not missed.
func (d *durable) milliseconds(ctx context.Context) int64 {
	wait := d.settings.wait
	if end, has := ctx.Deadline(); has {
		wait = min(wait, time.Until(end)*9/10)
	}
	return max(wait.Milliseconds(), 1)
}
