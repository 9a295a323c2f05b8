package storagetest

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

func delayCases() []testCase {
	return []testCase{
		{"T1 a delayed message is not handed out before its time", delayedIsHidden},
		{"T1 delayed and free messages in one post", delayedAmongFree},
		{"T1 a delay as long as the message lives", delayAsLongAsTTL},
		{"T2 once due it stands in its place", dueStandsInPlace},
		{"T2 a claim takes what is due in its order", claimTakesDue},
	}
}

func delayedIsHidden(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.postMessages(delayed(2, "a"))[0]
	hidden := func(what string) {
		q.wantFree()
		wantBodies(t, what+": listing with claimed ones", q.list(marconi.Listing{IncludeClaimed: true}).Items)
		wantBodies(t, what+": listing with delayed ones", q.list(marconi.Listing{IncludeDelayed: true}).Items, "a")
		wantBodies(t, what+": Pop", q.pop(5))
		_, got := q.claim(60, 5)
		wantBodies(t, what+": Claim", got)
		wantBodies(t, what+": Message", []marconi.Message{q.message(id)}, "a")
		q.wantCounts(1, 0)
	}
	hidden("at once")
	r.passToJustBefore(t, 2*time.Second)
	hidden("just before its time")
	r.passStep(t)
	q.wantFree("a")
	wantBodies(t, "Pop at its time", q.pop(5), "a")
}

func delayedAmongFree(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(delayed(5, "1"), message(longTTL, "2"), delayed(2, "3"), message(longTTL, "4"))
	q.wantFree("2", "4")
	q.wantAll(labels(1, 4)...)
	r.pass(t, 2*time.Second)
	q.wantFree("2", "3", "4")
	r.pass(t, 3*time.Second)
	q.wantFree(labels(1, 4)...)
}

func delayAsLongAsTTL(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.postMessages(marconi.NewMessage{TTL: 2, Delay: 2, Body: []byte(`"a"`)})[0]
	r.pass(t, 2*time.Second)
	q.wantAll()
	q.wantGone("at its end", id)
	wantBodies(t, "Pop", q.pop(1))
}

// dueStandsInPlace is also where a message that is due could be shown twice: once as due, once in the log.
func dueStandsInPlace(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(message(longTTL, "1"), delayed(2, "2"), message(longTTL, "3"))
	q.claim(60, 2)
	q.post("4")
	r.pass(t, 2*time.Second)
	q.wantFree("2", "4")
	q.wantAll(labels(1, 4)...)
	wantBodies(t, "Pop of 5", q.pop(5), "2", "4")
	q.wantAll("1", "3")
}

func claimTakesDue(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postMessages(delayed(3, "1"), delayed(1, "2"), delayed(2, "3"), message(longTTL, "4"))
	r.pass(t, time.Second)
	first, got := q.claim(1, 1)
	wantBodies(t, "claim of 1 after 1 s", got, "2")
	r.pass(t, 2*time.Second)
	q.wantNoClaim("after its end", first)
	_, got = q.claim(60, 3)
	wantBodies(t, "claim of 3 when all is due", got, "1", "2", "3")
	q.wantFree("4")
}
