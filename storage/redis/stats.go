package redis

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// Stats implements [marconi.DataStore]. The counts are those of Redis, once what has expired or is over has been dealt with.
func (d *dataStore) Stats(ctx context.Context, q marconi.QueueRef) (marconi.Stats, error) {
	for {
		r, err := d.run(ctx, "count messages", d.scripts.stats, q, d.time())
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
