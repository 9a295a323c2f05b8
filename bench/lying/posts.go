package lying

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
)

// A poster lies about posts.
type poster struct {
	marconi.DataStore
	*teller
	lie   Lie
	drops atomic.Int64
}

// Post posts, unless this post is one to lie about.
func (p *poster) Post(ctx context.Context, q marconi.QueueRef, post marconi.Post) ([]marconi.MessageID, error) {
	if p.lie == Swap && len(post.Messages) < 2 || !p.due() {
		return p.DataStore.Post(ctx, q, post)
	}
	switch p.lie {
	case Drop:
		return p.drop(ctx, q, post)
	case KeepRefused:
		return nil, p.keepAll(ctx, q, post, marconi.Refuse("lying", "this post is refused"))
	case KeepFailed:
		return nil, p.keepAll(ctx, q, post, errFailed)
	case Swap:
		return p.swap(ctx, q, post)
	case Damage:
		return p.change(ctx, q, post, func(m *marconi.NewMessage) { m.Body = damaged(m.Body) })
	case Outlive:
		return p.change(ctx, q, post, func(m *marconi.NewMessage) { m.TTL += 3600 })
	}
	return p.late(ctx, q, post)
}

// drop keeps all but the first message, and makes up an ID for that.
func (p *poster) drop(ctx context.Context, q marconi.QueueRef, post marconi.Post) (ids []marconi.MessageID, err error) {
	dropped := marconi.MessageID(fmt.Sprintf("dropped-%d", p.drops.Add(1)))
	if post.Messages = post.Messages[1:]; len(post.Messages) > 0 {
		if ids, err = p.DataStore.Post(ctx, q, post); err != nil {
			p.gaveUp()
			return nil, err
		}
	}
	p.lied(dropped)
	return append([]marconi.MessageID{dropped}, ids...), nil
}

// errFailed is answered with 500.
var errFailed = &marconi.Error{Kind: marconi.Internal, Code: "lying", Text: "this post is said to have failed"}

// keepAll keeps the post, and says otherwise.
func (p *poster) keepAll(ctx context.Context, q marconi.QueueRef, post marconi.Post, says error) error {
	ids, err := p.DataStore.Post(ctx, q, post)
	if err != nil {
		p.gaveUp()
		return err
	}
	p.lied(ids...)
	return says
}

// swap gives the first two messages each other's place, and so their IDs.
func (p *poster) swap(ctx context.Context, q marconi.QueueRef, post marconi.Post) ([]marconi.MessageID, error) {
	post.Messages = slices.Clone(post.Messages)
	post.Messages[0], post.Messages[1] = post.Messages[1], post.Messages[0]
	ids, err := p.DataStore.Post(ctx, q, post)
	if err != nil {
		p.gaveUp()
		return nil, err
	}
	ids[0], ids[1] = ids[1], ids[0]
	p.lied(ids[0])
	return ids, nil
}

// change keeps the last message otherwise than it was posted.
func (p *poster) change(ctx context.Context, q marconi.QueueRef, post marconi.Post, change func(*marconi.NewMessage)) ([]marconi.MessageID, error) {
	post.Messages = slices.Clone(post.Messages)
	change(&post.Messages[len(post.Messages)-1])
	ids, err := p.DataStore.Post(ctx, q, post)
	if err != nil {
		p.gaveUp()
		return nil, err
	}
	p.lied(ids[len(ids)-1])
	return ids, nil
}

// damaged is a body with another letter in place of its last one: JSON all the same, if it ends in a text.
func damaged(body []byte) []byte {
	body = slices.Clone(body)
	last := bytes.LastIndexFunc(body, func(r rune) bool { return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' })
	body[last] = 'A' + (body[last]|0x20-'a'+1)%26
	return body
}

// lateFor bounds how long a client may take to give up.
const lateFor = 20 * time.Second

// late posts as often as its lie says, and answers when the client has gone.
func (p *poster) late(ctx context.Context, q marconi.QueueRef, post marconi.Post) (ids []marconi.MessageID, err error) {
	times := map[Lie]int{KeepLate: 1, KeepTwice: 2}[p.lie]
	for range times {
		if ids, err = p.DataStore.Post(ctx, q, post); err != nil {
			p.gaveUp()
			return nil, err
		}
	}
	if times == 0 {
		ids = make([]marconi.MessageID, len(post.Messages)) // which have none
	}
	p.lied(ids...)
	select {
	case <-callerOf(ctx).gone:
	case <-time.After(lateFor):
	}
	return nil, marconi.ErrUnavailable
}
