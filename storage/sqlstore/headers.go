package sqlstore

import (
	"fmt"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
)

// maxHeaders is how many headers of queues are kept at hand between transactions.
const maxHeaders = 10_000

// A header is a row of data_queues, as the transaction under way has changed it.
type header struct {
	ref            marconi.QueueRef
	id             int64
	last, first    int64
	sealed         bool
	total, claimed int64

	empty gap // what the last searches for free messages have found out

	dirty bool // to be saved before the commit
	gone  bool // dropped
}

// take gives n sequence numbers in a row, the first of which is returned. The writer gives them in the order of its
// commits, so that nothing ever appears below what a reader has seen (law L2).
func (h *header) take(n int, now int64) (first int64) {
	first = seqid.Next(h.last, now)
	h.last = first + int64(n) - 1
	return first
}

// headers are those of the queues that the one writer has to do with, at hand from one transaction to the next: an
// operation finds its queue without a query, and a transaction saves each it changed once. Only the writer uses it.
type headers struct {
	byRef map[marconi.QueueRef]*header
	byID  map[int64]*header
	dirty []*header
	floor int64 // the highest seq of any queue that was dropped: queues made later begin above it
	saved int64 // the floor that is in the database
}

func newHeaders() *headers {
	return &headers{byRef: map[marconi.QueueRef]*header{}, byID: map[int64]*header{}}
}

const metaFloor = "floor"

func (hs *headers) load(t *tx) error {
	if _, err := t.get(t.meta, []any{&hs.floor}, metaFloor); err != nil {
		return fmt.Errorf("read the highest number of dropped queues: %w", err)
	}
	hs.saved = hs.floor
	return nil
}

// header is the queue's, or nil: nothing was ever posted to it.
func (t *tx) header(ref marconi.QueueRef) (*header, error) {
	if h := t.headers.byRef[ref]; h != nil {
		return h, nil
	}
	h := &header{ref: ref}
	found, err := t.get(t.loadHeader, []any{&h.id, &h.last, &h.first, &h.sealed, &h.total, &h.claimed},
		string(ref.Project), string(ref.Name), int64(ref.Incarnation))
	if err != nil {
		return nil, fmt.Errorf("find the queue: %w", err)
	}
	if !found {
		return nil, nil
	}
	t.headers.keep(h)
	return h, nil
}

// headerOf is the header with that id, or nil: the queue was dropped.
func (t *tx) headerOf(id int64) (*header, error) {
	if h := t.headers.byID[id]; h != nil {
		return h, nil
	}
	h := &header{}
	found, err := t.get(t.headerByID, []any{
		&h.id, &h.last, &h.first, &h.sealed, &h.total, &h.claimed, &h.ref.Project, &h.ref.Name, &h.ref.Incarnation}, id)
	if err != nil {
		return nil, fmt.Errorf("find queue %d: %w", id, err)
	}
	if !found {
		return nil, nil
	}
	t.headers.keep(h)
	return h, nil
}

// madeHeader is the queue's header, made if need be.
func (t *tx) madeHeader(ref marconi.QueueRef) (*header, error) {
	h, err := t.header(ref)
	if h != nil || err != nil {
		return h, err
	}
	h = &header{ref: ref, last: t.headers.floor}
	_, err = t.get(t.makeHeader, []any{&h.id}, string(ref.Project), string(ref.Name), int64(ref.Incarnation), h.last)
	if err != nil {
		return nil, fmt.Errorf("make the queue's header: %w", err)
	}
	t.changed = true
	t.headers.keep(h)
	return h, nil
}

// change notes that a header is changed, so that the commit saves it.
func (t *tx) change(h *header) {
	t.changed = true
	if !h.dirty {
		h.dirty = true
		t.headers.dirty = append(t.headers.dirty, h)
	}
}

// drop removes a header. What its queue holds is nobody's from then on.
func (t *tx) drop(h *header) error {
	h.gone = true
	if _, err := t.exec(t.dropHeader, h.id); err != nil {
		return fmt.Errorf("drop the queue's header: %w", err)
	}
	delete(t.headers.byRef, h.ref)
	delete(t.headers.byID, h.id)
	t.headers.floor = max(t.headers.floor, h.last)
	return nil
}

func (hs *headers) keep(h *header) {
	hs.byRef[h.ref], hs.byID[h.id] = h, h
}

// save writes all that were changed, before a commit.
func (hs *headers) save(t *tx) error {
	for _, h := range hs.dirty {
		if h.gone {
			continue
		}
		if _, err := t.exec(t.saveHeader, h.id, h.last, h.first, h.total, h.claimed); err != nil {
			return fmt.Errorf("save the queue's header: %w", err)
		}
	}
	if hs.floor == hs.saved {
		return nil
	}
	if _, err := t.exec(t.setMeta, metaFloor, hs.floor); err != nil {
		return fmt.Errorf("save the highest number of dropped queues: %w", err)
	}
	return nil
}

// committed is to be called after a commit.
func (hs *headers) committed() {
	for _, h := range hs.dirty {
		h.dirty = false
	}
	hs.dirty, hs.saved = hs.dirty[:0], hs.floor
	if len(hs.byRef) > maxHeaders {
		hs.forget()
	}
}

// forget is to be called after a transaction that was lost: what the rows hold now is read again.
func (hs *headers) forget() {
	clear(hs.byRef)
	clear(hs.byID)
	hs.dirty = nil
}
