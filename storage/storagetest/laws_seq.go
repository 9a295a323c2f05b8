package storagetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"pgregory.net/rapid"
)

func seqLawCases() []testCase {
	return []testCase{
		{"every answer is the model's (Seq)", answersAreTheModels},
		{"Q1 a known ID opens nothing elsewhere", knownIDsElsewhere},
		{"Q1 projects are apart, whatever their names", dataProjectsApart},
		{"Q2 a queue made anew has nothing of the old one", nothingOfTheOld},
		{"P2 no ID is given twice", noIDTwice},
		{"P2 no ID is given twice, after a restart too", noIDTwiceAfterRestart},
	}
}

// answersAreTheModels is the sequential form of P2, P5, L1, L3 to L7, C2 to C10, D1 to D3, T1, T2, O2, S1, S2, Q1, Q2 and
// G1 at once.
func answersAreTheModels(t *testing.T, r *rig) {
	rapid.Check(t, func(rt *rapid.T) { newMachine(t, rt, r).run() })
}

// FuzzData tries random operations against the model, as Data does, led by Go's fuzzer.
func FuzzData(f *testing.F, h Harness) {
	for seed := range uint64(8) {
		input := make([]byte, 4096)
		random := rand.New(rand.NewPCG(seed, seed))
		for i := range input {
			input[i] = byte(random.Uint32())
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := open(t, h)
		rapid.MakeFuzz(func(rt *rapid.T) { newMachine(t, rt, r).run() })(t, input)
	})
}

// knownIDsElsewhere uses the IDs of one queue in others: of the same name, of the same project, of another incarnation.
func knownIDsElsewhere(t *testing.T, r *rig) {
	q := r.queueAt(t, refOf("a.b", "c"))
	ids := q.post("claimed", "free")
	claim, _ := q.claim(60, 1)
	for _, ref := range []marconi.QueueRef{refOf("a", "b.c"), refOf("a.b", "d"), refOf("a", "c"), refOf("", "c"), refOf("a.b", "c")} {
		other := r.queueAt(t, ref)
		other.post("other's")
		theirs, _ := other.claim(60, 1)
		for _, id := range ids {
			other.wantGone("of another queue", id)
			other.wantDelete("of another queue", id, "")
			other.wantDelete("of another queue with its claim", id, claim)
		}
		other.wantDeleteAll("of another queue", ids, nil)
		other.wantDeleteAll("of another queue with its claim", ids, []marconi.ClaimID{claim})
		other.wantNoClaim("of another queue", claim)
		other.wantDelete("with a claim of another queue", idsOf(other.listAll())[0], claim, marconi.ErrNoClaim)
		wantBodies(t, "the other queue's claim", other.claimed(theirs).Messages, "other's")
		other.wantCounts(0, 1)
	}
	wantBodies(t, "the claim", q.claimed(claim).Messages, "claimed")
	q.wantAll("claimed", "free")
	q.wantCounts(1, 1)
}

func dataProjectsApart(t *testing.T, r *rig) {
	var queues []*queue
	for i, p := range nastyProjects() {
		for _, n := range []marconi.QueueName{"a", "a.messages", "b", "a.b", "-"} {
			q := r.queueAt(t, refOf(p, n))
			q.post(fmt.Sprintf("%d %s", i, n))
			queues = append(queues, q)
		}
	}
	for i, q := range queues {
		wantBodies(t, "messages", q.listAll(), fmt.Sprintf("%d %s", i/5, q.Name))
		q.wantCounts(1, 0)
	}
	for i, q := range queues {
		if i%2 == 0 {
			q.drop()
		} else {
			q.pop(5)
		}
		q.wantAll()
		for _, rest := range queues[i+1:] {
			rest.wantCounts(1, 0)
		}
	}
}

func nothingOfTheOld(t *testing.T, r *rig) {
	old := r.queue(t)
	ids := old.postMessages(message(longTTL, "a"), message(longTTL, "b"), delayed(1, "delayed"))
	claim, _ := old.claim(1, 1)
	marker := old.list(marconi.Listing{}).Next
	old.drop()

	q := r.queueAt(t, refOf(old.Project, old.Name))
	q.wantAll()
	q.wantNoClaim("of the queue of that name before", claim)
	newer := q.post("new")
	for _, id := range ids {
		q.wantGone("of the queue of that name before", id)
	}
	if slices.Contains(ids, newer[0]) {
		t.Errorf("ID %s of the old queue was given again", newer[0])
	}
	if got := bodies(q.list(marconi.Listing{Marker: marker}).Items); len(got) > 0 && !slices.Equal(got, []string{"new"}) {
		t.Errorf("behind a marker of the old queue: %v", got)
	}
	old.post("late")
	r.pass(t, time.Second)
	q.wantAll("new")
	_, got := q.claim(60, 5)
	wantBodies(t, "Claim", got, "new")
}

func noIDTwice(t *testing.T, r *rig) {
	seen := map[marconi.MessageID]bool{}
	key := newRef().QueueKey
	for range 10 {
		q := r.queueAt(t, refOf(key.Project, key.Name))
		for range 5 {
			wantNewIDs(t, seen, q.post("a", "b"))
			q.pop(2)
			wantNewIDs(t, seen, q.post("c"))
			q.purge()
		}
		q.drop()
	}
}

func wantNewIDs(t *testing.T, seen map[marconi.MessageID]bool, ids []marconi.MessageID) {
	t.Helper()
	for _, id := range ids {
		if seen[id] {
			t.Errorf("ID %s was given twice", id)
		}
		seen[id] = true
	}
}

func noIDTwiceAfterRestart(t *testing.T, r *rig) {
	r.needRestart(t)
	r = r.fresh(t)
	seen := map[marconi.MessageID]bool{}
	ref := newRef()
	for range 3 {
		q := r.queueAt(t, ref)
		wantNewIDs(t, seen, q.post("a", "b", "c"))
		q.deleteMessages(idsOf(q.listAll()))
		r.restart(t)
	}
}
