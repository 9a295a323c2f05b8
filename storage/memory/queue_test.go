package memory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

// What is written down twice in a queue must agree, whatever is done to it and however the clock jumps. What the answers
// are to be is the suite's to say.
func TestAQueueAgreesWithItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, clock := turnedStore(t)
		w := &worker{d: d, clock: clock, refs: []marconi.QueueRef{benchRef, otherRef}}
		t.Repeat(map[string]func(*rapid.T){
			"post": w.post, "claim": w.claim, "update": w.update, "release": w.release, "pop": w.pop,
			"delete": w.delete, "move": w.move, "purge": w.purge, "collect": w.collect, "jump": w.jump,
			"": func(t *rapid.T) { w.check(t) },
		})
	})
}

// A queue that is long and always moves uses its segments again.
func TestAStreamReusesSegments(t *testing.T) {
	d, clock := turnedStore(t)
	w := &worker{d: d, clock: clock, refs: []marconi.QueueRef{benchRef}}
	fill(t, d, 2*segmentSize)
	for n := range 40 {
		fill(t, d, 97)
		w.check(t)
		if got, _ := d.Pop(t.Context(), benchRef, 97); len(got) != 97 {
			t.Fatalf("round %d: popped %d messages, want 97", n, len(got))
		}
		w.check(t)
	}
	segments := map[*segment]bool{}
	for range 10 {
		fill(t, d, segmentSize)
		_, _ = d.Pop(t.Context(), benchRef, segmentSize)
		for _, s := range d.shard(benchRef).queue(benchRef).all {
			segments[s] = true
		}
	}
	if len(segments) > 5 {
		t.Errorf("%d segments were made for what fits into 4", len(segments))
	}
}

// What is left of a segment closes up, and is found and told apart as before.
func TestStragglersCloseUp(t *testing.T) {
	d, clock := turnedStore(t)
	w := &worker{d: d, clock: clock, refs: []marconi.QueueRef{benchRef}}
	var keep []marconi.MessageID
	for i := range 10 * segmentSize {
		p := marconi.Post{Client: marconi.ClientID("client" + strconv.Itoa(i/150%2)), Messages: []marconi.NewMessage{{TTL: 60}}}
		ids, err := d.Post(t.Context(), benchRef, p)
		if err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			keep = append(keep, ids...)
			continue
		}
		w.ids = append(w.ids, ids...)
	}
	for part := range slices.Chunk(w.ids, 20) {
		if err := d.DeleteMessages(t.Context(), benchRef, part, nil); err != nil {
			t.Fatal(err)
		}
		w.check(t)
	}
	q := d.shard(benchRef).queue(benchRef)
	room := 0
	for _, s := range q.all {
		room += len(s.marks)
	}
	if room > 10*sparseSize {
		t.Errorf("%d messages take %d places", len(keep), room)
	}
	got, err := d.Messages(t.Context(), benchRef, keep)
	if err != nil || len(got) != len(keep) {
		t.Errorf("%d of %d messages are found: %v", len(got), len(keep), err)
	}
	page, err := d.List(t.Context(), benchRef, marconi.Listing{Limit: 100, Client: "client0"})
	if err != nil || len(page.Items) == 0 || len(page.Items) == len(keep) {
		t.Errorf("%d of %d messages are by others: %v", len(page.Items), len(keep), err)
	}
	for _, m := range page.Items {
		if m.Client != "client1" {
			t.Errorf("%s is listed to its own client", m.ID)
		}
	}
}

var otherRef = marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "dead"}, Incarnation: 78}

// A checker is a testing.TB or a rapid.T.
type checker interface {
	Helper()
	Context() context.Context
	Error(...any)
	Fatal(...any)
}

// A worker does all that can be done to two queues.
type worker struct {
	d      *dataStore
	clock  *turnedClock
	refs   []marconi.QueueRef
	ids    []marconi.MessageID
	claims []marconi.ClaimID
	leases []lease
}

type lease struct {
	queue marconi.QueueRef
	id    marconi.ClaimID
	ids   []marconi.MessageID
}

func (w *worker) ref(t *rapid.T) marconi.QueueRef { return rapid.SampledFrom(w.refs).Draw(t, "queue") }

func (w *worker) post(t *rapid.T) {
	n := rapid.IntRange(1, 400).Draw(t, "n")
	p := marconi.Post{Client: marconi.ClientID(rapid.SampledFrom([]string{"a", "a", "a", "b"}).Draw(t, "client"))}
	ttl := marconi.Seconds(rapid.IntRange(1, 50).Draw(t, "ttl"))
	spread := rapid.IntRange(1, 30).Draw(t, "spread")
	delay := marconi.Seconds(rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "delay"))
	for i := range n {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: ttl + marconi.Seconds(i%spread), Delay: delay, Body: []byte("1")})
	}
	ids, err := w.d.Post(t.Context(), w.ref(t), p)
	if err != nil {
		t.Fatal(err)
	}
	w.ids = append(w.ids, ids...)
}

func (w *worker) claim(t *rapid.T) {
	ref := w.ref(t)
	id := marconi.ClaimID("c" + strconv.Itoa(rapid.IntRange(0, 20).Draw(t, "claim")))
	r := marconi.ClaimRequest{
		ID: id, TTL: marconi.Seconds(rapid.IntRange(1, 20).Draw(t, "ttl")), Grace: 5,
		Limit: rapid.IntRange(1, 300).Draw(t, "limit"), MaxClaims: rapid.IntRange(0, 2).Draw(t, "max"),
	}
	got, err := w.d.Claim(t.Context(), ref, r)
	if err != nil {
		t.Fatal(err)
	}
	w.claims = append(w.claims, id)
	if len(got.Spent) > 0 {
		l := lease{queue: ref, id: got.Lease}
		for _, m := range got.Spent {
			l.ids = append(l.ids, m.ID)
		}
		w.leases = append(w.leases, l)
	}
}

func (w *worker) update(t *rapid.T) {
	if len(w.claims) > 0 {
		u := marconi.ClaimUpdate{TTL: marconi.Seconds(rapid.IntRange(1, 40).Draw(t, "ttl")), Grace: 5}
		_ = w.d.UpdateClaim(t.Context(), w.ref(t), rapid.SampledFrom(w.claims).Draw(t, "claim"), u)
	}
}

func (w *worker) release(t *rapid.T) {
	if len(w.claims) > 0 {
		_ = w.d.Release(t.Context(), w.ref(t), rapid.SampledFrom(w.claims).Draw(t, "claim"))
	}
}

func (w *worker) pop(t *rapid.T) {
	_, _ = w.d.Pop(t.Context(), w.ref(t), rapid.IntRange(1, 600).Draw(t, "limit"))
}

func (w *worker) delete(t *rapid.T) {
	if len(w.ids) == 0 {
		return
	}
	from := rapid.IntRange(0, len(w.ids)-1).Draw(t, "from")
	n := rapid.IntRange(1, min(400, len(w.ids)-from)).Draw(t, "n")
	_ = w.d.DeleteMessages(t.Context(), w.ref(t), w.ids[from:from+n], nil)
}

func (w *worker) move(t *rapid.T) {
	if len(w.leases) > 0 {
		l := rapid.SampledFrom(w.leases).Draw(t, "lease")
		_ = w.d.MoveSpent(t.Context(), l.queue, l.id, l.ids, marconi.DeadLetter{Queue: w.ref(t), TTL: 9})
	}
}

func (w *worker) purge(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "often") == 0 {
		_ = w.d.Purge(t.Context(), w.ref(t))
	}
}

func (w *worker) collect(t *rapid.T) { _, _ = w.d.Collect(t.Context()) }

func (w *worker) jump(t *rapid.T) {
	w.clock.pass(time.Duration(rapid.IntRange(-5_000, 15_000).Draw(t, "ms")) * time.Millisecond)
}

func (w *worker) check(t checker) {
	t.Helper()
	for _, ref := range w.refs {
		err := w.d.visit(t.Context(), ref, func(q *queue) {
			for _, fault := range q.faults() {
				t.Error(fault)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// faults is what does not agree in a queue.
func (q *queue) faults() (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	live, claimed, ready, last := 0, 0, row{}, int64(-1)
	held := map[*claim]int32{}
	for i, s := range q.all {
		faults = append(faults, s.faults(q.now)...)
		if s.first <= last {
			fault("segment %d begins with %d, behind %d", i, s.first, last)
		}
		last = s.marks[len(s.marks)-1].seq
		live += s.live
		for _, m := range s.marks {
			if m.claim != nil {
				claimed++
				held[m.claim]++
			}
		}
		if s.ready {
			ready = append(ready, s)
		}
		if s.place >= len(q.due) || q.due[s.place] != s {
			fault("segment %d is not in the heap where it thinks", i)
		}
	}
	if !slices.Equal(ready, q.ready) {
		fault("%d segments stand in the row of those with free messages, want %d", len(q.ready), len(ready))
	}
	if live != q.live || claimed != q.claimed || last > q.last || len(q.due) != len(q.all) {
		fault("the queue counts %d live, %d claimed, %d in the heap; there are %d, %d, %d", q.live, q.claimed, len(q.due), live, claimed, len(q.all))
	}
	for c, n := range held {
		if c.held != n || q.claims[c.id] != c {
			fault("claim %s holds %d and says %d", c.id, n, c.held)
		}
	}
	return faults
}

func (s *segment) faults(now int64) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("segment %d: "+format, append([]any{s.first}, args...)...))
	}
	live, free, first := 0, 0, len(s.marks)
	for i, m := range s.marks {
		if i > 0 && s.marks[i-1].seq >= m.seq {
			fault("%d stands before %d", s.marks[i-1].seq, m.seq)
		}
		if m.gone() {
			if c := s.content[i]; m.claim != nil || m.expires != never || c.body != nil || c.client != "" {
				fault("something is left of %d", m.seq)
			}
			continue
		}
		live++
		if m.free() {
			free++
			first = min(first, i)
		} else if m.hidden <= now || m.hidden < s.next {
			fault("%d is hidden until %d; it is %d, and the next moment %d", m.seq, m.hidden, now, s.next)
		}
		if m.expires <= now || m.expires < s.next {
			fault("%d ends at %d; it is %d, and the next moment %d", m.seq, m.expires, now, s.next)
		}
		if !s.mixed && s.content[i].client != s.author {
			fault("%d is by %s, but all are said to be by %s", m.seq, s.content[i].client, s.author)
		}
	}
	if live == 0 || live != s.live || free != s.free || first < s.from || s.ready != (free > 0) || s.sparse() {
		fault("counts %d live, %d free from %d on, ready: %v; there are %d, %d, from %d on", s.live, s.free, s.from, s.ready, live, free, first)
	}
	return faults
}

// What has become of thousands of claims that ended together is forgotten by the next collection, though nobody calls the
// queue; those that live are not.
func TestCollectForgetsClaims(t *testing.T) {
	d, now := turnedStore(t)
	fill(t, d, 5*maxTurnForgot)
	claimAll(t, d, 2)
	now.pass(300 * time.Second)
	fill(t, d, 10)
	claim := marconi.ClaimRequest{ID: "lives", TTL: 600, Grace: 60, Limit: 5}
	if got, err := d.Claim(t.Context(), benchRef, claim); err != nil || len(got.Messages) != 5 {
		t.Fatalf("Claim = %d messages, %v", len(got.Messages), err)
	}
	now.pass(300 * time.Second)
	if _, err := d.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := d.shard(benchRef).queue(benchRef)
	if len(q.claims) != 1 || q.claims["lives"] == nil || q.over != nil {
		t.Errorf("after a collection the queue knows %d claims, want the one that lives", len(q.claims))
	}
	if s, err := d.Stats(t.Context(), benchRef); err != nil || s.Claimed != 5 || s.Free != 5*maxTurnForgot+5 {
		t.Errorf("Stats = %+v, %v; want 5 claimed, all others free", s, err)
	}
}
