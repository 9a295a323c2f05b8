package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

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
// a crash between the two leaves messages in both queues and never in none.
func (b *Broker) bury(ctx context.Context, from marconi.QueueRef, c marconi.Claimed, to marconi.DeadLetter) error {
	if mover, can := b.data.(marconi.Mover); can {
		if err := mover.MoveSpent(ctx, from, c.Lease, idsOf(c.Spent), to); err != nil {
			return fmt.Errorf("move dead letters: %w", err)
		}
		return nil
	}
	posted, postErr := b.postDead(ctx, c.Spent, to)
	if len(posted) == 0 {
		return postErr
	}
	if err := b.data.DeleteMessages(ctx, from, idsOf(posted), []marconi.ClaimID{c.Lease}); err != nil {
		return fmt.Errorf("delete dead letters: %w", err) // what could not be posted comes again in any case
	}
	return postErr
}

// postDead posts dead letters, each producer's in one post and all posts at once, and gives those that are posted.
func (b *Broker) postDead(ctx context.Context, letters []marconi.Message, to marconi.DeadLetter) (posted []marconi.Message, err error) {
	posts := byProducer(letters)
	errs := make([]error, len(posts))
	var tasks sync.WaitGroup
	for i, letters := range posts {
		tasks.Go(func() { _, errs[i] = b.data.Post(ctx, to.Queue, deadPost(letters, to.TTL)) })
	}
	tasks.Wait()
	for i := range posts {
		if errs[i] == nil {
			posted = append(posted, posts[i]...)
		}
	}
	if err := worst(errs); err != nil {
		return posted, fmt.Errorf("post dead letters: %w", err)
	}
	return posted, nil
}

// worst is an error that is to be told before others: that there is no room is none if there is another.
func worst(errs []error) (err error) {
	for _, e := range errs {
		if e != nil && (err == nil || errors.Is(err, marconi.ErrFull)) {
			err = e
		}
	}
	return err
}

// byProducer parts messages by who posted them.
func byProducer(messages []marconi.Message) (parts [][]marconi.Message) {
	part := map[marconi.ClientID]int{}
	for _, m := range messages {
		n, known := part[m.Client]
		if !known {
			n = len(parts)
			part[m.Client], parts = n, append(parts, nil)
		}
		parts[n] = append(parts[n], m)
	}
	return parts
}

func idsOf(messages []marconi.Message) []marconi.MessageID {
	ids := make([]marconi.MessageID, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
	}
	return ids
}

// deadPost posts the letters of one producer; ttl 0 leaves each its own.
func deadPost(letters []marconi.Message, ttl marconi.Seconds) marconi.Post {
	p := marconi.Post{Client: letters[0].Client, Messages: make([]marconi.NewMessage, len(letters))}
	for i, m := range letters {
		p.Messages[i] = marconi.NewMessage{TTL: cmp.Or(ttl, m.TTL), Body: m.Body, Checksum: m.Checksum}
	}
	return p
}
