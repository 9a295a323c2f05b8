package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// Post implements [marconi.MessageStore].
func (d *dataStore) Post(ctx context.Context, ref marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	bytes := 0
	for _, m := range p.Messages {
		bytes += len(m.Body) + messageWeight
	}
	var first int64
	err := d.writeBytes(ctx, "post messages", bytes, func(t *tx) (err error) {
		first, err = t.post(ref, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	ids := make([]marconi.MessageID, len(p.Messages))
	for i := range ids {
		ids[i] = marconi.MessageID(seqid.Format(int64(ref.Incarnation), first+int64(i)))
	}
	return ids, nil
}

// post adds messages with sequence numbers in a row, the first of which it returns.
func (t *tx) post(ref marconi.QueueRef, p marconi.Post) (first int64, err error) {
	q, err := t.header(ref)
	if err != nil {
		return 0, err
	}
	if q != nil && q.sealed {
		return 0, marconi.ErrSealed
	}
	if err := t.room.take(roomFor(p)); err != nil { // before anything is changed: a refusal costs nobody else anything
		return 0, err
	}
	if q, err = t.madeHeader(ref); err != nil {
		return 0, err
	}
	t.change(q)
	first = q.take(len(p.Messages), t.now)
	q.total += int64(len(p.Messages))
	holds, err := t.delay(q, first, p.Messages)
	if err != nil {
		return 0, err
	}
	to := t.tell(ref)
	for i, m := range p.Messages {
		e := event{client: p.Client, change: posted}
		if m.Delay > 0 {
			e.change = postedDelayed
			to.shown = append(to.shown, e)
		} else {
			to.free = append(to.free, e)
		}
		if err := t.insert(q, first+int64(i), holds[m.Delay], p.Client, m); err != nil {
			return 0, err
		}
	}
	return first, nil
}

func (t *tx) insert(q *header, seq, hold int64, client marconi.ClientID, m marconi.NewMessage) error {
	body := t.numbers.nextBody()
	content := m.Body
	if content == nil {
		content = []byte{}
	}
	return t.inserts.add(
		[]any{body, content, sumOf(content)},
		[]any{q.id, seq, hold, int64(m.TTL), t.now, t.now + millis(m.TTL), string(client), m.Checksum, body},
	)
}

// delay makes the holds of messages with a delay: one for all that are due together.
func (t *tx) delay(q *header, first int64, all []marconi.NewMessage) (holds map[marconi.Seconds]int64, err error) {
	var seqs map[marconi.Seconds][]int64
	for i, m := range all {
		if m.Delay <= 0 {
			continue
		}
		if seqs == nil {
			seqs, holds = map[marconi.Seconds][]int64{}, map[marconi.Seconds]int64{}
		}
		seqs[m.Delay] = append(seqs[m.Delay], first+int64(i))
	}
	for delay, seqs := range seqs {
		h := hold{kind: delayHold, ttl: int64(delay), updated: t.now, expires: t.now + millis(delay)}
		if h, err = t.keepBack(q, h, seqs); err != nil {
			return nil, err
		}
		holds[delay] = h.id
	}
	return holds, nil
}

// List implements [marconi.MessageStore].
func (d *dataStore) List(ctx context.Context, ref marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	after, ok := seqid.ParsePosition(string(l.Marker))
	if !ok {
		return marconi.Page[marconi.Message]{}, d.Ping(ctx)
	}
	var others any // whose messages are left out
	if !l.Echo {
		others = string(l.Client)
	}
	look := listLook{Listing: l, ref: ref, now: d.millis(), after: after, others: others}
	find := d.findFree
	if l.IncludeClaimed || l.IncludeDelayed {
		find = d.findAll
	}
	began := time.Now()
	found, err := find(ctx, &look)
	d.noteSlow(time.Since(began))
	if len(found) == 0 || err != nil {
		return marconi.Page[marconi.Message]{}, err
	}
	now := look.now
	return marconi.Page[marconi.Message]{
		Items: found.shown(ref.Incarnation, now),
		Next:  marconi.Marker(seqid.Position(found[len(found)-1].seq)),
	}, nil
}

// slowList is how long a listing takes that had to go over thousands of messages which have expired together.
const slowList = 5 * time.Millisecond

// noteSlow has the collector look at once, so that not many do as this one did.
func (d *dataStore) noteSlow(took time.Duration) {
	if took < slowList {
		return
	}
	select {
	case d.slow <- struct{}{}:
	default:
	}
}

// millis is the time by which a call judges.
func (db *database) millis() int64 { return db.now().UnixMilli() }

// Message implements [marconi.MessageStore].
func (d *dataStore) Message(ctx context.Context, ref marconi.QueueRef, id marconi.MessageID) (marconi.Message, error) {
	found, err := d.Messages(ctx, ref, []marconi.MessageID{id})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("get message %s: %w", id, marconi.ErrNoMessage)
	}
	if err != nil {
		return marconi.Message{}, err
	}
	return found[0], nil
}

// Messages implements [marconi.MessageStore].
func (d *dataStore) Messages(ctx context.Context, ref marconi.QueueRef, ids []marconi.MessageID) ([]marconi.Message, error) {
	seqs := seqsOf(ref, ids)
	if len(seqs) == 0 {
		return nil, d.Ping(ctx)
	}
	now := d.millis()
	var found messages
	if err := d.read(ctx, "get messages", d.sql.getByID, found.add, keyOf(ref, now, jsonList(seqs))...); err != nil {
		return nil, err
	}
	asked := make(map[int64]int, len(seqs))
	for i, seq := range seqs {
		asked[seq] = i
	}
	slices.SortFunc(found, func(a, b message) int { return asked[a.seq] - asked[b.seq] })
	return found.shown(ref.Incarnation, now), nil
}

// First implements [marconi.MessageStore].
func (d *dataStore) First(ctx context.Context, ref marconi.QueueRef, end marconi.End) (marconi.Message, error) {
	query := ""
	switch end {
	case marconi.Oldest:
		query = d.sql.oldest
	case marconi.Newest:
		query = d.sql.newest
	default:
		return marconi.Message{}, &marconi.Error{Kind: marconi.Internal, Code: "no-end", Text: fmt.Sprintf("a queue has no end number %d", end)}
	}
	now := d.millis()
	var found messages
	if err := d.read(ctx, "get the first message", query, found.add, keyOf(ref, now)...); err != nil {
		return marconi.Message{}, err
	}
	if len(found) == 0 {
		return marconi.Message{}, fmt.Errorf("get the first message: %w", marconi.ErrEmptyQueue)
	}
	return found[0].shown(ref.Incarnation, now), nil
}
