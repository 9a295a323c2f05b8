package wake

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func never(string) ([]int, time.Time) { return nil, time.Time{} }

func newHub(t testing.TB, due func(string) ([]int, time.Time)) *Hub[string, int] {
	h := New(time.Now, due)
	t.Cleanup(h.Close)
	return h
}

func signalled[K comparable, E any](w *Waiter[K, E]) bool { return w.drain() == 1 }

func TestOneTakerAnEvent(t *testing.T) {
	h := newHub(t, never)
	var ws []*Waiter[string, int]
	for range 4 {
		w := h.Watch("a", true, nil)
		defer w.Close()
		ws = append(ws, w)
	}
	woken := func() (got [4]bool) {
		for i, w := range ws {
			got[i] = signalled(w)
		}
		return got
	}

	h.Notify("b", 1)
	if got := woken(); got != [4]bool{} {
		t.Errorf("an event of another key woke %v", got)
	}
	h.Notify("a", 1, 2)
	if got := woken(); got != [4]bool{true, true, false, false} {
		t.Errorf("two events woke %v, want the first two", got)
	}
	h.Notify("a", 1, 2, 3)
	if got := woken(); got != [4]bool{true, false, true, true} {
		t.Errorf("three events woke %v, want those not woken yet and then the first", got)
	}
	h.Notify("a", 1, 2, 3, 4, 5)
	if got := woken(); got != [4]bool{true, true, true, true} {
		t.Errorf("five events woke %v, want all", got)
	}
}

func TestThoseWhoDoNotTake(t *testing.T) {
	h := newHub(t, never)
	all := h.Watch("a", false, nil)
	defer all.Close()
	even := h.Watch("a", false, func(e int) bool { return e%2 == 0 })
	defer even.Close()
	taker := h.Watch("a", true, nil)
	defer taker.Close()

	h.Notify("a", 1)
	if a, e, k := signalled(all), signalled(even), signalled(taker); !a || e || !k {
		t.Errorf("event 1 woke all: %v, even: %v, the taker: %v; want true, false, true", a, e, k)
	}
	h.Notify("a", 3, 4)
	if a, e := signalled(all), signalled(even); !a || !e {
		t.Errorf("events 3 and 4 woke all: %v, even: %v; want both", a, e)
	}
	signalled(taker)
	h.Show("a", 2)
	if a, e, k := signalled(all), signalled(even), signalled(taker); !a || !e || k {
		t.Errorf("event 2, only shown, woke all: %v, even: %v, the taker: %v; want true, true, false", a, e, k)
	}
	h.Show("b", 2)
	h.Notify("a", 2)
	signalled(taker)
	even.Close()
	all.Close()
	if signalled(taker) {
		t.Error("the signal of one who does not take went to a taker")
	}
}

func TestCloseAndPassHandOn(t *testing.T) {
	h := newHub(t, never)
	a, b, c := h.Watch("k", true, nil), h.Watch("k", true, nil), h.Watch("k", true, nil)
	defer c.Close()

	h.Notify("k", 1)
	a.Close()
	a.Close()
	if !signalled(b) {
		t.Fatal("closing did not hand on the signal that a had not received")
	}
	b.Pass()
	if !signalled(c) {
		t.Fatal("b did not pass on its signal")
	}
	b.Close()
	c.Pass()
	if signalled(c) || signalled(b) {
		t.Error("a signal was passed on though nobody else waits")
	}
	b.Pass()
	if !signalled(c) {
		t.Error("passing on after closing did not reach c")
	}
}

// The event falls to one of many who are slow to receive; when that one has found something else and goes, the event is
// still for the idle one behind them.
func TestASlowTakerOwesWhatItWasTold(t *testing.T) {
	h := newHub(t, never)
	var slow []*Waiter[string, int]
	for range 2 * maxTries {
		slow = append(slow, h.Watch("k", true, nil))
	}
	idle := h.Watch("k", true, nil)
	defer idle.Close()
	h.Notify("k", make([]int, len(slow)+1)...)
	if !signalled(idle) {
		t.Fatal("as many events as takers did not wake the last")
	}

	h.Notify("k", 1)
	for _, w := range slow {
		if !signalled(w) {
			t.Fatal("a signal is gone")
		}
		w.Close()
	}
	if !signalled(idle) {
		t.Error("nobody was told of the event")
	}
}

// A store of tokens, each to be taken once, and workers who take one each: nobody may wait while there is a token.
type tokens struct {
	hub                    *Hub[string, int]
	free                   int
	events, passes, signal int
	waiting, busy          []*Waiter[string, int]
}

func (m *tokens) post(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "n")
	m.free += n
	m.events += n
	m.hub.Notify("k", make([]int, n)...)
}

func (m *tokens) join(*rapid.T) {
	w := m.hub.Watch("k", true, nil)
	if !m.take(w) {
		m.waiting = append(m.waiting, w)
	}
}

// take is a look: who finds something leaves.
func (m *tokens) take(w *Waiter[string, int]) bool {
	if m.free == 0 {
		return false
	}
	m.free--
	w.Close()
	return true
}

func pick(t *rapid.T, from *[]*Waiter[string, int]) *Waiter[string, int] {
	if len(*from) == 0 {
		t.Skip("nobody")
	}
	i := rapid.IntRange(0, len(*from)-1).Draw(t, "i")
	w := (*from)[i]
	*from = append((*from)[:i:i], (*from)[i+1:]...)
	return w
}

// receive lets one take its signal, but not look yet.
func (m *tokens) receive(t *rapid.T) {
	w := pick(t, &m.waiting)
	if !signalled(w) {
		m.waiting = append(m.waiting, w)
		return
	}
	m.signal++
	m.busy = append(m.busy, w)
}

func (m *tokens) look(t *rapid.T) {
	if w := pick(t, &m.busy); !m.take(w) {
		m.waiting = append(m.waiting, w)
	}
}

func (m *tokens) goAway(t *rapid.T) { pick(t, &m.waiting).Close() }

func (m *tokens) giveUp(t *rapid.T) {
	w := pick(t, &m.busy)
	m.passes++
	w.Pass()
	w.Close()
}

func (m *tokens) settle() {
	for again := true; again; {
		again = false
		all := append(m.waiting, m.busy...)
		busy := len(m.waiting)
		m.waiting, m.busy = nil, nil
		for i, w := range all {
			told := signalled(w)
			if told {
				m.signal++
			}
			again = again || told
			if told || i >= busy {
				if m.take(w) {
					continue
				}
			}
			m.waiting = append(m.waiting, w)
		}
	}
}

func TestNobodyWaitsInVain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New(time.Now, never)
		defer h.Close()
		m := &tokens{hub: h}
		t.Repeat(map[string]func(*rapid.T){
			"post": m.post, "join": m.join, "receive": m.receive, "look": m.look, "goAway": m.goAway, "giveUp": m.giveUp,
		})
		m.settle()
		if m.free > 0 && len(m.waiting) > 0 {
			t.Errorf("%d wait though %d tokens are there", len(m.waiting), m.free)
		}
		if m.signal > m.events+m.passes {
			t.Errorf("%d signals were received for %d events and %d passed on", m.signal, m.events, m.passes)
		}
		for _, w := range m.waiting {
			w.Close()
		}
		if len(h.shard("k").places) != 0 || h.waiters.Load() != 0 {
			t.Error("something is left after the last waiter went")
		}
	})
}

func TestParallelTakersGetEverything(t *testing.T) {
	const takers, posts = 64, 2000
	h := newHub(t, never)
	var free, taken atomic.Int64
	take := func() bool {
		for {
			n := free.Load()
			if n == 0 {
				return false
			}
			if free.CompareAndSwap(n, n-1) {
				taken.Add(1)
				return true
			}
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all sync.WaitGroup
	for range takers {
		all.Go(func() {
			for taken.Load() < posts && ctx.Err() == nil {
				waitAndTake(ctx, h, take)
			}
		})
	}
	for range posts {
		free.Add(1)
		h.Notify("k", 0)
		if rand.IntN(8) == 0 {
			runtime.Gosched()
		}
	}
	for taken.Load() < posts && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	all.Go(h.Close)
	all.Wait()
	if got := taken.Load(); got != posts {
		t.Errorf("%d of %d tokens were taken", got, posts)
	}
}

// waitAndTake is one worker's turn; one in four goes away without looking again, as a client that hung up.
func waitAndTake(ctx context.Context, h *Hub[string, int], take func() bool) {
	w := h.Watch("k", true, nil)
	defer w.Close()
	for !take() {
		select {
		case <-w.C():
			if rand.IntN(4) == 0 {
				w.Pass()
				return
			}
		case <-ctx.Done():
			return
		}
		if h.shard("k").isClosed() {
			return
		}
	}
}

func (s *shard[K, E]) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func TestWaitersAreSmall(t *testing.T) {
	h := newHub(t, never)
	const n = 10_000
	ws := make([]*Waiter[string, int], n)
	before := heap()
	goroutines := runtime.NumGoroutine()
	for i := range ws {
		ws[i] = h.Watch("k", true, nil)
	}
	each := (heap() - before) / n
	if each > 400 {
		t.Errorf("a waiter takes %d bytes, want at most 400", each)
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d waiters started %d goroutines", n, got-goroutines)
	}
	for _, w := range ws {
		w.Close()
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkNotifyNobody(b *testing.B) {
	h := newHub(b, never)
	for b.Loop() {
		h.Notify("k", 1)
	}
}

func BenchmarkNotifyOtherKey(b *testing.B) {
	h := newHub(b, never)
	defer h.Watch("other", true, nil).Close()
	for b.Loop() {
		h.Notify("k", 1)
	}
}

// With all of them busy, each event is owed by somebody.
func BenchmarkNotify10000BusyTakers(b *testing.B) {
	h := newHub(b, never)
	for range 10_000 {
		defer h.Watch("k", true, nil).Close()
	}
	for b.Loop() {
		h.Notify("k", 1)
	}
}

func BenchmarkWatchAndClose(b *testing.B) {
	h := newHub(b, never)
	b.ReportAllocs()
	for b.Loop() {
		h.Watch("k", true, nil).Close()
	}
}
