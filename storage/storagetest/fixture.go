package storagetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/marconi-mq/marconi"
)

// Who posts and who looks on, where a case does not care for more.
const (
	producer marconi.ClientID = "2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e"
	observer marconi.ClientID = "7b9d0f11-0a2b-4c3d-8e4f-5a6b7c8d9e0f"
)

const (
	longTTL = marconi.Seconds(600) // longer than any case lets pass by the way
	anyPage = 100                  // more than a case posts, where it posts few
)

// A queue is a queue of a store with calls that end the case when they fail. Its methods are for the case's own
// goroutine.
type queue struct {
	marconi.QueueRef
	t  testing.TB
	ds marconi.DataStore
}

// queue makes a queue that nobody has used before.
func (r *rig) queue(t testing.TB) *queue {
	t.Helper()
	return r.queueAt(t, newRef())
}

func (r *rig) queueAt(t testing.TB, ref marconi.QueueRef) *queue {
	t.Helper()
	return &queue{QueueRef: ref, t: t, ds: r.data(t)}
}

func (q *queue) ctx() context.Context { return q.t.Context() }

// message makes a message whose body is the JSON string of label.
func message(ttl marconi.Seconds, label string) marconi.NewMessage {
	return marconi.NewMessage{TTL: ttl, Body: []byte(`"` + label + `"`)}
}

func delayed(delay marconi.Seconds, label string) marconi.NewMessage {
	m := message(longTTL, label)
	m.Delay = delay
	return m
}

// labels are from, from+1, … to, as bodies.
func labels(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func (q *queue) postMessages(messages ...marconi.NewMessage) []marconi.MessageID {
	q.t.Helper()
	return q.postBy(producer, messages...)
}

func (q *queue) postBy(c marconi.ClientID, messages ...marconi.NewMessage) []marconi.MessageID {
	q.t.Helper()
	ids, err := q.ds.Post(q.ctx(), q.QueueRef, marconi.Post{Client: c, Messages: messages})
	if err != nil {
		q.t.Fatalf("Post of %d messages: %v", len(messages), err)
	}
	if len(ids) != len(messages) {
		q.t.Fatalf("Post of %d messages gave %d IDs", len(messages), len(ids))
	}
	return ids
}

// post posts messages of these bodies that live long.
func (q *queue) post(bodies ...string) []marconi.MessageID {
	q.t.Helper()
	return q.postLiving(longTTL, bodies...)
}

func (q *queue) postLiving(ttl marconi.Seconds, bodies ...string) []marconi.MessageID {
	q.t.Helper()
	messages := make([]marconi.NewMessage, len(bodies))
	for i, b := range bodies {
		messages[i] = message(ttl, b)
	}
	return q.postMessages(messages...)
}

// list gives one page, as anybody but the producer sees the queue unless l says more.
func (q *queue) list(l marconi.Listing) marconi.Page[marconi.Message] {
	q.t.Helper()
	if l.Client == "" {
		l.Client = observer
	}
	if l.Limit == 0 {
		l.Limit = anyPage
	}
	page, err := q.ds.List(q.ctx(), q.QueueRef, l)
	if err != nil {
		q.t.Fatalf("List(%+v): %v", l, err)
	}
	checkPage(q.t, l, page)
	return page
}

// checkPage checks what holds of every page: law L6.
func checkPage(t testing.TB, l marconi.Listing, page marconi.Page[marconi.Message]) {
	t.Helper()
	if len(page.Items) > l.Limit {
		t.Fatalf("List(%+v) gave %d messages: more than its limit", l, len(page.Items))
	}
	if len(page.Items) > 0 && page.Next == "" {
		t.Fatalf("List(%+v) gave %d messages and no marker for what follows", l, len(page.Items))
	}
}

// listAll gives everything, page by page, claimed and delayed messages included.
func (q *queue) listAll() []marconi.Message {
	q.t.Helper()
	return q.pages(marconi.Listing{Limit: 20, Echo: true, IncludeClaimed: true, IncludeDelayed: true})
}

// pages gives everything that l asks for, page by page, until a page is empty.
func (q *queue) pages(l marconi.Listing) []marconi.Message {
	q.t.Helper()
	var all []marconi.Message
	for {
		page := q.list(l)
		if len(page.Items) == 0 {
			return all
		}
		all = append(all, page.Items...)
		l.Marker = page.Next
	}
}

// claim claims up to limit messages for ttl, without grace.
func (q *queue) claim(ttl marconi.Seconds, limit int) (marconi.ClaimID, []marconi.Message) {
	q.t.Helper()
	id := newClaimID()
	got := q.claimAs(marconi.ClaimRequest{ID: id, TTL: ttl, Limit: limit})
	return id, got.Messages
}

func (q *queue) claimAs(c marconi.ClaimRequest) marconi.Claimed {
	q.t.Helper()
	got, err := q.ds.Claim(q.ctx(), q.QueueRef, c)
	if err != nil {
		q.t.Fatalf("Claim(%+v): %v", c, err)
	}
	if len(got.Messages) > c.Limit {
		q.t.Fatalf("Claim(%+v) gave %d messages: more than its limit", c, len(got.Messages))
	}
	return got
}

func (q *queue) claimed(id marconi.ClaimID) marconi.Claim {
	q.t.Helper()
	c, err := q.ds.Claimed(q.ctx(), q.QueueRef, id)
	if err != nil {
		q.t.Fatalf("Claimed: %v", err)
	}
	return c
}

func (q *queue) update(id marconi.ClaimID, ttl, grace marconi.Seconds) {
	q.t.Helper()
	if err := q.ds.UpdateClaim(q.ctx(), q.QueueRef, id, marconi.ClaimUpdate{TTL: ttl, Grace: grace}); err != nil {
		q.t.Fatalf("UpdateClaim with TTL %d, grace %d: %v", ttl, grace, err)
	}
}

func (q *queue) release(id marconi.ClaimID) {
	q.t.Helper()
	if err := q.ds.Release(q.ctx(), q.QueueRef, id); err != nil {
		q.t.Fatalf("Release: %v", err)
	}
}

func (q *queue) pop(limit int) []marconi.Message {
	q.t.Helper()
	got, err := q.ds.Pop(q.ctx(), q.QueueRef, limit)
	if err != nil {
		q.t.Fatalf("Pop of %d: %v", limit, err)
	}
	if len(got) > limit {
		q.t.Fatalf("Pop of %d gave %d messages", limit, len(got))
	}
	return got
}

func (q *queue) message(id marconi.MessageID) marconi.Message {
	q.t.Helper()
	m, err := q.ds.Message(q.ctx(), q.QueueRef, id)
	if err != nil {
		q.t.Fatalf("Message: %v", err)
	}
	return m
}

func (q *queue) messages(ids ...marconi.MessageID) []marconi.Message {
	q.t.Helper()
	got, err := q.ds.Messages(q.ctx(), q.QueueRef, ids)
	if err != nil {
		q.t.Fatalf("Messages of %d IDs: %v", len(ids), err)
	}
	return got
}

func (q *queue) delete(id marconi.MessageID, claim marconi.ClaimID) {
	q.t.Helper()
	if err := q.ds.Delete(q.ctx(), q.QueueRef, id, claim); err != nil {
		q.t.Fatalf("Delete with claim %q: %v", claim, err)
	}
}

func (q *queue) deleteMessages(ids []marconi.MessageID, claims ...marconi.ClaimID) {
	q.t.Helper()
	if err := q.ds.DeleteMessages(q.ctx(), q.QueueRef, ids, claims); err != nil {
		q.t.Fatalf("DeleteMessages of %d IDs with claims %q: %v", len(ids), claims, err)
	}
}

func (q *queue) stats() marconi.Stats {
	q.t.Helper()
	s, err := q.ds.Stats(q.ctx(), q.QueueRef)
	if err != nil {
		q.t.Fatalf("Stats: %v", err)
	}
	return s
}

func (q *queue) purge() {
	q.t.Helper()
	if err := q.ds.Purge(q.ctx(), q.QueueRef); err != nil {
		q.t.Fatalf("Purge: %v", err)
	}
}

func (q *queue) drop() {
	q.t.Helper()
	if err := q.ds.DeleteQueue(q.ctx(), q.QueueRef); err != nil {
		q.t.Fatalf("DeleteQueue: %v", err)
	}
}
