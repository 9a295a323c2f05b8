package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

func TestMetadataOfAnExistingQueueStays(t *testing.T) {
	r := newRig(t)
	for i, want := range []bool{true, false} {
		created, err := r.CreateQueue(t.Context(), jobs, marconi.Metadata([]string{`{"owner": "ops"}`, `{"owner": "dev"}`}[i]))
		if err != nil || created != want {
			t.Errorf("creation %d: %v, %v", i+1, created, err)
		}
	}
	if _, err := r.CreateQueue(t.Context(), jobs, marconi.Metadata(`{"_default_message_ttl": 1}`)); !hasCode(err, "metadata-reserved") {
		t.Errorf("bad metadata for an existing queue: %v", err)
	}
	q, err := r.Queue(t.Context(), jobs)
	if err != nil || string(q.Metadata) != `{"owner": "ops"}` {
		t.Errorf("queue: %s, %v", q.Metadata, err)
	}
	if err := r.SetMetadata(t.Context(), jobs, marconi.Metadata(`{"_ttl": 1}`)); !hasCode(err, "metadata-reserved") {
		t.Errorf("a reserved key: %v", err)
	}
	if err := r.SetMetadata(t.Context(), marconi.QueueKey{Name: "none"}, marconi.Metadata(`{}`)); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("metadata of no queue: %v", err)
	}
}

// What two servers over one store see of a queue that one of them deletes: the other may use the old one for a while, and
// nothing of that comes up in the new one.
func TestDeletedIsDeletedForTwoServers(t *testing.T) {
	here := newRig(t)
	there := New(Config{Control: here.control, Data: here.data})
	defer there.Close()
	here.post(t, jobs, 1)
	if _, err := there.Stats(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if err := here.DeleteQueue(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Stats(t.Context(), jobs); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("the deleting server still counts: %v", err)
	}
	late := Post{Queue: jobs, Messages: []Message{{Body: []byte(`"late"`)}}}
	if _, err := there.PostMessages(t.Context(), late); err != nil {
		t.Errorf("a late post of a server with the old record: %v", err)
	}
	if _, err := here.CreateQueue(t.Context(), jobs, nil); err != nil {
		t.Fatal(err)
	}
	if got := here.list(t, jobs); len(got) != 0 {
		t.Errorf("the new queue begins with %d messages", len(got))
	}
}

// slowLookup is a control store whose answer is under way while the test does something else.
type slowLookup struct {
	marconi.ControlStore
	asked, answer chan struct{}
}

func (s slowLookup) Queue(ctx context.Context, key marconi.QueueKey) (marconi.Queue, error) {
	q, err := s.ControlStore.Queue(ctx, key)
	s.asked <- struct{}{}
	<-s.answer
	return q, err
}

func TestALookupUnderWayDoesNotBringADeletedQueueBack(t *testing.T) {
	slow := slowLookup{asked: make(chan struct{}), answer: make(chan struct{})}
	r := newRig(t, func(c *Config) {
		slow.ControlStore = c.Control
		c.Control = slow
	})
	if _, _, err := r.control.CreateQueue(t.Context(), jobs, noMetadata); err != nil {
		t.Fatal(err)
	}
	first := make(chan error)
	go func() {
		_, err := r.Stats(t.Context(), jobs)
		first <- err
	}()
	<-slow.asked
	if err := r.DeleteQueue(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	slow.answer <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	go func() {
		<-slow.asked // were the old record kept, nobody would ask
		slow.answer <- struct{}{}
	}()
	if _, err := r.Stats(t.Context(), jobs); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("after the deletion: %v, want ErrNoQueue", err)
	}
}

func TestAbsentQueues(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	if _, err := r.Stats(ctx, jobs); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("stats: %v", err)
	}
	if _, err := r.PostMessages(ctx, Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}}); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("post: %v", err)
	}
	if page, err := r.ListMessages(ctx, Listing{Queue: jobs}); err != nil || len(page.Items) != 0 {
		t.Errorf("list: %v, %v", page, err)
	}
	if _, err := r.Message(ctx, jobs, "m"); !errors.Is(err, marconi.ErrNoMessage) {
		t.Errorf("get: %v", err)
	}
	if c, err := r.ClaimMessages(ctx, Claim{Queue: jobs}); err != nil || c.ID != "" {
		t.Errorf("claim: %+v, %v", c, err)
	}
	if _, err := r.Claim(ctx, jobs, "c"); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("get claim: %v", err)
	}
	if err := r.UpdateClaim(ctx, jobs, "c", ClaimUpdate{}); !errors.Is(err, marconi.ErrNoClaim) {
		t.Errorf("update claim: %v", err)
	}
	for name, err := range map[string]error{
		"delete queue":    r.DeleteQueue(ctx, jobs),
		"delete message":  r.DeleteMessage(ctx, jobs, "m", "nonsense"),
		"delete messages": r.DeleteMessages(ctx, jobs, []marconi.MessageID{"m"}),
		"release claim":   r.ReleaseClaim(ctx, jobs, "c"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.control.Queue(ctx, jobs); !errors.Is(err, marconi.ErrNoQueue) {
		t.Errorf("a queue was made: %v", err)
	}
}

// goneStore claims for a caller that goes away meanwhile.
type goneStore struct {
	marconi.DataStore
	leave context.CancelFunc
}

func (s *goneStore) Claim(ctx context.Context, q marconi.QueueRef, c marconi.ClaimRequest) (marconi.Claimed, error) {
	got, err := s.DataStore.Claim(ctx, q, c)
	s.leave()
	return got, err
}

func TestAClaimOfACallerThatWentAwayIsGivenBack(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	r := newRig(t, func(c *Config) { c.Data = &goneStore{c.Data, leave} })
	r.post(t, jobs, 1)
	if _, err := r.ClaimMessages(ctx, Claim{Queue: jobs}); err != nil {
		t.Logf("the claim ends with %v", err)
	}
	r.beside.Wait()
	if stats, err := r.Stats(t.Context(), jobs); err != nil || stats.Claimed != 0 || stats.Free != 1 {
		t.Errorf("stats: %+v, %v; want the message free", stats, err)
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t, func(c *Config) { c.HealthInterval = time.Hour })
	r.post(t, jobs, 3)
	r.claim(t, 1)
	h, err := r.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !h.Reachable || h.Volume != (marconi.Volume{Free: 2, Claimed: 1, Total: 3}) {
		t.Errorf("health: %+v", h)
	}
	var steps []string
	for _, op := range h.Operations {
		steps = append(steps, op.Name)
		if !op.Succeeded || op.Ref != "" {
			t.Errorf("step %+v", op)
		}
	}
	want := []string{"create_queue", "post_messages", "claim_messages", "list_messages", "delete_messages", "delete_claim", "bulk_delete_messages", "delete_queue"}
	if !slices.Equal(steps, want) {
		t.Errorf("steps %v, want %v", steps, want)
	}
	r.post(t, jobs, 1)
	if again, err := r.Health(t.Context()); err != nil || again.Volume.Total != 4 || !slices.Equal(again.Operations, h.Operations) {
		t.Errorf("a second report within the interval: %+v, %v; want the first run, and all messages counted", again, err)
	}
	if v, err := r.data.Volume(t.Context()); err != nil || v.Total != 4 {
		t.Errorf("after the run the store holds %+v, %v", v, err)
	}
}

type noDelete struct{ marconi.DataStore }

func (noDelete) Delete(context.Context, marconi.QueueRef, marconi.MessageID, marconi.ClaimID) error {
	return errors.New("read only")
}

func TestHealthOfAStoreThatDoesNotDelete(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Data = noDelete{c.Data} })
	h, err := r.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range h.Operations {
		if failed := op.Name == "delete_messages"; op.Succeeded == failed || failed && (op.Ref == "" || !strings.Contains(r.log.String(), op.Ref)) {
			t.Errorf("step %+v; log %s", op, r.log.String())
		}
	}
}

func TestJoin(t *testing.T) {
	ctx := t.Context()
	open := func() storage.Opened {
		o, err := memory.Open(ctx, "memory://", storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(o.Data.Close(), o.Control.Close()) })
		return o
	}
	data, first, second := open().Data, open().Control, open().Control
	join := func(control marconi.ControlStore, adopt bool) (int, error) { return Join(ctx, control, data, adopt) }

	if n, err := join(first, false); err != nil || n != 0 {
		t.Fatalf("the first control store: %d, %v", n, err)
	}
	b := New(Config{Control: first, Data: data})
	defer b.Close()
	if _, err := b.PostMessages(ctx, Post{Queue: jobs, CreateQueue: true, Messages: []Message{{Body: []byte("1")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := join(second, false); !errors.Is(err, marconi.ErrForeignData) {
		t.Errorf("another control store: %v, want ErrForeignData", err)
	}
	if n, err := join(second, true); err != nil || n != 1 {
		t.Errorf("adoption: %d, %v", n, err)
	}
	c := New(Config{Control: second, Data: data})
	defer c.Close()
	if page, err := c.ListMessages(ctx, Listing{Queue: jobs, Echo: true}); err != nil || len(page.Items) != 1 {
		t.Errorf("after adoption the queue shows %d messages, %v", len(page.Items), err)
	}
	if n, err := join(second, true); err != nil || n != 0 {
		t.Errorf("adoption again: %d, %v", n, err)
	}
	if _, err := join(first, false); !errors.Is(err, marconi.ErrForeignData) {
		t.Errorf("the first control store, after adoption by another: %v", err)
	}
}

// A configured delay is for callers who know of delays: API v1 does not.
func TestDefaultDelay(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Limits = marconi.DefaultLimits()
		c.Limits.DefaultMessageDelay = 5
	})
	for _, delayed := range []bool{false, true} {
		p := Post{Queue: jobs, Messages: []Message{{Body: []byte("1")}}, CreateQueue: true, DefaultDelay: delayed}
		if _, err := r.PostMessages(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		m, err := r.PopMessages(t.Context(), Pop{Queue: jobs, Limit: 1})
		if want := !delayed; err != nil || (len(m) == 1) != want {
			t.Errorf("default delay asked for: %v; popped at once: %d, %v", delayed, len(m), err)
		}
	}
}

func TestDeletingAQueueDropsItsData(t *testing.T) {
	r := newRig(t)
	r.post(t, jobs, 3)
	if err := r.DeleteQueue(t.Context(), jobs); err != nil {
		t.Fatal(err)
	}
	if v, err := r.data.Volume(t.Context()); err != nil || v.Total != 0 {
		t.Errorf("the store still holds %+v, %v", v, err)
	}
}

// brokenAdoption is a control store that can't make queues for a while.
type brokenAdoption struct {
	marconi.ControlStore
	fails bool
}

func (s *brokenAdoption) AdoptQueue(ctx context.Context, q marconi.QueueRef) (bool, error) {
	if s.fails {
		return false, errors.New("disk full")
	}
	return s.ControlStore.AdoptQueue(ctx, q)
}

func TestAnAdoptionThatFailedIsStartedAnew(t *testing.T) {
	r := newRig(t)
	if _, err := Join(t.Context(), r.control, r.data, false); err != nil {
		t.Fatal(err)
	}
	r.post(t, jobs, 1)
	other := &brokenAdoption{ControlStore: openMemory(t, storage.Options{}).Control, fails: true}
	if _, err := Join(t.Context(), other, r.data, true); err == nil {
		t.Error("an adoption that failed says nothing")
	}
	other.fails = false
	if n, err := Join(t.Context(), other, r.data, true); n != 1 || err != nil {
		t.Errorf("the adoption afterwards: %d queues, %v", n, err)
	}
}

// countedQueues is a control store that counts what it makes.
type countedQueues struct {
	marconi.ControlStore
	made int
}

func (s *countedQueues) CreateQueue(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
	s.made++
	return s.ControlStore.CreateQueue(ctx, key, m)
}

func TestHealthInterval(t *testing.T) {
	for interval, runs := range map[time.Duration]int{0: 3, time.Hour: 1} {
		counted := &countedQueues{}
		r := newRig(t, func(c *Config) {
			counted.ControlStore, c.Control = c.Control, counted
			c.HealthInterval = interval
		})
		for range 3 {
			if _, err := r.Health(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if counted.made != runs {
			t.Errorf("interval %s: %d runs for 3 reports, want %d", interval, counted.made, runs)
		}
	}
}
