package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// mostAtOnce is how many messages a script is given or asked for: Lua can't hand on more than 8000 values at once.
const mostAtOnce = 1000

// Post implements [marconi.MessageStore].
func (d *dataStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	longest, delayed := marconi.Seconds(0), false
	for i := range p.Messages {
		longest, delayed = max(longest, p.Messages[i].TTL), delayed || p.Messages[i].Delay > 0
	}
	keys := postKeys
	var noting sync.WaitGroup
	var noteErr error
	if noted := d.isNoted(q, longest); delayed || !noted {
		keys = len(queueKeys)
		if !noted { // both calls travel together
			noting.Go(func() { noteErr = d.note(ctx, q, longest) })
		}
	}
	first, err := d.post(ctx, q, keys, d.postArgs(p, longest))
	noting.Wait()
	if err == nil && noteErr == nil { // again if a connection broke meanwhile
		noteErr = d.note(ctx, q, longest)
	}
	if err == nil && noteErr != nil {
		err = fmt.Errorf("post messages: %w: they may be there, but %w", marconi.ErrUnavailable, noteErr)
	}
	if err != nil {
		return nil, err
	}
	ids, texts := make([]marconi.MessageID, len(p.Messages)), identifiers{of: q.Incarnation}
	texts.grow(len(ids))
	for i := range ids {
		ids[i] = texts.id(first + int64(i))
	}
	return ids, nil
}

// post runs the script of a post with so many of its keys, and again with all if it needs them. It gives the number of the first message.
func (d *dataStore) post(ctx context.Context, q marconi.QueueRef, keys int, args []string) (int64, error) {
	for {
		r, err := d.runAt(ctx, "post messages", d.scripts.post, d.keys.first(q, keys), args)
		if err != nil {
			return 0, err
		}
		if r.code == codeDone {
			first := r.number(0)
			return first, r.err
		}
		if keys == len(queueKeys) {
			return 0, fmt.Errorf("post messages: %w", errReply)
		}
		keys = len(queueKeys)
	}
}

// postArgs are what the script of a post is told. Bodies are not copied: they are the store's from now on.
func (d *dataStore) postArgs(p marconi.Post, longest marconi.Seconds) []string {
	client := packClient(p.Client)
	args := make([]string, 0, 2*len(p.Messages)+1)
	envelope, sameTTL := "", true
	for i := range p.Messages {
		m := &p.Messages[i]
		if i == 0 || !alike(m, &p.Messages[i-1]) {
			envelope = client.pack(m)
		}
		args = append(args, envelope, rueidis.BinaryString(m.Body))
		sameTTL = sameTTL && m.TTL == longest
	}
	if at := d.time(); !sameTTL || at != "" {
		args = append(args, packTTL(longest)+at)
	}
	return args
}

// alike reports whether two messages of a client have the same envelope.
func alike(a, b *marconi.NewMessage) bool {
	return a.TTL == b.TTL && a.Delay == b.Delay && a.Checksum == b.Checksum
}

// List implements [marconi.MessageStore].
func (d *dataStore) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	var page marconi.Page[marconi.Message]
	place, ok := seqid.ParsePosition(string(l.Marker))
	if !ok {
		return page, d.passes(ctx)
	}
	var own packedClient
	if !l.Echo {
		own = packClient(l.Client)
	}
	err := search(func(ripe string) (reply, bool, error) {
		r, err := d.run(ctx, "list messages", d.scripts.list, q, d.time(), decimal(place), decimal(min(l.Limit-len(page.Items), mostAtOnce)), ripe,
			flag(l.IncludeClaimed), flag(l.IncludeDelayed), own.raw, flag(own.uuid))
		if err != nil {
			return r, false, err
		}
		page.Items = append(page.Items, r.messages(0, q.Incarnation)...)
		place = r.number(1)
		more := r.number(2) != 0
		return r, more && len(page.Items) < l.Limit, r.err
	})
	if err != nil {
		return marconi.Page[marconi.Message]{}, err
	}
	if n := len(page.Items); n > 0 {
		seq, _ := seqid.Parse(int64(q.Incarnation), string(page.Items[n-1].ID))
		page.Next = marconi.Marker(seqid.Position(seq))
	}
	return page, nil
}

// passes is why a call that needs nothing of the server can't be answered, or nil.
func (d *dataStore) passes(ctx context.Context) error {
	if err := d.enter(ctx); err != nil {
		return err
	}
	d.door.Leave()
	return nil
}

// Message implements [marconi.MessageStore].
func (d *dataStore) Message(ctx context.Context, q marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	found, err := d.Messages(ctx, q, []marconi.MessageID{id})
	if err == nil && len(found) == 0 {
		err = marconi.ErrNoMessage
	}
	if err != nil {
		return marconi.Message{}, fmt.Errorf("get message %s: %w", id, err)
	}
	return found[0], nil
}

// Messages implements [marconi.MessageStore].
func (d *dataStore) Messages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	var found []marconi.Message
	seqs := numbers(q, ids)
	if len(seqs) == 0 {
		return nil, d.passes(ctx)
	}
	for ; len(seqs) > 0; seqs = seqs[min(len(seqs), mostAtOnce):] {
		args := append([]string{d.time()}, seqs[:min(len(seqs), mostAtOnce)]...)
		r, err := d.run(ctx, "get messages", d.scripts.get, q, args...)
		if err != nil {
			return nil, err
		}
		found = append(found, r.messages(0, q.Incarnation)...)
		if r.err != nil {
			return nil, r.err
		}
	}
	return found, nil
}

// numbers are those of messages, each once. What can't be the ID of one of the queue's is left out.
func numbers(q marconi.QueueRef, ids []marconi.MessageID) []string {
	seqs, seen := make([]string, 0, len(ids)), make(map[int64]struct{}, len(ids))
	var text strings.Builder // one piece of memory for all
	text.Grow(len(ids) * usualDigits)
	for _, id := range ids {
		seq, ok := seqid.Parse(int64(q.Incarnation), string(id))
		if _, again := seen[seq]; !ok || again {
			continue
		}
		seen[seq] = struct{}{}
		var room [maxDigits]byte
		from := text.Len()
		text.Write(strconv.AppendInt(room[:0], seq, 10))
		seqs = append(seqs, text.String()[from:])
	}
	return seqs
}

// What a number takes up: one of today, and the largest.
const usualDigits, maxDigits = 16, 20

// First implements [marconi.MessageStore].
func (d *dataStore) First(ctx context.Context, q marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	which := map[marconi.End]string{marconi.Oldest: "oldest", marconi.Newest: "newest"}[end]
	if which == "" {
		return marconi.Message{}, &marconi.Error{
			Kind: marconi.Internal, Code: "end", Text: fmt.Sprintf("a queue has no end number %d", end),
		}
	}
	var found []marconi.Message
	place := int64(0)
	for more := true; more; {
		r, err := d.run(ctx, "get the first message", d.scripts.first, q, d.time(), decimal(place), which)
		if err != nil {
			return marconi.Message{}, err
		}
		found, place = r.messages(0, q.Incarnation), r.number(1)
		more = r.number(2) != 0
		if r.err != nil {
			return marconi.Message{}, r.err
		}
	}
	if len(found) == 0 {
		return marconi.Message{}, fmt.Errorf("get the first message: %w", marconi.ErrEmptyQueue)
	}
	return found[0], nil
}

// Delete implements [marconi.MessageStore].
func (d *dataStore) Delete(ctx context.Context, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) error {
	seqs := numbers(q, []marconi.MessageID{id})
	if len(seqs) == 0 {
		return d.passes(ctx)
	}
	args := []string{d.time(), "1", "0", seqs[0]}
	if claim != "" {
		args = []string{d.time(), "1", "1", packClaim(claim), seqs[0]}
	}
	_, err := d.run(ctx, "delete a message", d.scripts.delete, q, args...)
	return err
}

// DeleteMessages implements [marconi.MessageStore]. More than a thousand are removed in several steps.
func (d *dataStore) DeleteMessages(ctx context.Context, q marconi.QueueRef, ids []marconi.MessageID, claims []marconi.ClaimID) error {
	seqs := numbers(q, ids)
	if len(seqs) == 0 {
		return d.passes(ctx)
	}
	args := []string{d.time(), "", decimal(len(claims))}
	for _, c := range claims {
		args = append(args, packClaim(c))
	}
	for ; len(seqs) > 0; seqs = seqs[min(len(seqs), mostAtOnce):] {
		part := slices.Concat(args, seqs[:min(len(seqs), mostAtOnce)])
		if _, err := d.run(ctx, "delete messages", d.scripts.delete, q, part...); err != nil {
			return err
		}
	}
	return nil
}

// Pop implements [marconi.MessageStore]. Many or large messages are popped in several steps; if one fails, those before it count.
func (d *dataStore) Pop(ctx context.Context, q marconi.QueueRef, limit int) ([]marconi.Message, error) {
	var popped []marconi.Message
	err := search(func(ripe string) (reply, bool, error) {
		r, err := d.run(ctx, "pop messages", d.scripts.pop, q, d.time(), decimal(min(limit-len(popped), mostAtOnce)), ripe)
		if err != nil {
			return r, false, err
		}
		popped = append(popped, r.messages(0, q.Incarnation)...)
		more := r.number(1) != 0
		return r, more && len(popped) < limit, r.err
	})
	if err != nil && len(popped) == 0 {
		return nil, err
	}
	return popped, nil
}
