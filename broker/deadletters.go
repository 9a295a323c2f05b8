package broker

import (
	"context"
	"fmt"

	"github.com/marconi-mq/marconi"
)

// deadLetterRules say what becomes of messages that were claimed too often. The zero value says: nothing.
type deadLetterRules struct {
	maxClaims int
	queue     marconi.QueueName
	ttl       marconi.Seconds // 0: each message's own
}

// deadLetterRulesOf reads the rules in a queue's metadata. Metadata of older servers, or of other programs, may hold
// what would be refused today: such rules are off.
func deadLetterRulesOf(q marconi.Queue) deadLetterRules {
	if len(q.Metadata) <= len(noMetadata) {
		return deadLetterRules{}
	}
	a, err := parseAttributes(q.Metadata)
	if err != nil {
		return deadLetterRules{}
	}
	most, _, countErr := a.integer("_max_claim_count")
	name, given, nameErr := a.text("_dead_letter_queue")
	ttl, _, ttlErr := a.integer("_dead_letter_queue_messages_ttl")
	if firstError(countErr, nameErr, ttlErr, a.deadLetterQueue(q.Name)) != nil || !given || most < 1 {
		return deadLetterRules{}
	}
	return deadLetterRules{maxClaims: int(min(most, 1<<31-1)), queue: marconi.QueueName(name), ttl: max(marconi.Seconds(ttl), 0)}
}

// deadLetterQueue makes the queue that messages may be moved to, before the claim that may move them.
func (b *Broker) deadLetterQueue(ctx context.Context, from queueRecord) (marconi.DeadLetter, error) {
	if from.rules.maxClaims == 0 {
		return marconi.DeadLetter{}, nil
	}
	to, err := b.queues.make(ctx, marconi.QueueKey{Project: from.ref.Project, Name: from.rules.queue})
	if err != nil {
		return marconi.DeadLetter{}, fmt.Errorf("make dead-letter queue %s: %w", from.rules.queue, err)
	}
	return marconi.DeadLetter{Queue: to.ref, TTL: from.rules.ttl}, nil
}

// bury moves what a claim has set aside: in one step where the store can, else by posting and then deleting, so that
// a crash between the two leaves a message in both queues and never in none.
func (b *Broker) bury(ctx context.Context, from marconi.QueueRef, c marconi.Claimed, to marconi.DeadLetter) error {
	ids := make([]marconi.MessageID, len(c.Spent))
	for i, m := range c.Spent {
		ids[i] = m.ID
	}
	if mover, can := b.data.(marconi.Mover); can {
		if err := mover.MoveSpent(ctx, from, c.Lease, ids, to); err != nil {
			return fmt.Errorf("move dead letters: %w", err)
		}
		return nil
	}
	for _, m := range c.Spent {
		if _, err := b.data.Post(ctx, to.Queue, deadPost(m, to.TTL)); err != nil {
			return fmt.Errorf("post dead letter %s: %w", m.ID, err)
		}
		if err := b.data.Delete(ctx, from, m.ID, c.Lease); err != nil {
			return fmt.Errorf("delete dead letter %s: %w", m.ID, err)
		}
	}
	return nil
}

func deadPost(m marconi.Message, ttl marconi.Seconds) marconi.Post {
	if ttl == 0 {
		ttl = m.TTL
	}
	return marconi.Post{
		Client:   m.Client,
		Messages: []marconi.NewMessage{{TTL: ttl, Body: m.Body, Checksum: m.Checksum}},
	}
}
