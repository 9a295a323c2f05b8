package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/marconi-mq/marconi"
)

var (
	errExists  = errors.New("the target has a queue of that name, which is left as it is")
	noMetadata = marconi.Metadata("{}")
)

// queue imports one queue, and notes that it is done.
func (r *run) queue(ctx context.Context, q Queue) error {
	t := &Tally{problem: r.options.Problem}
	if r.journal == nil {
		return r.countQueue(ctx, q, t)
	}
	_, err := r.target.Control.Queue(ctx, q.Key)
	if err == nil {
		return r.leave(q.Key)
	}
	if !errors.Is(err, marconi.ErrNoQueue) {
		return err
	}
	ref := marconi.QueueRef{QueueKey: q.Key, Incarnation: newIncarnation()}
	if err := r.journal.begin(ref); err != nil {
		return err
	}
	if err := r.fill(ctx, ref, q, t); err != nil {
		return errors.Join(err, r.tidy(ctx, ref))
	}
	t.Queues = 1
	if err := r.journal.publish(ref, q.Metadata, t.Counts); err != nil {
		return err
	}
	return r.publish(ctx, r.journal.pending)
}

// countQueue does what a dry run does.
func (r *run) countQueue(ctx context.Context, q Queue, t *Tally) error {
	for page, err := range r.source.Messages(ctx, q, t) {
		if err != nil {
			return err
		}
		t.Messages += int64(len(page))
		r.progress(q.Key, t)
	}
	t.Queues = 1
	r.finish(q.Key, t.Counts)
	return nil
}

// leave leaves a queue out that is there already.
func (r *run) leave(key marconi.QueueKey) error {
	counts := Counts{Existing: 1}
	r.options.Problem(Problem{Project: key.Project, Queue: string(key.Name), Reason: Exists, Err: errExists})
	if err := r.journal.finish(key, counts); err != nil {
		return err
	}
	r.finish(key, counts)
	return nil
}

// fill posts the messages of q to ref, where nobody sees them.
func (r *run) fill(ctx context.Context, ref marconi.QueueRef, q Queue, t *Tally) error {
	for page, err := range r.source.Messages(ctx, q, t) {
		if err != nil {
			return err
		}
		for len(page) > 0 {
			n := together(page)
			if err := r.post(ctx, ref, page[:n]); err != nil {
				return err
			}
			t.Messages += int64(n)
			page = page[n:]
		}
		r.progress(q.Key, t)
	}
	return ctx.Err()
}

// together is how many of the messages go into the next post: those of one client, as far as a post may be large.
func together(page []Message) int {
	bytes := 0
	for i, m := range page {
		bytes += len(m.Body)
		if i > 0 && (i == postMessages || m.Client != page[0].Client || bytes > postBytes) {
			return i
		}
	}
	return len(page)
}

func (r *run) post(ctx context.Context, ref marconi.QueueRef, messages []Message) error {
	p := marconi.Post{Client: messages[0].Client, Messages: make([]marconi.NewMessage, len(messages))}
	for i, m := range messages {
		p.Messages[i] = m.NewMessage
	}
	_, err := r.target.Data.Post(ctx, ref, p)
	return err
}

// tidy drops what was posted to ref, if there is still time. The next run does so otherwise.
func (r *run) tidy(ctx context.Context, ref marconi.QueueRef) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	if err := r.target.Data.DeleteQueue(ctx, ref); err != nil {
		return fmt.Errorf("drop what was imported of it: %w", err)
	}
	return nil
}

// publish lets a queue be seen whose messages are all there, and notes that it is done. It may be repeated.
func (r *run) publish(ctx context.Context, p *record) error {
	key, counts := p.ref().QueueKey, *p.Counts
	if _, err := r.target.Control.AdoptQueue(ctx, p.ref()); err != nil {
		return fmt.Errorf("publish it: %w", err)
	}
	q, err := r.target.Control.Queue(ctx, key)
	if err != nil {
		return fmt.Errorf("publish it: %w", err)
	}
	if q.Incarnation != p.Incarnation {
		// Somebody has made it meanwhile.
		if err := r.target.Data.DeleteQueue(ctx, p.ref()); err != nil {
			return fmt.Errorf("drop what was imported of it: %w", err)
		}
		return r.leave(key)
	}
	// Metadata that a client has set since it was published stays.
	if metadata := marconi.Metadata(p.Metadata); slices.Equal(q.Metadata, noMetadata) && !slices.Equal(metadata, noMetadata) {
		if err := r.target.Control.SetMetadata(ctx, key, metadata); err != nil {
			return fmt.Errorf("set its metadata: %w", err)
		}
	}
	if err := r.journal.finish(key, counts); err != nil {
		return err
	}
	r.finish(key, counts)
	return nil
}

// mend ends what an earlier run had under way.
func (r *run) mend(ctx context.Context) error {
	p := r.journal.pending
	switch {
	case p == nil:
		return nil
	case p.Step == stepPublish:
		r.seen++
		return r.publish(ctx, p)
	}
	return r.drop(ctx, p.ref())
}

// drop drops what an earlier run has imported of a queue, unless it is to be seen, whatever the journal says: that may have been
// brought back from a copy.
func (r *run) drop(ctx context.Context, ref marconi.QueueRef) error {
	q, err := r.target.Control.Queue(ctx, ref.QueueKey)
	if err == nil && q.QueueRef == ref {
		return nil
	}
	if err == nil || errors.Is(err, marconi.ErrNoQueue) {
		err = r.target.Data.DeleteQueue(ctx, ref)
	}
	if err != nil {
		return fmt.Errorf("drop what an earlier run imported of queue %q of project %q: %w", ref.Name, ref.Project, err)
	}
	return nil
}

func (r *run) finish(key marconi.QueueKey, c Counts) {
	r.total.Add(c)
	r.options.Progress(Progress{Queue: key, Counts: r.total})
}

func (r *run) progress(key marconi.QueueKey, t *Tally) {
	now := r.total
	now.Add(t.Counts)
	r.options.Progress(Progress{Queue: key, Counts: now})
}
