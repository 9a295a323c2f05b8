package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
)

// bodies are the labels of messages: their bodies without quotes.
func bodies(messages []marconi.Message) []string {
	all := []string{}
	for _, m := range messages {
		all = append(all, strings.Trim(string(m.Body), `"`))
	}
	return all
}

func idsOf(messages []marconi.Message) []marconi.MessageID {
	var all []marconi.MessageID
	for _, m := range messages {
		all = append(all, m.ID)
	}
	return all
}

// wantBodies checks which messages came, and in which order. What says what was asked.
func wantBodies(t testing.TB, what string, got []marconi.Message, want ...string) {
	t.Helper()
	if b := bodies(got); !slices.Equal(b, want) {
		t.Errorf("%s = %v, want %v", what, b, want)
	}
}

// wantMessages is wantBodies for a case that cannot go on otherwise.
func wantMessages(t testing.TB, what string, got []marconi.Message, want ...string) {
	t.Helper()
	wantBodies(t, what, got, want...)
	if t.Failed() {
		t.FailNow()
	}
}

// wantErr checks that err is one of those wanted.
func wantErr(t testing.TB, what string, err error, want ...*marconi.Error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: error %v, want %s", what, err, codes(want))
}

func codes(errs []*marconi.Error) string {
	var all []string
	for _, e := range errs {
		all = append(all, e.Code)
	}
	return strings.Join(all, " or ")
}

// wantUnavailable checks for trouble that may pass, under whatever name.
func wantUnavailable(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil || marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("%s: error %v, want one that is Unavailable", what, err)
	}
}

// wantFree checks which messages the queue shows to those who want to work on them.
func (q *queue) wantFree(want ...string) {
	q.t.Helper()
	wantBodies(q.t, "free messages", q.pages(marconi.Listing{Limit: 7, Echo: true}), want...)
}

// wantAll checks which messages there are.
func (q *queue) wantAll(want ...string) {
	q.t.Helper()
	wantBodies(q.t, "all messages", q.listAll(), want...)
}

// wantCounts checks the queue's stats.
func (q *queue) wantCounts(free, claimed int64) {
	q.t.Helper()
	got := q.stats()
	if got.Free != free || got.Claimed != claimed || got.Total != free+claimed {
		q.t.Errorf("stats = %s, want free %d, claimed %d, total %d", counts(got), free, claimed, free+claimed)
	}
}

func counts(s marconi.Stats) string {
	return fmt.Sprintf("free %d, claimed %d, total %d", s.Free, s.Claimed, s.Total)
}

// wantNoClaim checks that the ID names no claim in any call that takes one by itself.
func (q *queue) wantNoClaim(what string, id marconi.ClaimID) {
	q.t.Helper()
	_, err := q.ds.Claimed(q.ctx(), q.QueueRef, id)
	wantErr(q.t, "Claimed, "+what, err, marconi.ErrNoClaim)
	err = q.ds.UpdateClaim(q.ctx(), q.QueueRef, id, marconi.ClaimUpdate{TTL: 60, Grace: 60})
	wantErr(q.t, "UpdateClaim, "+what, err, marconi.ErrNoClaim)
	if err := q.ds.Release(q.ctx(), q.QueueRef, id); err != nil {
		q.t.Errorf("Release, %s: %v, want no error", what, err)
	}
}

// wantGone checks that an ID names nothing.
func (q *queue) wantGone(what string, id marconi.MessageID) {
	q.t.Helper()
	_, err := q.ds.Message(q.ctx(), q.QueueRef, id)
	wantErr(q.t, "Message, "+what, err, marconi.ErrNoMessage)
	wantBodies(q.t, "Messages, "+what, q.messages(id))
}

// wantDelete checks what a delete of one message says; no error wanted means that it goes well.
func (q *queue) wantDelete(what string, id marconi.MessageID, claim marconi.ClaimID, want ...*marconi.Error) {
	q.t.Helper()
	err := q.ds.Delete(q.ctx(), q.QueueRef, id, claim)
	if len(want) > 0 {
		wantErr(q.t, "Delete, "+what, err, want...)
	} else if err != nil {
		q.t.Errorf("Delete, %s: %v, want no error", what, err)
	}
}

// wantDeleteAll is wantDelete for many messages and claims.
func (q *queue) wantDeleteAll(what string, ids []marconi.MessageID, claims []marconi.ClaimID, want ...*marconi.Error) {
	q.t.Helper()
	err := q.ds.DeleteMessages(q.ctx(), q.QueueRef, ids, claims)
	if len(want) > 0 {
		wantErr(q.t, "DeleteMessages, "+what, err, want...)
	} else if err != nil {
		q.t.Errorf("DeleteMessages, %s: %v, want no error", what, err)
	}
}
