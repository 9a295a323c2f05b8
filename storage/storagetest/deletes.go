package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// deleteCases are the rows of the table of deletes (storage contract §1.4), then those of the bulk delete.
func deleteCases() []testCase {
	return []testCase{
		{"a missing message is deleted already, whatever the claim", deleteMissing},
		{"a free message is deleted without a claim", deleteFree},
		{"a claimed message needs its claim", deleteClaimedWithout},
		{"a claimed message is not deleted with a claim that never was", deleteWithNonsense},
		{"a free message is not deleted with a claim", deleteFreeWithClaim},
		{"a message claimed by another is not deleted", deleteOfAnother},
		{"a message claimed by another is not deleted with a claim that is gone", deleteWithGoneClaim},
		{"a claimed message is deleted with its claim", deleteWithClaim},
		{"a delayed message is deleted without a claim", deleteDelayed},
		{"bulk: without claims, claimed messages go too", deleteAllWithout},
		{"bulk: with the claims of all", deleteAllWithClaims},
		{"bulk: one free message, and nothing is deleted", deleteAllOneFree},
		{"bulk: one message of another, and nothing is deleted", deleteAllOneOfAnother},
		{"bulk: what is missing does not matter", deleteAllSomeMissing},
	}
}

func deleteMissing(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	ids := q.post("a", "b", "c")
	expired := q.postLiving(1, "expired")[0]
	claim, _ := q.claim(60, 1)
	q.delete(ids[0], claim)
	q.delete(ids[1], "")
	r.pass(t, time.Second)

	for what, id := range map[string]marconi.MessageID{
		"deleted under a claim": ids[0], "deleted": ids[1], "expired": expired, "another queue's": other.post("x")[0], "no ID": "no-such-message",
	} {
		for _, c := range []marconi.ClaimID{"", claim, newClaimID(), "; DROP TABLE queues"} {
			q.wantDelete(fmt.Sprintf("%s, with claim %q", what, c), id, c)
		}
	}
	q.wantAll("c")
	other.wantAll("x")
}

func deleteFree(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c")
	q.wantDelete("of a free message", ids[1], "")
	q.wantGone("after its deletion", ids[1])
	q.wantAll("a", "c")
	q.wantCounts(2, 0)
}

func deleteClaimedWithout(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b")
	claim, _ := q.claim(60, 1)
	q.wantDelete("without the claim", ids[0], "", marconi.ErrClaimed)
	wantBodies(t, "the claim afterwards", q.claimed(claim).Messages, "a")
	q.wantCounts(1, 1)
}

func deleteWithNonsense(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.post("a")[0]
	q.claim(60, 1)
	for _, text := range nonsense()[1:] { // but for "", which is no claim at all
		q.wantDelete(fmt.Sprintf("with claim %.30q", text), id, marconi.ClaimID(text), marconi.ErrNoClaim)
	}
	q.wantCounts(0, 1)
}

func deleteFreeWithClaim(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("held", "held too")
	live, _ := q.claim(60, 1)
	gone, _ := q.claim(60, 1)
	q.release(gone)
	id := q.post("free")[0]
	q.wantDelete("with a claim that holds another message", id, live, marconi.ErrNotClaimed)
	q.wantDelete("with a claim that was released", id, gone, marconi.ErrNotClaimed, marconi.ErrNoClaim)
	q.wantDelete("with a claim that never was", id, newClaimID(), marconi.ErrNotClaimed, marconi.ErrNoClaim)
	q.wantDelete("with no claim's ID", id, "; DROP TABLE queues", marconi.ErrNotClaimed, marconi.ErrNoClaim)
	q.wantFree("held too", "free")
}

func deleteOfAnother(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b")
	mine, _ := q.claim(60, 1)
	theirs, _ := q.claim(60, 1)
	q.wantDelete("with another claim", ids[1], mine, marconi.ErrNotOwner)
	wantBodies(t, "the other claim afterwards", q.claimed(theirs).Messages, "b")
}

func deleteWithGoneClaim(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c")
	ended, _ := q.claim(1, 1)
	r.pass(t, time.Second)
	released, _ := q.claim(60, 2)
	q.release(released)
	used, _ := q.claim(60, 1)
	q.delete(ids[0], used)
	theirs, _ := q.claim(60, 2)

	for what, claim := range map[string]marconi.ClaimID{
		"ended": ended, "was released": released, "has no message left": used, "never was": newClaimID(),
	} {
		q.wantDelete("with a claim that "+what, ids[1], claim, marconi.ErrNoClaim)
	}
	wantBodies(t, "the live claim afterwards", q.claimed(theirs).Messages, "b", "c")
}

func deleteWithClaim(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 15)...)
	claim, _ := q.claim(60, 10)
	q.wantDelete("with its claim", ids[0], claim)
	q.wantGone("after its deletion", ids[0])
	q.wantCounts(5, 9)
	q.wantDelete("with its claim, again", ids[0], claim)
	q.deleteMessages(ids[1:3])
	q.wantCounts(5, 7)
	q.release(claim)
	q.wantCounts(12, 0)
	q.wantFree(labels(4, 15)...)
}

func deleteDelayed(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.postMessages(delayed(60, "a"), delayed(60, "b"))
	q.wantDelete("of a delayed message with a claim that never was", ids[0], newClaimID(), marconi.ErrNotClaimed, marconi.ErrNoClaim)
	q.wantDelete("of a delayed message", ids[0], "")
	q.wantCounts(1, 0)
	r.pass(t, time.Minute)
	q.wantFree("b")
}

func deleteAllWithout(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.postMessages(message(longTTL, "claimed"), message(longTTL, "free"), delayed(60, "delayed"), message(longTTL, "left"))
	q.claim(60, 1)
	q.wantDeleteAll("without claims", ids[:3], nil)
	q.wantAll("left")
	q.wantCounts(1, 0)
	q.wantDeleteAll("without claims, again", ids[:3], nil)
	q.wantAll("left")
}

func deleteAllWithClaims(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 5)...)
	first, _ := q.claim(60, 2)
	second, _ := q.claim(60, 2)
	q.wantDeleteAll("with the claims of all, and one that never was", []marconi.MessageID{ids[2], ids[0], ids[0]},
		[]marconi.ClaimID{newClaimID(), first, second})
	wantBodies(t, "the first claim", q.claimed(first).Messages, "2")
	wantBodies(t, "the second claim", q.claimed(second).Messages, "4")
	q.wantCounts(1, 2)
}

func deleteAllOneFree(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c", "d")
	claim, _ := q.claim(60, 3)
	q.wantDeleteAll("one of them free", ids, []marconi.ClaimID{claim}, marconi.ErrNotClaimed)
	wantBodies(t, "the claim afterwards", q.claimed(claim).Messages, "a", "b", "c")
	q.wantCounts(1, 3)
}

func deleteAllOneOfAnother(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c")
	claim, _ := q.claim(60, 2)
	q.claim(60, 1)
	q.wantDeleteAll("one of them another's", ids, []marconi.ClaimID{claim}, marconi.ErrNotOwner)
	q.wantDeleteAll("all of them another's", ids, []marconi.ClaimID{newClaimID()}, marconi.ErrNotOwner)
	q.wantAll("a", "b", "c")
	q.wantCounts(0, 3)
}

func deleteAllSomeMissing(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	ids := q.post("a", "b", "c")
	foreign := other.post("x")[0]
	claim, _ := q.claim(60, 2)
	q.delete(ids[0], claim)
	q.wantDeleteAll("with the claim, some missing", []marconi.MessageID{"no-such-message", ids[0], foreign, ids[1]}, []marconi.ClaimID{claim})
	q.wantDeleteAll("all of them missing", ids[:2], []marconi.ClaimID{claim})
	q.wantDeleteAll("none at all", nil, nil)
	q.wantAll("c")
	other.wantAll("x")
}
