package storagetest

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func popCases() []testCase {
	return []testCase{
		{"one of three", popOneOfThree},
		{"what there is, if it is less than asked for", popLess},
		{"O1 what is popped is gone", poppedIsGone},
		{"O2 oldest first, and free ones only", popOldestFree},
		{"D3 a message often claimed is popped all the same", popIgnoresClaimCount},
	}
}

func popOneOfThree(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b", "c")
	wantBodies(t, "Pop of 1", q.pop(1), "a")
	q.wantAll("b", "c")
	q.wantCounts(2, 0)
}

func popLess(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b")
	wantBodies(t, "Pop of 5", q.pop(5), "a", "b")
	wantBodies(t, "Pop of 5 again", q.pop(5))
}

func poppedIsGone(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b")
	got := q.pop(1)
	if len(got) != 1 || got[0].ID != ids[0] {
		t.Fatalf("Pop gave %+v, want message %s", got, ids[0])
	}
	q.wantGone("after a pop", ids[0])
	q.wantDelete("after a pop", ids[0], "")
	_, claimed := q.claim(60, 5)
	wantBodies(t, "a claim after the pop", claimed, "b")
}

func popOldestFree(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("released", "claimed")
	released, _ := q.claim(60, 1)
	held, _ := q.claim(60, 1)
	q.release(released)
	q.postMessages(message(1, "expired"), delayed(60, "delayed"), message(longTTL, "free"), message(longTTL, "left"))
	r.pass(t, time.Second)
	got := q.pop(2)
	wantBodies(t, "Pop of 2", got, "released", "free")
	if len(got) > 0 && (got[0].Claim != "" || got[0].ClaimCount != 1) {
		t.Errorf("a message popped after a claim has claim %q, count %d; want none, 1", got[0].Claim, got[0].ClaimCount)
	}
	wantBodies(t, "the claim afterwards", q.claimed(held).Messages, "claimed")
	q.wantAll("claimed", "delayed", "left")
}

func popIgnoresClaimCount(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a")
	for range 3 {
		claim, _ := q.claim(60, 1)
		q.release(claim)
	}
	got := q.pop(1)
	wantBodies(t, "Pop", got, "a")
	if len(got) == 1 && got[0].ClaimCount != 3 {
		t.Errorf("popped message was claimed %d times, want 3: a pop is no claim", got[0].ClaimCount)
	}
	q.wantNoClaim("after a pop", marconi.ClaimID(""))
}
