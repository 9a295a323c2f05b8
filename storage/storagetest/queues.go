package storagetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
)

func queueCases() []testCase {
	return []testCase{
		{"a queue is made once", queueMadeOnce},
		{"metadata is kept as it was sent", metadataAsSent},
		{"metadata is replaced as a whole", metadataReplaced},
		{"a queue without metadata has an empty object", metadataNeverEmpty},
		{"what is not there is no queue", missingQueue},
		{"a deleted queue is what it was", deletedQueueIsWhatItWas},
		{"Q2 a queue made anew is another incarnation", queueMadeAnew},
		{"Q1 projects are apart, whatever their names", projectsAreApart},
		{"Q1 names are apart, whatever their characters", namesAreApart},
		{"data without a queue is adopted", adoption},
		{"the store has an ID of its own", storeHasID},
		{"queues and ID are there after a restart", queuesAfterRestart},
		{"a call whose context has ended does nothing", cancelledControl},
		{"an open store answers a ping, a closed one nothing", closedControl},
	}
}

// A project is a project of a control store with calls that end the case when they fail.
type project struct {
	name marconi.Project
	t    testing.TB
	cs   marconi.ControlStore
}

func (r *rig) control(t testing.TB) marconi.ControlStore {
	t.Helper()
	if r.opened.Control == nil {
		t.Fatal("Harness.Open gave no control store")
	}
	return r.opened.Control
}

// project names a project that nobody has used before.
func (r *rig) project(t testing.TB) *project {
	t.Helper()
	return r.projectAt(t, newRef().Project)
}

func (r *rig) projectAt(t testing.TB, name marconi.Project) *project {
	t.Helper()
	return &project{name: name, t: t, cs: r.control(t)}
}

func (p *project) key(name string) marconi.QueueKey {
	return marconi.QueueKey{Project: p.name, Name: marconi.QueueName(name)}
}

func (p *project) create(name, metadata string) (marconi.Queue, bool) {
	p.t.Helper()
	q, created, err := p.cs.CreateQueue(p.t.Context(), p.key(name), marconi.Metadata(metadata))
	if err != nil {
		p.t.Fatalf("CreateQueue %q in project %.20q: %v", name, p.name, err)
	}
	return q, created
}

// mustCreate makes queues that are not there yet.
func (p *project) mustCreate(names ...string) {
	p.t.Helper()
	for _, name := range names {
		if _, created := p.create(name, ""); !created {
			p.t.Fatalf("CreateQueue %q: it was there", name)
		}
	}
}

func (p *project) queue(name string) marconi.Queue {
	p.t.Helper()
	q, err := p.cs.Queue(p.t.Context(), p.key(name))
	if err != nil {
		p.t.Fatalf("Queue %q in project %.20q: %v", name, p.name, err)
	}
	return q
}

func (p *project) setMetadata(name, metadata string) {
	p.t.Helper()
	if err := p.cs.SetMetadata(p.t.Context(), p.key(name), marconi.Metadata(metadata)); err != nil {
		p.t.Fatalf("SetMetadata of %q: %v", name, err)
	}
}

func (p *project) delete(name string) marconi.QueueRef {
	p.t.Helper()
	ref, err := p.cs.DeleteQueue(p.t.Context(), p.key(name))
	if err != nil {
		p.t.Fatalf("DeleteQueue %q: %v", name, err)
	}
	return ref
}

// wantNone checks that there is no such queue in any call that wants one.
func (p *project) wantNone(name string) {
	p.t.Helper()
	ctx, key := p.t.Context(), p.key(name)
	_, err := p.cs.Queue(ctx, key)
	wantErr(p.t, fmt.Sprintf("Queue %q", name), err, marconi.ErrNoQueue)
	err = p.cs.SetMetadata(ctx, key, marconi.Metadata(`{"a": 1}`))
	wantErr(p.t, fmt.Sprintf("SetMetadata of %q", name), err, marconi.ErrNoQueue)
	_, err = p.cs.DeleteQueue(ctx, key)
	wantErr(p.t, fmt.Sprintf("DeleteQueue %q", name), err, marconi.ErrNoQueue)
}

func queueMadeOnce(t *testing.T, r *rig) {
	p := r.project(t)
	first, created := p.create("q", `{"n": 1}`)
	if !created {
		t.Error("the first CreateQueue says that the queue was there")
	}
	if first.QueueKey != p.key("q") || first.Incarnation < 1 || first.Incarnation >= 1<<53 {
		t.Errorf("CreateQueue gave %+v, want key %+v and an incarnation of 1 to 2^53-1", first, p.key("q"))
	}
	second, created := p.create("q", `{"n": 2}`)
	if created {
		t.Error("the second CreateQueue says that the queue is new")
	}
	for what, got := range map[string]marconi.Queue{"second CreateQueue": second, "Queue": p.queue("q")} {
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s gave another queue (-first +%s):\n%s", what, what, diff)
		}
	}
	if string(first.Metadata) != `{"n": 1}` {
		t.Errorf("metadata = %s, want that of the first CreateQueue", first.Metadata)
	}
}

func metadataAsSent(t *testing.T, r *rig) {
	p := r.project(t)
	for i, metadata := range []string{
		`{}`, ` { "b" : 1.0, "a": null } `, `{"$set": {"a.b": "\u0000"}}`, `{"ä": "𝄞", "": []}`, `{"_default_message_ttl": 300}`,
		`{"long": "` + strings.Repeat("x", 65_000) + `"}`,
	} {
		name := fmt.Sprint("q", i)
		p.create(name, metadata)
		if got := p.queue(name).Metadata; string(got) != metadata {
			t.Errorf("metadata %.60q came back from CreateQueue as %.60q", metadata, got)
		}
		p.create("other", "")
		p.setMetadata("other", metadata)
		if got := p.queue("other").Metadata; string(got) != metadata {
			t.Errorf("metadata %.60q came back from SetMetadata as %.60q", metadata, got)
		}
	}
}

func metadataReplaced(t *testing.T, r *rig) {
	p := r.project(t)
	before, _ := p.create("q", `{"a": 1, "b": 2}`)
	p.mustCreate("other")
	p.setMetadata("q", `{"c": 3}`)
	after := p.queue("q")
	if string(after.Metadata) != `{"c": 3}` || after.QueueRef != before.QueueRef {
		t.Errorf("after SetMetadata the queue is %+v with %s; want %+v with {\"c\": 3}", after.QueueRef, after.Metadata, before.QueueRef)
	}
	if got := p.queue("other").Metadata; string(got) != `{}` {
		t.Errorf("another queue's metadata became %s", got)
	}
}

func metadataNeverEmpty(t *testing.T, r *rig) {
	p := r.project(t)
	q, _, err := p.cs.CreateQueue(t.Context(), p.key("q"), nil)
	if err != nil {
		t.Fatalf("CreateQueue without metadata: %v", err)
	}
	page := p.list(marconi.QueueListing{Detailed: true})
	for what, got := range map[string]marconi.Metadata{"CreateQueue": q.Metadata, "Queue": p.queue("q").Metadata, "ListQueues": page.Items[0].Metadata} {
		if string(got) != `{}` {
			t.Errorf("%s: metadata %q, want {}", what, got)
		}
	}
}

func missingQueue(t *testing.T, r *rig) {
	p, other := r.project(t), r.project(t)
	p.wantNone("q")
	other.mustCreate("q")
	p.wantNone("q")
	p.wantNone("'; DROP TABLE queues; --")
	other.queue("q")
}

func deletedQueueIsWhatItWas(t *testing.T, r *rig) {
	p := r.project(t)
	q, _ := p.create("q", `{"a": 1}`)
	p.mustCreate("q2")
	if ref := p.delete("q"); ref != q.QueueRef {
		t.Errorf("DeleteQueue = %+v, want %+v", ref, q.QueueRef)
	}
	p.wantNone("q")
	p.wantNames("q2")
}

func queueMadeAnew(t *testing.T, r *rig) {
	p := r.project(t)
	seen := map[marconi.Incarnation]bool{}
	for range 20 {
		q, created := p.create("q", `{"a": 1}`)
		if !created || seen[q.Incarnation] {
			t.Fatalf("CreateQueue after DeleteQueue: new %v, incarnation %d, where %v were before", created, q.Incarnation, seen)
		}
		seen[q.Incarnation] = true
		p.delete("q")
	}
	p.create("q", "")
	if got := p.queue("q").Metadata; string(got) != `{}` {
		t.Errorf("a queue made anew has the metadata %s of the one before", got)
	}
}

func projectsAreApart(t *testing.T, r *rig) {
	r = r.fresh(t)
	var projects []*project
	for i, name := range nastyProjects() {
		p := r.projectAt(t, name)
		if _, created := p.create("q.1", fmt.Sprintf(`{"project": %d}`, i)); !created {
			t.Errorf("project %.20q: the queue was there before it was made", name)
		}
		projects = append(projects, p)
	}
	for i, p := range projects {
		if got, want := string(p.queue("q.1").Metadata), fmt.Sprintf(`{"project": %d}`, i); got != want {
			t.Errorf("project %.20q: metadata %s, want %s", p.name, got, want)
		}
		p.wantNames("q.1")
	}
	for i, p := range projects {
		p.delete("q.1")
		p.wantNames()
		for _, rest := range projects[i+1:] {
			rest.wantNames("q.1")
		}
	}
}

func namesAreApart(t *testing.T, r *rig) {
	p := r.project(t)
	names := []string{"a", "A", "a.b", "a-b", "a_b", "a.messages", "a.b.c", "-", "_", ".a", "a.", "0", "00", strings.Repeat("x", marconi.MaxQueueName)}
	for i, name := range names {
		if _, created := p.create(name, fmt.Sprintf(`{"n": %d}`, i)); !created {
			t.Errorf("queue %q was there before it was made", name)
		}
	}
	for i, name := range names {
		if got, want := string(p.queue(name).Metadata), fmt.Sprintf(`{"n": %d}`, i); got != want {
			t.Errorf("queue %q has metadata %s, want %s", name, got, want)
		}
	}
	p.delete("a")
	p.wantNone("a")
	for _, name := range names[1:] {
		p.queue(name)
	}
}

func adoption(t *testing.T, r *rig) {
	p := r.project(t)
	ref := marconi.QueueRef{QueueKey: p.key("lost"), Incarnation: newIncarnation()}
	adopt := func(ref marconi.QueueRef, want bool) {
		t.Helper()
		if got, err := p.cs.AdoptQueue(t.Context(), ref); err != nil || got != want {
			t.Errorf("AdoptQueue(%+v) = %v, %v; want %v", ref, got, err, want)
		}
	}
	adopt(ref, true)
	if q := p.queue("lost"); q.QueueRef != ref || string(q.Metadata) != `{}` {
		t.Errorf("adopted queue = %+v with metadata %s, want %+v with {}", q.QueueRef, q.Metadata, ref)
	}
	p.setMetadata("lost", `{"a": 1}`)
	adopt(ref, false)
	adopt(marconi.QueueRef{QueueKey: ref.QueueKey, Incarnation: newIncarnation()}, false)
	if q := p.queue("lost"); q.QueueRef != ref || string(q.Metadata) != `{"a": 1}` {
		t.Errorf("after adoption of what is there: %+v with metadata %s, want %+v with {\"a\": 1}", q.QueueRef, q.Metadata, ref)
	}
	p.wantNames("lost")
	if got := p.delete("lost"); got != ref {
		t.Errorf("DeleteQueue of an adopted queue = %+v, want %+v", got, ref)
	}
}

func (r *rig) controlID(t testing.TB) string {
	t.Helper()
	id, err := r.control(t).ID(t.Context())
	if err != nil || id == "" {
		t.Fatalf("ID = %q, %v; want one", id, err)
	}
	return id
}

func storeHasID(t *testing.T, r *rig) {
	id := r.controlID(t)
	if again := r.controlID(t); again != id {
		t.Errorf("ID = %q, then %q", id, again)
	}
	if other := r.fresh(t).controlID(t); other == id {
		t.Errorf("two stores have ID %q", id)
	}
}

func queuesAfterRestart(t *testing.T, r *rig) {
	r.needRestart(t)
	r = r.fresh(t)
	p := r.project(t)
	id := r.controlID(t)
	before, _ := p.create("q", `{"a": 1}`)
	p.mustCreate("deleted", "q2")
	p.delete("deleted")

	r.restart(t)
	p = r.projectAt(t, p.name)
	if again := r.controlID(t); again != id {
		t.Errorf("ID after a restart = %q, want %q", again, id)
	}
	if diff := cmp.Diff(before, p.queue("q")); diff != "" {
		t.Errorf("queue after a restart (-before +after):\n%s", diff)
	}
	p.wantNames("q", "q2")
}

// everyControlCall calls each operation of a control store once.
func everyControlCall(ctx context.Context, cs marconi.ControlStore, p marconi.Project) map[string]error {
	key := marconi.QueueKey{Project: p, Name: "q"}
	all := map[string]error{}
	_, _, all["CreateQueue"] = cs.CreateQueue(ctx, marconi.QueueKey{Project: p, Name: "late"}, nil)
	_, all["Queue"] = cs.Queue(ctx, key)
	all["SetMetadata"] = cs.SetMetadata(ctx, key, marconi.Metadata(`{"late": true}`))
	_, all["DeleteQueue"] = cs.DeleteQueue(ctx, key)
	_, all["ListQueues"] = cs.ListQueues(ctx, p, marconi.QueueListing{Limit: 5})
	_, all["AdoptQueue"] = cs.AdoptQueue(ctx, refOf(p, "late-too"))
	_, all["ID"] = cs.ID(ctx)
	all["Ping"] = cs.Ping(ctx)
	return all
}

func cancelledControl(t *testing.T, r *rig) {
	p := r.project(t)
	p.create("q", `{"a": 1}`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range everyControlCall(ctx, p.cs, p.name) {
		wantUnavailable(t, name+" with a cancelled context", err)
	}
	p.wantNames("q")
	if got := p.queue("q").Metadata; string(got) != `{"a": 1}` {
		t.Errorf("metadata afterwards = %s, want {\"a\": 1}", got)
	}
}

func closedControl(t *testing.T, r *rig) {
	r = r.fresh(t)
	cs := r.control(t)
	if err := cs.Ping(t.Context()); err != nil {
		t.Errorf("Ping of an open store: %v", err)
	}
	r.close(t)
	for name, err := range everyControlCall(context.Background(), cs, "p") {
		wantUnavailable(t, name+" after Close", err)
	}
}
