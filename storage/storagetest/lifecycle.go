package storagetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
)

func lifecycleCases() []testCase {
	return []testCase{
		{"P5 a message lives for its TTL", messageLivesForTTL},
		{"a purge leaves an empty queue in use", purgeLeavesQueue},
		{"a deleted queue is empty", deletedQueueIsEmpty},
		{"a store knows the queues that hold messages", queuesThatHold},
		{"data belongs to one control store", dataBelongsToOne},
		{"data belongs to one control store, after a restart too", dataBelongsAfterRestart},
		{"G1 collecting changes no answer", collectChangesNothing},
		{"collecting counts what it gives back", collectCounts},
		{"a call whose context has ended does nothing", cancelledContext},
		{"capabilities are those the harness says", capabilities},
		{"an open store answers a ping, a closed one nothing", closedStore},
		{"everything is there after a restart", restartKeepsAll},
	}
}

func messageLivesForTTL(t *testing.T, r *rig) {
	q := r.queue(t)
	id := q.postLiving(2, "a")[0]
	q.post("b")
	r.passToJustBefore(t, 2*time.Second)
	q.wantFree("a", "b")
	wantBodies(t, "Message just before its end", []marconi.Message{q.message(id)}, "a")

	r.passStep(t)
	q.wantAll("b")
	q.wantGone("at its end", id)
	first, err := q.ds.First(q.ctx(), q.QueueRef, marconi.Oldest)
	if err != nil {
		t.Fatalf("First: %v", err)
	}
	wantBodies(t, "First at its end", []marconi.Message{first}, "b")
	_, got := q.claim(60, 5)
	wantBodies(t, "Claim at its end", got, "b")
	wantBodies(t, "Pop at its end", q.pop(5))
}

func purgeLeavesQueue(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	other.post("x")
	ids := q.postMessages(message(longTTL, "a"), message(longTTL, "b"), delayed(2, "delayed"))
	claim, _ := q.claim(2, 1)
	marker := q.list(marconi.Listing{}).Next
	q.purge()
	q.wantAll()
	q.wantCounts(0, 0)
	q.wantNoClaim("after a purge", claim)
	for _, id := range ids {
		q.wantGone("after a purge", id)
	}
	newer := q.post("c", "d")
	if slices.Contains(ids, newer[0]) {
		t.Errorf("the purge made ID %s be given again", newer[0])
	}
	wantBodies(t, "behind a marker from before", q.list(marconi.Listing{Marker: marker}).Items, "c", "d")
	r.pass(t, 2*time.Second)
	q.wantFree("c", "d")
	_, got := q.claim(60, 5)
	wantBodies(t, "Claim", got, "c", "d")
	other.wantAll("x")
}

func deletedQueueIsEmpty(t *testing.T, r *rig) {
	q, other := r.queue(t), r.queue(t)
	other.post("x")
	ids := q.postMessages(message(longTTL, "a"), message(longTTL, "b"), delayed(60, "delayed"))
	claim, _ := q.claim(60, 1)
	q.drop()
	q.wantAll()
	q.wantCounts(0, 0)
	q.wantNoClaim("after the deletion", claim)
	for _, id := range ids {
		q.wantGone("after the deletion", id)
	}
	_, got := q.claim(60, 5)
	wantBodies(t, "Claim", got)
	wantBodies(t, "Pop", q.pop(5))
	q.drop()
	other.wantAll("x")
}

func queuesThatHold(t *testing.T, r *rig) {
	r = r.fresh(t)
	var want []marconi.QueueRef
	for i, p := range nastyProjects() {
		q := r.queueAt(t, refOf(p, marconi.QueueName(fmt.Sprintf("q.%d", i))))
		q.post("a")
		want = append(want, q.QueueRef)
	}
	for name, empty := range map[string]func(q *queue){
		"deleted": func(q *queue) { q.drop() },
		"purged":  func(q *queue) { q.purge() },
		"popped":  func(q *queue) { q.pop(1) },
	} {
		q := r.queueAt(t, refOf("p", marconi.QueueName(name)))
		q.post("a")
		empty(q)
	}
	got, err := r.data(t).Queues(t.Context())
	if err != nil {
		t.Fatalf("Queues: %v", err)
	}
	byIncarnation := func(a, b marconi.QueueRef) int { return int(a.Incarnation - b.Incarnation) }
	slices.SortFunc(got, byIncarnation)
	slices.SortFunc(want, byIncarnation)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Queues (-want +got):\n%s", diff)
	}
}

func bind(t *testing.T, r *rig, control string, adopt bool, want ...*marconi.Error) {
	t.Helper()
	what := fmt.Sprintf("Bind to control store %q, adopt %v", control, adopt)
	err := r.data(t).Bind(t.Context(), control, adopt)
	if len(want) > 0 {
		wantErr(t, what, err, want...)
	} else if err != nil {
		t.Errorf("%s: %v, want no error", what, err)
	}
}

func dataBelongsToOne(t *testing.T, r *rig) {
	r = r.fresh(t)
	q := r.queue(t)
	q.post("a")
	bind(t, r, "one", false)
	bind(t, r, "one", false)
	bind(t, r, "two", false, marconi.ErrForeignData)
	bind(t, r, "one", false)
	bind(t, r, "two", true)
	bind(t, r, "one", false, marconi.ErrForeignData)
	bind(t, r, "two", false)
	q.wantAll("a")
}

func dataBelongsAfterRestart(t *testing.T, r *rig) {
	r.needRestart(t)
	r = r.fresh(t)
	bind(t, r, "one", false)
	bind(t, r, "two", true)
	r.restart(t)
	bind(t, r, "one", false, marconi.ErrForeignData)
	bind(t, r, "two", false)
}

func collectChangesNothing(t *testing.T, r *rig) {
	q := r.queue(t)
	q.postLiving(1, labels(1, 20)...)
	q.postMessages(message(longTTL, "a"), delayed(2, "delayed"), message(longTTL, "b"))
	claim, _ := q.claim(60, 3)
	q.claim(1, 18)
	dropped := r.queue(t)
	dropped.post(labels(1, 20)...)
	dropped.drop()
	for range 3 {
		r.pass(t, time.Second)
		before := q.listAll()
		if _, err := q.ds.Collect(q.ctx()); err != nil {
			t.Fatalf("Collect: %v", err)
		}
		if diff := cmp.Diff(before, q.listAll()); diff != "" {
			t.Errorf("Collect changed what there is (-before +after):\n%s", diff)
		}
		wantBodies(t, "the claim", q.claimed(claim).Messages, "1", "2", "3")
	}
	q.wantFree("a", "delayed", "b")
	q.wantCounts(3, 3)
	dropped.wantAll()
}

// collectCounts cannot want all that went, for the store may have collected some by itself.
func collectCounts(t *testing.T, r *rig) {
	r = r.fresh(t)
	q, dropped := r.queue(t), r.queue(t)
	q.postLiving(1, labels(1, 10)...)
	q.post("a", "b", "c")
	dropped.post(labels(1, 5)...)
	dropped.drop()
	r.pass(t, 2*time.Second)
	total := 0
	for range 100 {
		n, err := q.ds.Collect(q.ctx())
		if err != nil || n < 0 {
			t.Fatalf("Collect = %d, %v", n, err)
		}
		if total += n; n == 0 {
			break
		}
	}
	if total > 15 {
		t.Errorf("Collect gave back %d messages, where 10 had expired and 5 were dropped", total)
	}
	q.wantAll("a", "b", "c")
}

// everyCall calls each operation of a data store once, and each writing one on queue q.
func everyCall(ctx context.Context, ds marconi.DataStore, q marconi.QueueRef, id marconi.MessageID, claim marconi.ClaimID) map[string]error {
	all := map[string]error{}
	_, all["Post"] = ds.Post(ctx, q, marconi.Post{Client: producer, Messages: []marconi.NewMessage{message(longTTL, "late")}})
	_, all["List"] = ds.List(ctx, q, marconi.Listing{Limit: 5, Client: observer})
	_, all["Message"] = ds.Message(ctx, q, id)
	_, all["Messages"] = ds.Messages(ctx, q, []marconi.MessageID{id})
	_, all["First"] = ds.First(ctx, q, marconi.Oldest)
	all["Delete"] = ds.Delete(ctx, q, id, claim)
	all["DeleteMessages"] = ds.DeleteMessages(ctx, q, []marconi.MessageID{id}, nil)
	_, all["Pop"] = ds.Pop(ctx, q, 1)
	_, all["Claim"] = ds.Claim(ctx, q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1})
	_, all["Claimed"] = ds.Claimed(ctx, q, claim)
	all["UpdateClaim"] = ds.UpdateClaim(ctx, q, claim, marconi.ClaimUpdate{TTL: 600})
	all["Release"] = ds.Release(ctx, q, claim)
	_, all["Stats"] = ds.Stats(ctx, q)
	_, all["Volume"] = ds.Volume(ctx)
	all["Purge"] = ds.Purge(ctx, q)
	all["DeleteQueue"] = ds.DeleteQueue(ctx, q)
	_, all["Collect"] = ds.Collect(ctx)
	all["Bind"] = ds.Bind(ctx, "some control store", false)
	_, all["Queues"] = ds.Queues(ctx)
	all["Ping"] = ds.Ping(ctx)
	return all
}

func cancelledContext(t *testing.T, r *rig) {
	q := r.queue(t)
	ids := q.post("a", "b")
	claim, _ := q.claim(60, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range everyCall(ctx, q.ds, q.QueueRef, ids[0], claim) {
		wantUnavailable(t, name+" with a cancelled context", err)
	}
	c := q.claimed(claim)
	wantBodies(t, "the claim afterwards", c.Messages, "a")
	if c.TTL != 60 {
		t.Errorf("the claim has TTL %d afterwards, want 60", c.TTL)
	}
	q.wantFree("b")
	q.wantCounts(1, 1)
}

func capabilities(t *testing.T, r *rig) {
	c := r.data(t).Capabilities()
	for _, w := range []struct {
		capability marconi.Capability
		name       string
		weakness   Weakness
	}{
		{marconi.FIFO, "FIFO", NotFIFO},
		{marconi.Claims, "Claims", NotExclusive},
	} {
		if c.Has(w.capability) == r.h.Weak.Has(w.weakness) {
			t.Errorf("Capabilities has %s: %v, and so has Harness.Weak the weakness for its want", w.name, c.Has(w.capability))
		}
	}
	if c.Has(marconi.Durable) && r.h.Restart == nil {
		t.Error("Capabilities has Durable, but Harness.Restart is nil: nothing shows it")
	}
}

func controlCapabilities(t *testing.T, r *rig) {
	if c := r.control(t).Capabilities(); c.Has(marconi.CompareAndSet) == r.h.Weak.Has(LastWriteWins) {
		t.Errorf("Capabilities has CompareAndSet: %v, and so has Harness.Weak LastWriteWins", c.Has(marconi.CompareAndSet))
	}
}

func closedStore(t *testing.T, r *rig) {
	r = r.fresh(t)
	if err := r.data(t).Ping(t.Context()); err != nil {
		t.Errorf("Ping of an open store: %v", err)
	}
	ds := r.data(t)
	r.close(t)
	for name, err := range everyCall(context.Background(), ds, newRef(), "some-message", newClaimID()) {
		wantUnavailable(t, name+" after Close", err)
	}
}

func restartKeepsAll(t *testing.T, r *rig) {
	r.needRestart(t)
	r = r.fresh(t)
	q := r.queue(t)
	ids := q.postMessages(message(longTTL, "a"), message(10, "extended"), delayed(30, "delayed"), message(longTTL, "b"), message(20, "short"))
	claim := newClaimID()
	q.claimAs(marconi.ClaimRequest{ID: claim, TTL: 25, Grace: 3, Limit: 2})
	q.delete(ids[0], claim)
	before := q.listAll()

	r.restart(t)
	q = r.queueAt(t, q.QueueRef)
	if diff := cmp.Diff(before, q.listAll()); diff != "" {
		t.Errorf("after a restart there are other messages (-before +after):\n%s", diff)
	}
	wantBodies(t, "the claim", q.claimed(claim).Messages, "extended")
	q.wantCounts(3, 1)
	r.pass(t, 25*time.Second)
	q.wantFree("extended", "b")
	r.pass(t, 5*time.Second)
	q.wantFree("delayed", "b")
	q.post("c")
	q.wantAll("delayed", "b", "c")
}
