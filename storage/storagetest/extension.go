package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func extensionCases() []testCase {
	return []testCase{
		{"C5 extension", claimExtends},
		{"C5 an extension is stored", extensionIsStored},
		{"C5 a longer life is never shortened", neverShortened},
		{"C5 an update extends what is held", updateExtends},
		{"C5 an end at the same moment is not extended", sameEnd},
	}
}

func claimExtends(t *testing.T, r *rig) {
	for _, c := range []struct{ ttl, claim, grace, want marconi.Seconds }{
		{120, 777, 0, 777},
		{120, 777, 23, 800},
		{120, 121, 22, 143},
		{120, 60, 30, 120},
	} {
		t.Run(fmt.Sprintf("%d by %d and %d", c.ttl, c.claim, c.grace), func(t *testing.T) {
			q := r.queue(t)
			id := q.postLiving(c.ttl, "a")[0]
			got := q.claimAs(marconi.ClaimRequest{ID: newClaimID(), TTL: c.claim, Grace: c.grace, Limit: 1})
			if len(got.Messages) != 1 || got.Messages[0].TTL != c.want {
				t.Errorf("the claim shows %+v, want one message of TTL %d", got.Messages, c.want)
			}
			if ttl := q.message(id).TTL; ttl != c.want {
				t.Errorf("the message has TTL %d, want %d", ttl, c.want)
			}
		})
	}
}

// extensionIsStored lets the first TTL pass: a store that only shows the new one has lost the message by then.
func extensionIsStored(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.postLiving(10, "a")[0]
	r.pass(t, 4*time.Second)
	claim := newClaimID()
	q.claimAs(marconi.ClaimRequest{ID: claim, TTL: 20, Grace: 5, Limit: 1})
	r.passToJustBefore(t, 20*time.Second)
	wantBodies(t, "just before its end the claim", q.claimed(claim).Messages, "a")
	if m := q.message(id); m.TTL != 25 || m.Age != 23 {
		t.Errorf("message has TTL %d, age %d; want 25, 23", m.TTL, m.Age)
	}
	r.passStep(t)
	q.wantFree("a")
	r.passToJustBefore(t, 5*time.Second)
	q.wantFree("a")
	r.passStep(t)
	q.wantFree()
	q.wantGone("at the claim's end and grace", id)
}

func neverShortened(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.postLiving(100, "a")[0]
	claim, _ := q.claim(2, 1)
	q.update(claim, 3, 1)
	r.pass(t, 3*time.Second)
	r.passToJustBefore(t, 97*time.Second)
	if m := q.message(id); m.TTL != 100 || m.Age != 99 {
		t.Errorf("message has TTL %d, age %d; want 100, 99", m.TTL, m.Age)
	}
	r.passStep(t)
	q.wantGone("at its own end", id)
}

func updateExtends(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := append(q.postLiving(10, "short", "deleted"), q.postLiving(100, "long")...)
	claim, _ := q.claim(5, 3)
	q.delete(ids[1], claim)
	r.pass(t, 4*time.Second)
	q.update(claim, 20, 7)
	if ttl := q.message(ids[0]).TTL; ttl != 27 {
		t.Errorf("the short message has TTL %d, want 27", ttl)
	}
	if ttl := q.message(ids[2]).TTL; ttl != 100 {
		t.Errorf("the long message has TTL %d, want 100", ttl)
	}
	r.passToJustBefore(t, 27*time.Second)
	q.wantFree("short", "long")
	r.passStep(t)
	q.wantFree("long")
}

// sameEnd is the edge of the rule: a message that ends with the claim does not end before it.
func sameEnd(t *testing.T, r *rig) {
	r.needTurnedClock(t)
	q := r.queue(t)
	id := q.postLiving(60, "a")[0]
	q.claimAs(marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Grace: 10, Limit: 1})
	if ttl := q.message(id).TTL; ttl != 60 {
		t.Errorf("a message of 60 s under a claim of 60 s has TTL %d, want 60", ttl)
	}
	later := q.postLiving(60, "b")[0]
	r.pass(t, time.Millisecond)
	q.claimAs(marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Grace: 10, Limit: 1})
	if ttl := q.message(later).TTL; ttl != 70 {
		t.Errorf("a message that would end 1 ms before its claim has TTL %d, want 70", ttl)
	}
}
