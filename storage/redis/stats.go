package redis

import (
	"context"
	"time"

	"github.com/marconi-mq/marconi"
)

// settleFor is how long stats are put off for what has expired or is over to be dealt with. After claims of a million messages that end at
// once that takes half a minute; meanwhile those not dealt with are counted as before.
const settleFor = time.Second

// Stats implements [marconi.DataStore]. The counts are those of Redis, once what has expired or is over has been dealt with, or as it is
// after a while.
func (d *dataStore) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	for begun, asItIs := time.Now(), ""; ; {
		if time.Since(begun) > settleFor {
			asItIs = "1"
		}
		r, err := d.run(ctx, "count messages", d.scripts.stats, q, d.time(), asItIs)
		if err != nil {
			return marconi.Stats{}, err
		}
		if r.code == codeAgain {
			continue
		}
		s := marconi.Stats{Total: r.number(0), Claimed: r.number(1)}
		s.Free = s.Total - s.Claimed
		s.Oldest, s.Newest = oneOf(r.messages(2, q.Incarnation)), oneOf(r.messages(3, q.Incarnation))
		return s, r.err
	}
}

func oneOf(messages []marconi.Message) *marconi.Message {
	if len(messages) == 0 {
		return nil
	}
	return &messages[0]
}
