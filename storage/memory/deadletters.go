package memory

import (
	"context"

	"github.com/marconi-mq/marconi"
)

// MoveSpent implements [marconi.Mover].
func (d *dataStore) MoveSpent(ctx context.Context, from marconi.QueueRef, lease marconi.ClaimID, ids []marconi.MessageID, l marconi.DeadLetter) error {
	return d.pass(ctx, d.shard(from), func() {
		for again := true; again; {
			again = !d.inBoth(from, l.Queue, func(source, target *queue) { source.move(target, lease, ids, l.TTL) })
		}
	})
}

// inBoth calls f in both queues, unless one of them turns out to be gone. If there is no source, there is nothing to do.
func (d *dataStore) inBoth(from, to marconi.QueueRef, f func(source, target *queue)) bool {
	source := d.shard(from).queue(from)
	if source == nil {
		return true
	}
	target := d.queue(d.shard(to), to)
	if source == target {
		return d.inside(source, func(q *queue) { f(q, q) })
	}
	first, second := source, target
	if target.number < source.number { // the same order for all, so that no two wait for each other
		first, second = target, source
	}
	done := false
	return d.inside(first, func(*queue) {
		done = d.inside(second, func(*queue) { f(source, target) })
	}) && done
}

// move puts those of the messages that the lease holds to the end of the target.
func (q *queue) move(target *queue, lease marconi.ClaimID, ids []marconi.MessageID, ttl marconi.Seconds) {
	c := q.claim(lease)
	if c == nil || !c.lease {
		return
	}
	for s, i := range q.named(ids) {
		if s.marks[i].claim != c {
			continue
		}
		letter := s.content[i]
		letter.claims = 0
		if ttl != 0 {
			letter.ttl = ttl
		}
		target.room.force(letter.room()) // what is given back on the next line
		q.remove(s, i)
		q.tidy(s)
		target.note(event{letter.client, posted})
		target.post(letter, 0)
	}
}
