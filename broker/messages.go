package broker

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/pyjson"
)

// A Message is a message to be posted. A TTL left out is the limits' default.
type Message struct {
	TTL, Delay Optional[marconi.Seconds]
	Body       []byte // one JSON value, checked for syntax; the store may keep the slice
}

// A Post adds messages to a queue, all or none.
type Post struct {
	Queue       marconi.QueueKey
	Client      marconi.ClientID
	Messages    []Message
	CreateQueue bool // make the queue if there is none
	// DefaultDelay gives messages that name no delay the limits' default, where callers know of delays; else they have none.
	DefaultDelay bool
}

// A Listing says which messages to list. Limit left out is [marconi.DefaultPage]; Wait is how many seconds to wait for
// messages while there are none, not at all if left out.
type Listing struct {
	Queue          marconi.QueueKey
	Marker         marconi.Marker
	Limit          Optional[int]
	Client         marconi.ClientID
	Echo           bool
	IncludeClaimed bool
	IncludeDelayed bool
	Wait           Optional[int]
}

// A Pop takes the oldest free messages, at most Limit, and waits for them like a [Listing].
type Pop struct {
	Queue marconi.QueueKey
	Limit int
	Wait  Optional[int]
}

// PostMessages posts messages and gives their IDs in order. ErrNoQueue: there is no such queue and p doesn't make one.
func (b *Broker) PostMessages(ctx context.Context, p Post) ([]marconi.MessageID, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpPostMessages)
	if err != nil {
		return nil, err
	}
	defer bound.End()
	messages, err := b.newMessages(p)
	if err != nil {
		return nil, err
	}
	resolve := b.queues.get
	if p.CreateQueue {
		resolve = b.queues.make
	}
	lapses := b.queues.now()
	q, err := resolve(ctx, p.Queue)
	if err != nil {
		return nil, b.named(ctx, "post messages", p.Queue, err)
	}
	ids, err := b.data.Post(ctx, q.ref, marconi.Post{Client: p.Client, Messages: messages})
	if err == nil && !b.queues.stands(ctx, q, lapses) {
		ids, err = nil, fmt.Errorf("%w: the store may have lost the queue meanwhile", marconi.ErrUnavailable)
	}
	return ids, b.named(ctx, "post messages", p.Queue, err)
}

func (b *Broker) newMessages(p Post) ([]marconi.NewMessage, error) {
	if len(p.Messages) == 0 {
		return nil, marconi.Refuse("no-messages", "there are no messages to post")
	}
	var defaultDelay marconi.Seconds
	if p.DefaultDelay {
		defaultDelay = b.limits.DefaultMessageDelay
	}
	out := make([]marconi.NewMessage, len(p.Messages))
	for i, m := range p.Messages {
		ttl := m.TTL.or(b.limits.DefaultMessageTTL)
		if ttl < marconi.MinMessageTTL || ttl > b.limits.MaxMessageTTL {
			return nil, marconi.Refuse("ttl-range", fmt.Sprintf("a message's ttl has to be from %d to %d seconds",
				marconi.MinMessageTTL, b.limits.MaxMessageTTL))
		}
		delay := m.Delay.or(defaultDelay)
		if delay < 0 || delay > b.limits.MaxMessageDelay {
			return nil, marconi.Refuse("delay-range", fmt.Sprintf("a message's delay has to be from 0 to %d seconds", b.limits.MaxMessageDelay))
		}
		out[i] = marconi.NewMessage{TTL: ttl, Delay: delay, Body: m.Body}
		if b.checksums {
			out[i].Checksum = checksum(m.Body)
		}
	}
	return out, nil
}

// checksum is what clients expect to compare: the MD5 of the body as Python writes it. null has none.
func checksum(body []byte) string {
	if string(body) == "null" {
		return ""
	}
	sum := md5.Sum(pyjson.Append(nil, body))
	return "MD5:" + hex.EncodeToString(sum[:])
}

// ListMessages lists messages, oldest first. A missing queue has none.
func (b *Broker) ListMessages(ctx context.Context, l Listing) (page marconi.Page[marconi.Message], err error) {
	if err := b.may(ctx, marconi.OpListMessages); err != nil {
		return page, err
	}
	limit, err := pageLimit(l.Limit, b.limits.MaxMessagesPerPage)
	if err != nil {
		return page, err
	}
	wait, err := waitTime(l.Wait)
	if err != nil {
		return page, err
	}
	listing := marconi.Listing{
		Marker:         l.Marker,
		Limit:          limit,
		Client:         l.Client,
		Echo:           l.Echo,
		IncludeClaimed: l.IncludeClaimed,
		IncludeDelayed: l.IncludeDelayed,
	}
	err = b.await(ctx, l.Queue, wait, interestOf(l), func(ctx context.Context, q queueRecord) (found bool, err error) {
		page, err = b.data.List(ctx, q.ref, listing)
		return len(page.Items) > 0, err
	})
	return page, b.named(ctx, "list messages", l.Queue, err)
}

// Message gives one message, also a claimed one, or ErrNoMessage.
func (b *Broker) Message(ctx context.Context, key marconi.QueueKey, id marconi.MessageID) (marconi.Message, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpGetMessage)
	if err != nil {
		return marconi.Message{}, err
	}
	defer bound.End()
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return marconi.Message{}, marconi.ErrNoMessage
	}
	if err != nil {
		return marconi.Message{}, b.named(ctx, "get message", key, err)
	}
	m, err := b.data.Message(ctx, q.ref, id)
	return m, b.named(ctx, "get message", key, err)
}

// Messages gives those of the messages that are there, each once, in the order asked for.
func (b *Broker) Messages(ctx context.Context, key marconi.QueueKey, ids []marconi.MessageID) ([]marconi.Message, error) {
	ctx, bound, err := b.begin(ctx, marconi.OpListMessages)
	if err != nil {
		return nil, err
	}
	defer bound.End()
	if _, err := within("ids-range", "the number of ids", len(ids), b.limits.MaxMessagesPerPage); err != nil {
		return nil, err
	}
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil, nil
	}
	if err != nil {
		return nil, b.named(ctx, "get messages", key, err)
	}
	messages, err := b.data.Messages(ctx, q.ref, ids)
	return messages, b.named(ctx, "get messages", key, err)
}

// DeleteMessage removes a message; a claimed one needs its claim, else ErrClaimed, ErrNotOwner, ErrNotClaimed or
// ErrNoClaim (see [marconi.MessageStore]). There need not be such a message.
func (b *Broker) DeleteMessage(ctx context.Context, key marconi.QueueKey, id marconi.MessageID, claim marconi.ClaimID) error {
	ctx, bound, err := b.begin(ctx, marconi.OpDeleteMessage)
	if err != nil {
		return err
	}
	defer bound.End()
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil
	}
	if err == nil {
		err = b.data.Delete(ctx, q.ref, id, claim)
	}
	return b.named(ctx, "delete message", key, err)
}

// DeleteMessages removes messages, claimed ones too. They need not be there.
func (b *Broker) DeleteMessages(ctx context.Context, key marconi.QueueKey, ids []marconi.MessageID) error {
	ctx, bound, err := b.begin(ctx, marconi.OpDeleteMessages)
	if err != nil {
		return err
	}
	defer bound.End()
	if _, err := within("ids-range", "the number of ids", len(ids), b.limits.MaxMessagesPerPage); err != nil {
		return err
	}
	q, err := b.queues.get(ctx, key)
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil
	}
	if err == nil {
		err = b.data.DeleteMessages(ctx, q.ref, ids, nil)
	}
	return b.named(ctx, "delete messages", key, err)
}

// PopMessages removes and returns the oldest free messages. A missing queue has none.
func (b *Broker) PopMessages(ctx context.Context, p Pop) (messages []marconi.Message, err error) {
	if err := b.may(ctx, marconi.OpDeleteMessages); err != nil {
		return nil, err
	}
	if _, err := within("pop-range", "pop", p.Limit, b.limits.MaxMessagesPerClaim); err != nil {
		return nil, err
	}
	wait, err := waitTime(p.Wait)
	if err != nil {
		return nil, err
	}
	err = b.await(ctx, p.Queue, wait, marconi.Interest{Take: true}, func(ctx context.Context, q queueRecord) (found bool, err error) {
		messages, err = b.data.Pop(ctx, q.ref, p.Limit)
		return len(messages) > 0, err
	})
	return messages, b.named(ctx, "pop messages", p.Queue, err)
}

// within holds that 1 ≤ n ≤ most.
func within(code, what string, n, most int) (int, error) {
	if n < 1 || n > most {
		return 0, marconi.Refuse(code, fmt.Sprintf("%s has to be from 1 to %d", what, most))
	}
	return n, nil
}

// pageLimit is how many to give: what was asked for, if that is allowed, or the API's default, which no option changes.
func pageLimit(asked Optional[int], most int) (int, error) {
	limit, given := asked.Get()
	if !given {
		return marconi.DefaultPage, nil
	}
	return within("limit-range", "limit", limit, most)
}
