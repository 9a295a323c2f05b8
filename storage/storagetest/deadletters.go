package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
)

func deadLetterCases() []testCase {
	return []testCase{
		{"D1 a message claimed often enough is not handed out again", spentNotHandedOut},
		{"D1 spent messages come beside others", spentBesideOthers},
		{"D1 at most twenty at a time", spentAtMost},
		{"D1 a lease hides what it holds, and is no claim", leaseIsNoClaim},
		{"D1 a lease deletes what it holds", leaseDeletes},
		{"D2 a lease ends, and the next claim tries again", leaseEnds},
		{"D2 a move takes messages from one queue to the end of another", moveSpent},
		{"D2 a move sets the TTL, or keeps it", moveSpentTTL},
		{"D2 a move takes only what its lease holds", moveSpentNotHeld},
		{"D4 without a limit a message is handed out for ever", neverSpent},
	}
}

// wear claims all free messages of the queue and releases them.
func (q *queue) wear() {
	q.t.Helper()
	id, _ := q.claim(60, anyPage)
	q.release(id)
}

// spend claims up to limit messages, where those claimed most times already are dead letters.
func (q *queue) spend(limit, most int) (marconi.ClaimID, marconi.Claimed) {
	q.t.Helper()
	id := newClaimID()
	got := q.claimAs(marconi.ClaimRequest{ID: id, TTL: 60, Limit: limit, MaxClaims: most})
	if (len(got.Spent) > 0) != (got.Lease != "") {
		q.t.Fatalf("Claim gave %d spent messages under lease %q", len(got.Spent), got.Lease)
	}
	return id, got
}

func spentNotHandedOut(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.post("a")[0]
	for n := 1; n <= 2; n++ {
		claim, got := q.spend(5, 2)
		wantMessages(t, fmt.Sprintf("claim %d of at most 2", n), got.Messages, "a")
		wantMessages(t, fmt.Sprintf("spent messages of claim %d", n), got.Spent)
		q.release(claim)
	}
	claim, got := q.spend(5, 2)
	wantBodies(t, "claim 3 of at most 2", got.Messages)
	wantMessages(t, "spent messages of claim 3", got.Spent, "a")
	if m := got.Spent[0]; m.ID != id || m.Client != producer || m.Claim != "" || m.ClaimCount != 2 {
		t.Errorf("spent message = %+v, want ID %s, client %s, no claim, claimed twice", m, id, producer)
	}
	q.wantNoClaim("a claim of spent messages only", claim)
}

func spentBesideOthers(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("worn 1", "worn 2")
	q.wear()
	q.post("new 1", "new 2", "new 3")
	claim, got := q.spend(2, 1)
	wantBodies(t, "claim of 2", got.Messages, "new 1", "new 2")
	wantBodies(t, "spent messages", got.Spent, "worn 1", "worn 2")
	wantBodies(t, "the claim", q.claimed(claim).Messages, "new 1", "new 2")
	q.wantFree("new 3")
	q.wantCounts(1, 4)
}

func spentAtMost(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 50)...)
	q.wear()
	q.post("new")
	_, got := q.spend(5, 1)
	wantBodies(t, "claim behind 50 spent messages", got.Messages, "new")
	wantBodies(t, "spent messages", got.Spent, labels(1, marconi.MaxSpent)...)
	q.wantFree(labels(marconi.MaxSpent+1, 50)...)
	_, got = q.spend(5, 1)
	wantBodies(t, "the next claim", got.Messages)
	wantBodies(t, "its spent messages", got.Spent, labels(marconi.MaxSpent+1, 2*marconi.MaxSpent)...)
}

func leaseIsNoClaim(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.post("worn")[0]
	q.wear()
	_, got := q.spend(5, 1)
	q.wantNoClaim("the lease of a dead letter", got.Lease)
	q.wantFree()
	q.wantCounts(0, 1)
	wantBodies(t, "Pop", q.pop(5))
	seen := q.list(marconi.Listing{IncludeClaimed: true}).Items
	wantBodies(t, "listing with claimed ones", seen, "worn")
	if diff := cmp.Diff(got.Spent, seen); diff != "" {
		t.Errorf("a listing shows the message otherwise than Claim (-Claim +List):\n%s", diff)
	}
	q.wantDelete("of a leased message without a claim", id, "", marconi.ErrClaimed)
	q.wantDelete("of a leased message with a claim that never was", id, newClaimID(), marconi.ErrNoClaim)
	q.post("other")
	other, _ := q.claim(60, 1)
	q.wantDelete("of a leased message with another claim", id, other, marconi.ErrNotOwner)
	q.wantDeleteAll("of a leased message with another claim", []marconi.MessageID{id}, []marconi.ClaimID{other}, marconi.ErrNotOwner)
	q.wantAll("worn", "other")
}

func leaseDeletes(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b", "c")
	q.wear()
	_, got := q.spend(5, 1)
	ids := idsOf(got.Spent)
	q.wantDelete("with the lease", ids[0], got.Lease)
	q.wantDeleteAll("with the lease", ids[1:2], []marconi.ClaimID{got.Lease})
	q.wantAll("c")
	q.wantCounts(0, 1)
	q.wantDeleteAll("without a claim", ids, nil)
	q.wantAll()
	q.wantCounts(0, 0)
}

func leaseEnds(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("worn")
	q.wear()
	_, first := q.spend(5, 1)
	wantMessages(t, "spent messages", first.Spent, "worn")
	r.passToJustBefore(t, marconi.SpentLease)
	q.wantFree()
	_, got := q.spend(5, 1)
	wantBodies(t, "spent messages just before the lease's end", got.Spent)
	r.passStep(t)
	q.wantFree("worn")
	q.wantCounts(1, 0)
	_, got = q.spend(5, 1)
	wantMessages(t, "spent messages after the lease's end", got.Spent, "worn")
	if got.Lease == first.Lease {
		t.Error("the second lease is the first one")
	}
	q.wantDeleteAll("with the lease that ended", idsOf(got.Spent), []marconi.ClaimID{first.Lease}, marconi.ErrNotOwner)
}

// mover is the store's transaction for dead letters, or the case is skipped.
func mover(t testing.TB, r *rig) marconi.Mover {
	t.Helper()
	m, ok := r.data(t).(marconi.Mover)
	if !ok {
		t.Skip("the store is no marconi.Mover")
	}
	return m
}

func mustMove(t testing.TB, m marconi.Mover, q *queue, lease marconi.ClaimID, ids []marconi.MessageID, d marconi.DeadLetter) {
	t.Helper()
	if err := m.MoveSpent(t.Context(), q.QueueRef, lease, ids, d); err != nil {
		t.Fatalf("MoveSpent of %d messages: %v", len(ids), err)
	}
}

func moveSpent(t *testing.T, r *rig) {
	m := mover(t, r)
	q, dead := r.queue(t), r.queue(t)
	dead.post("dead before")
	marker := dead.list(marconi.Listing{}).Next
	sent := marconi.NewMessage{TTL: 300, Body: []byte(`{"n": 1}`), Checksum: "MD5:0123456789abcdef0123456789abcdef"}
	q.postMessages(message(300, "a"), sent, message(300, "c"))
	q.wear()
	r.pass(t, 2*time.Second)
	_, got := q.spend(5, 1)
	mustMove(t, m, q, got.Lease, idsOf(got.Spent), marconi.DeadLetter{Queue: dead.QueueRef, TTL: 9999})

	q.wantAll()
	q.wantCounts(0, 0)
	q.wantGone("after the move", got.Spent[0].ID)
	moved := dead.list(marconi.Listing{Marker: marker}).Items
	wantMessages(t, "dead letters, without claimed ones", moved, "a", `{"n": 1}`, "c")
	checkMoved(t, moved[1], sent)
	dead.wantCounts(4, 0)
	_, claimed := dead.claim(60, 5)
	wantBodies(t, "a claim on the dead letters", claimed, "dead before", "a", `{"n": 1}`, "c")
}

func checkMoved(t *testing.T, m marconi.Message, sent marconi.NewMessage) {
	t.Helper()
	if string(m.Body) != string(sent.Body) || m.Client != producer || m.Checksum != sent.Checksum {
		t.Errorf("dead letter = %+v, want body, client and checksum of %+v", m, sent)
	}
	if m.TTL != 9999 || m.Age != 0 || m.Claim != "" || m.ClaimCount != 0 {
		t.Errorf("dead letter has TTL %d, age %d, claim %q, claim count %d; want 9999 and a new message's", m.TTL, m.Age, m.Claim, m.ClaimCount)
	}
}

func moveSpentTTL(t *testing.T, r *rig) {
	m := mover(t, r)
	for _, c := range []struct{ ttl, want marconi.Seconds }{{0, 300}, {9999, 9999}, {20, 20}} {
		t.Run(fmt.Sprintf("TTL %d", c.ttl), func(t *testing.T) {
			q, dead := r.queue(t), r.queue(t)
			q.postLiving(300, "a")
			q.wear()
			r.pass(t, 5*time.Second)
			_, got := q.spend(5, 1)
			mustMove(t, m, q, got.Lease, idsOf(got.Spent), marconi.DeadLetter{Queue: dead.QueueRef, TTL: c.ttl})
			r.passToJustBefore(t, c.want.Duration())
			dead.wantFree("a")
			r.passStep(t)
			dead.wantFree()
		})
	}
}

func moveSpentNotHeld(t *testing.T, r *rig) {
	m := mover(t, r)
	q, dead := r.queue(t), r.queue(t)
	q.post("a", "b", "c")
	q.wear()
	q.post("claimed", "free")
	_, got := q.spend(1, 1)
	ids := idsOf(q.listAll())
	q.deleteMessages(ids[:1])
	to := marconi.DeadLetter{Queue: dead.QueueRef}
	mustMove(t, m, q, newClaimID(), ids, to)
	mustMove(t, m, q, got.Lease, nil, to)
	dead.wantAll()
	q.wantAll("b", "c", "claimed", "free")

	mustMove(t, m, q, got.Lease, append(ids[:2:2], ids[3:]...), to)
	dead.wantAll("b")
	q.wantAll("c", "claimed", "free")
	r.pass(t, marconi.SpentLease)
	mustMove(t, m, q, got.Lease, ids, to)
	dead.wantAll("b")
	q.wantAll("c", "claimed", "free")
}

func neverSpent(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a")
	for n := range 5 {
		id, got := q.spend(1, 0)
		wantMessages(t, fmt.Sprintf("claim %d without a limit", n+1), got.Messages, "a")
		wantBodies(t, "spent messages", got.Spent)
		q.release(id)
	}
}
