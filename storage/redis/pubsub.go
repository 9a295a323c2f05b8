package redis

import (
	"time"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi/internal/pause"
)

const (
	longestSilence = 2 * time.Second        // between two tries to subscribe
	lostTogether   = 100 * time.Millisecond // connections to a server that goes
)

// subscribe calls onMessage for each message on a channel until the client is closed, and onConnect whenever it has
// subscribed, the first time and after each break: what was published meanwhile is lost. Both are called from goroutines of
// the client, each from one; onMessage must be quick, for it holds up all calls of its connection.
func (c *client) subscribe(channel string, onMessage func(payload string), onConnect func()) {
	subscribed := make(chan struct{}, 1)
	c.tasks.Go(func() {
		for {
			select {
			case <-c.stopped.Done():
				return
			case <-subscribed:
				onConnect()
			}
		}
	})
	c.tasks.Go(func() { c.listen(channel, onMessage, subscribed) })
}

func (c *client) listen(channel string, onMessage func(string), subscribed chan<- struct{}) {
	wait := firstPause
	ctx := rueidis.WithOnSubscriptionHook(c.stopped, func(s rueidis.PubSubSubscription) {
		if s.Kind != "subscribe" {
			return
		}
		select {
		case subscribed <- struct{}{}:
		default: // one is owed already
		}
	})
	for {
		began := time.Now()
		command := c.shared.B().Subscribe().Channel(channel).Build()
		err := c.shared.Receive(ctx, command, func(m rueidis.PubSubMessage) { onMessage(m.Message) })
		if time.Since(began) > longestSilence {
			wait = firstPause
		}
		if pause.For(c.stopped, wait) != nil {
			return
		}
		c.meter.Add("redis_subscriptions_lost_total", 1)
		if wait = min(2*wait, longestSilence); wait == longestSilence {
			c.log.Warn("Redis can't be listened to: who waits in another process is woken late", "error", err)
		}
	}
}

// whenLost calls onLost whenever connections were lost that calls share, once for those that are lost together, until the client is closed.
func (c *client) whenLost(onLost func()) {
	c.tasks.Go(func() {
		for {
			select {
			case <-c.stopped.Done():
				return
			case <-c.dialer.lost:
			}
			if pause.For(c.stopped, lostTogether) != nil {
				return
			}
			select {
			case <-c.dialer.lost:
			default:
			}
			onLost()
		}
	})
}
