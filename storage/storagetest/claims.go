package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
)

func claimCases() []testCase {
	return []testCase{
		{"a claim holds fifteen of twenty messages through its life", claimLifecycle},
		{"fifty-one messages are five claims of ten and one", fiftyOneMessages},
		{"a claim's answer shows its messages as they are now", claimAnswer},
		{"the same claim ID again returns the same messages", claimRepeated},
		{"an ID that is no claim's", impossibleClaimID},
		{"C2 oldest first, complete", claimOldestFirst},
		{"C3 nothing free, no claim", claimOfNothing},
		{"C4 a claim ends by itself", claimEnds},
		{"C4 after a claim's end its messages need no claim", deleteAfterEnd},
		{"C6 an update starts the time anew", updateStartsAnew},
		{"C6 an update can bring the end forward", updateBringsForward},
		{"C7 a release frees at once, in place", releaseFrees},
		{"C7 a claim that ended does not release what another holds", releaseAfterEnd},
		{"C8 a claim shows what it still holds", claimShowsHeld},
		{"C8 a claim ends with its last message", claimEndsWithLast},
		{"C9 no theft", noTheft},
		{"C9 no theft after an early release", noTheftAfterRelease},
		{"C10 counting", claimCounting},
	}
}

func claimLifecycle(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 20)...)
	id, got := q.claim(70, 15)
	wantMessages(t, "Claim of 15", got, labels(1, 15)...)
	q.wantCounts(5, 15)

	c := q.claimed(id)
	if c.ID != id || c.TTL != 70 || c.Age != 0 {
		t.Errorf("Claimed = ID %q, TTL %d, age %d; want %q, 70, 0", c.ID, c.TTL, c.Age, id)
	}
	if diff := cmp.Diff(got, c.Messages); diff != "" {
		t.Errorf("Claimed shows other messages than Claim gave (-Claim +Claimed):\n%s", diff)
	}

	r.pass(t, 3*time.Second)
	if age := q.claimed(id).Age; age != 3 {
		t.Errorf("age of the claim after 3 s = %d", age)
	}
	q.update(id, 100, 0)
	if c := q.claimed(id); c.TTL != 100 || c.Age != 0 {
		t.Errorf("Claimed after the update = TTL %d, age %d; want 100, 0", c.TTL, c.Age)
	}
	q.release(id)
	q.wantNoClaim("after the release", id)
	q.wantCounts(20, 0)
	q.wantFree(labels(1, 20)...)
}

func fiftyOneMessages(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 51)...)
	for i := range 5 {
		_, got := q.claim(60, marconi.DefaultPage)
		wantMessages(t, fmt.Sprintf("claim %d", i+1), got, labels(10*i+1, 10*i+10)...)
	}
	q.wantFree("51")
	_, got := q.claim(60, marconi.DefaultPage)
	wantBodies(t, "claim 6", got, "51")
}

func claimAnswer(t *testing.T, r *rig) {
	q := r.queue(t)
	sent := marconi.NewMessage{TTL: 300, Body: []byte(`{"n": 1}`), Checksum: "MD5:0123456789abcdef0123456789abcdef"}
	ids := q.postMessages(sent)
	r.pass(t, 2*time.Second)
	id, got := q.claim(60, 1)
	if len(got) != 1 {
		t.Fatalf("Claim gave %d messages, want 1", len(got))
	}
	m := got[0]
	if m.ID != ids[0] || m.TTL != 300 || m.Age != 2 || string(m.Body) != string(sent.Body) || m.Client != producer || m.Checksum != sent.Checksum {
		t.Errorf("Claim gave %+v, want message %s as it was posted 2 s ago: %+v", m, ids[0], sent)
	}
	if m.Claim != id || m.ClaimCount != 1 {
		t.Errorf("claimed message has claim %q, count %d; want %q, 1", m.Claim, m.ClaimCount, id)
	}
	for what, seen := range map[string][]marconi.Message{
		"Message":  {q.message(ids[0])},
		"Messages": q.messages(ids...),
		"List":     q.list(marconi.Listing{IncludeClaimed: true}).Items,
	} {
		if diff := cmp.Diff(got, seen); diff != "" {
			t.Errorf("%s shows the message otherwise than Claim (-Claim +%s):\n%s", what, what, diff)
		}
	}
}

func claimRepeated(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b", "c")
	request := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 2}
	first := q.claimAs(request)
	again := q.claimAs(request)
	if diff := cmp.Diff(first.Messages, again.Messages); diff != "" {
		t.Errorf("the same claim again gave other messages (-first +second):\n%s", diff)
	}
	q.wantCounts(1, 2)

	q.delete(first.Messages[0].ID, request.ID)
	wantBodies(t, "the same claim once more, after a delete", q.claimAs(request).Messages, "b")
	q.wantFree("c")
}

func impossibleClaimID(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b")
	q.claim(60, 1)
	for _, text := range nonsense() {
		q.wantNoClaim(fmt.Sprintf("ID %.30q", text), marconi.ClaimID(text))
	}
	q.wantCounts(1, 1)
}

func claimOldestFirst(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 6)...)
	early, _ := q.claim(60, 2)
	q.delete(ids[3], "")
	q.release(early)
	_, got := q.claim(60, 4)
	wantBodies(t, "claim of 4, where 1 and 2 came back and 4 is gone", got, "1", "2", "3", "5")
	_, got = q.claim(60, 4)
	wantBodies(t, "claim of 4, where one is free", got, "6")
}

func claimOfNothing(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(message(longTTL, "a"), delayed(60, "delayed"))
	q.claim(60, 1)
	id, got := q.claim(60, 5)
	wantBodies(t, "claim where nothing is free", got)
	q.wantNoClaim("after a claim of nothing", id)
	q.wantCounts(1, 1)
}

func claimEnds(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 5)...)
	q.claim(60, 1)
	id, _ := q.claim(2, 2)
	q.post("6")
	r.passToJustBefore(t, 2*time.Second)
	q.wantFree("4", "5", "6")
	wantBodies(t, "just before its end the claim", q.claimed(id).Messages, "2", "3")

	r.passStep(t)
	q.wantFree(labels(2, 6)...)
	q.wantNoClaim("at the claim's end", id)
	q.wantCounts(5, 1)
	_, got := q.claim(60, 3)
	wantBodies(t, "the next claim", got, "2", "3", "4")
}

func deleteAfterEnd(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 5)...)
	id, _ := q.claim(2, 4)
	r.pass(t, 2*time.Second)
	q.wantDelete("with the claim that ended", ids[0], id, marconi.ErrNoClaim, marconi.ErrNotClaimed)
	q.wantDeleteAll("with the claim that ended", ids[:2], []marconi.ClaimID{id}, marconi.ErrNotClaimed)
	q.wantFree(labels(1, 5)...)
	q.delete(ids[0], "")
	q.deleteMessages(ids[1:3])
	q.wantFree("4", "5")
}

func updateStartsAnew(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b", "c")
	id, _ := q.claim(10, 3)
	q.delete(ids[1], id)
	r.pass(t, 9*time.Second)
	q.update(id, 20, 0)
	r.passToJustBefore(t, 20*time.Second)
	c := q.claimed(id)
	wantBodies(t, "just before its new end the claim", c.Messages, "a", "c")
	if c.TTL != 20 || c.Age != 19 {
		t.Errorf("claim has TTL %d, age %d; want 20, 19", c.TTL, c.Age)
	}
	r.passStep(t)
	q.wantNoClaim("at its new end", id)
	q.wantFree("a", "c")
}

func updateBringsForward(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post("a", "b")
	id, _ := q.claim(100, 1)
	q.update(id, 2, 0)
	r.passToJustBefore(t, 2*time.Second)
	q.wantFree("b")
	r.passStep(t)
	q.wantNoClaim("at its new, earlier end", id)
	q.wantFree("a", "b")
	_, got := q.claim(60, 5)
	wantBodies(t, "the next claim", got, "a", "b")
}

func releaseFrees(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 6)...)
	q.claim(60, 1)
	id, _ := q.claim(60, 3)
	q.release(id)
	q.wantNoClaim("after the release", id)
	q.wantFree(labels(2, 6)...)
	q.wantCounts(5, 1)
	m := q.message(ids[1])
	if m.Claim != "" || m.ClaimCount != 1 {
		t.Errorf("released message has claim %q, count %d; want none, 1", m.Claim, m.ClaimCount)
	}
	q.wantDelete("with the claim that was released", ids[1], id, marconi.ErrNoClaim, marconi.ErrNotClaimed)
	q.release(id)
	q.wantCounts(5, 1)
}

func releaseAfterEnd(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b")
	old, _ := q.claim(1, 2)
	r.pass(t, time.Second)
	id, _ := q.claim(60, 1)
	q.release(old)
	wantBodies(t, "the younger claim", q.claimed(id).Messages, "a")
	q.wantFree("b")
	q.wantDelete("with the claim that ended", ids[0], old, marconi.ErrNoClaim)
	q.wantCounts(1, 1)
}

func claimShowsHeld(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post(labels(1, 5)...)
	id, _ := q.claim(60, 4)
	q.delete(ids[2], id)
	wantBodies(t, "after a delete the claim", q.claimed(id).Messages, "1", "2", "4")
	q.wantCounts(1, 3)
	q.deleteMessages(ids[:1])
	wantBodies(t, "after a bulk delete without it the claim", q.claimed(id).Messages, "2", "4")
	q.wantCounts(1, 2)
	q.release(id)
	q.wantFree("2", "4", "5")
}

func claimEndsWithLast(t *testing.T, r *rig) {
	for name, remove := range map[string]func(q *queue, ids []marconi.MessageID, id marconi.ClaimID){
		"one by one": func(q *queue, ids []marconi.MessageID, id marconi.ClaimID) {
			for _, m := range ids {
				q.delete(m, id)
			}
		},
		"in bulk with it":    func(q *queue, ids []marconi.MessageID, id marconi.ClaimID) { q.deleteMessages(ids, id) },
		"in bulk without it": func(q *queue, ids []marconi.MessageID, _ marconi.ClaimID) { q.deleteMessages(ids) },
		"by a purge":         func(q *queue, _ []marconi.MessageID, _ marconi.ClaimID) { q.purge() },
	} {
		t.Run(name, func(t *testing.T) {
			q := r.queue(t)
			ids := q.post("a", "b")
			id, _ := q.claim(60, 2)
			remove(q, ids, id)
			q.wantNoClaim("without a message left", id)
			q.wantCounts(0, 0)
		})
	}
}

// noTheft is where a store fails that takes "everything behind the first free message" for free.
func noTheft(t *testing.T, r *rig) {
	q := r.queue(t)
	q.post(labels(1, 6)...)
	q.claim(1, 3)
	long, _ := q.claim(600, 3)
	r.pass(t, time.Second)
	_, got := q.claim(60, 6)
	wantBodies(t, "claim of 6 after the short claim's end", got, "1", "2", "3")
	wantBodies(t, "the long claim", q.claimed(long).Messages, "4", "5", "6")
}

func noTheftAfterRelease(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(message(longTTL, "1"), message(longTTL, "2"), delayed(60, "delayed"), message(longTTL, "3"))
	early, _ := q.claim(60, 1)
	held, _ := q.claim(60, 1)
	q.release(early)
	wantBodies(t, "Pop of 5", q.pop(5), "1", "3")
	wantBodies(t, "the claim that was not released", q.claimed(held).Messages, "2")
}

func claimCounting(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.post("a")[0]
	for want := 1; want <= 4; want++ {
		claim, got := q.claim(1, 1)
		if len(got) != 1 || got[0].ClaimCount != want {
			t.Fatalf("claim %d gave claim counts %v, want [%d]", want, claimCounts(got), want)
		}
		if want%2 == 0 {
			q.release(claim)
		} else {
			r.pass(t, time.Second)
		}
		if n := q.message(id).ClaimCount; n != want {
			t.Errorf("claim count after the end of claim %d = %d", want, n)
		}
	}
}

func claimCounts(messages []marconi.Message) []int {
	var all []int
	for _, m := range messages {
		all = append(all, m.ClaimCount)
	}
	return all
}
