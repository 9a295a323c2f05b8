// Package measure counts what a run does: operations and how long they took, by the second and in all; processes and what
// they used; and whether the machine that made the load was fit to.
//
// A time is measured from when the schedule wanted the operation, never from when the generator got round to it, and a
// histogram holds only what happened: nothing is filled in afterwards.
package measure

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Key names what one kind of client does: flow worker, operation claim. Empty answers have an operation of their own.
type Key struct {
	Flow      string
	Operation string
}

// String is the key as worker/claim.
func (k Key) String() string { return k.Flow + "/" + k.Operation }

// ParseKey reads what String wrote.
func ParseKey(text string) Key {
	flow, operation, _ := strings.Cut(text, "/")
	return Key{Flow: flow, Operation: operation}
}

// A Sample is one operation that ended. Its times are since the run began.
//
//	Intended ── pacer lag ── Woke ── queue lag ── Sent ── service time ── Answered
//	   └─────────────────────────── response time ──────────────────────────┘
type Sample struct {
	Intended time.Duration // when the schedule wanted it
	Woke     time.Duration // when the pacer was awake for it
	Sent     time.Duration
	Answered time.Duration // when its answer was there to the last byte, or failed to come
	Class    Class
	Messages int   // that it carried
	Bytes    int64 // of their bodies
}

// A Recorder measures one run. It is safe for concurrent use.
//
// What is counted counts in the second in which it happened: what was wanted by its intended time, what was sent when it
// was, what was answered by its answer. Times that were taken, and failures, belong to the phase in which the operation was
// intended, so that a stall stays on the books of those who had to wait for it.
type Recorder struct {
	phases atomic.Pointer[[]Phase]

	mu      sync.Mutex // guards what follows
	meters  map[Key]*Meter
	seconds map[slot]*Second

	achieved map[Key]int64 // as harvested
}

// A Phase is a part of a run: it lasts until the next one begins.
type Phase struct {
	Name     string
	From     time.Duration
	Measured bool // it counts in the totals
}

// NewRecorder makes a recorder of a run, which begins with a phase "setup".
func NewRecorder() *Recorder {
	r := &Recorder{meters: map[Key]*Meter{}, seconds: map[slot]*Second{}, achieved: map[Key]int64{}}
	r.phases.Store(&[]Phase{{Name: "setup"}})
	return r
}

// Begin says that a phase begins at a time, which is not before the one before it and may be yet to come.
func (r *Recorder) Begin(name string, measured bool, from time.Duration) {
	phases := append(slices.Clone(*r.phases.Load()), Phase{Name: name, From: from, Measured: measured})
	r.phases.Store(&phases)
}

// Phases are all of them.
func (r *Recorder) Phases() []Phase { return slices.Clone(*r.phases.Load()) }

// A slot is a second of a phase.
type slot struct {
	phase  int
	second int
}

// slotOf is where a time belongs.
func (r *Recorder) slotOf(at time.Duration) slot {
	phases := *r.phases.Load()
	i := len(phases) - 1
	for i > 0 && phases[i].From > at {
		i--
	}
	return slot{phase: i, second: int((at - phases[i].From) / time.Second)}
}

// began is when a slot did.
func (r *Recorder) began(s slot) time.Duration {
	return (*r.phases.Load())[s.phase].From + time.Duration(s.second)*time.Second
}

// Meter gives what measures the operations of a key; the same one for the same key. Shards is how many of its callers can
// record at once without waiting for each other; the first call decides.
func (r *Recorder) Meter(k Key, shards int) *Meter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.meters[k] == nil {
		m := &Meter{recorder: r, shards: make([]shard, max(shards, 1))}
		for i := range m.shards {
			m.shards[i].tallies, m.shards[i].open = map[int]*Totals{}, map[slot]*counting{}
		}
		r.meters[k] = m
	}
	return r.meters[k]
}

// A Meter measures one kind of operation.
type Meter struct {
	recorder *Recorder
	shards   []shard
	pulse    atomic.Pointer[Pulse] // nil: nobody wants to know
}

type shard struct {
	mu      sync.Mutex         // guards what follows
	tallies map[int]*Totals    // by phase
	open    map[slot]*counting // since the last harvest
	_       [64]byte           // keeps the next one out of this cache line
}

func (sh *shard) at(s slot) *counting {
	c := sh.open[s]
	if c == nil {
		c = &counting{}
		sh.open[s] = c
	}
	return c
}

func (sh *shard) tally(phase int) *Totals {
	if sh.tallies[phase] == nil {
		sh.tallies[phase] = newTotals()
	}
	return sh.tallies[phase]
}

// Offer counts an operation that the schedule wants at a time, whether it will be sent or not.
func (m *Meter) Offer(intended time.Duration) {
	at := m.recorder.slotOf(intended)
	sh := &m.shards[0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c := sh.at(at)
	c.Offered++
	c.passing.enter(intended - m.recorder.began(at))
}

// Send counts an operation that is about to be sent.
func (m *Meter) Send(shardNumber int, at time.Duration) {
	s := m.recorder.slotOf(at)
	sh := &m.shards[shardNumber%len(m.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.at(s).Sent++
}

// Record counts an operation that ended. Callers with different shards don't wait for each other.
func (m *Meter) Record(shardNumber int, s Sample) {
	if s.Class == OK {
		m.pulse.Load().beat(s.Answered)
	}
	intended, answered := m.recorder.slotOf(s.Intended), m.recorder.slotOf(s.Answered)
	sh := &m.shards[shardNumber%len(m.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.at(answered).record(s, s.Answered-m.recorder.began(answered))
	sh.tally(intended.phase).record(s)
}

// Unsent counts an operation that was offered and is given up at a time: it was never sent. It enters the response times of
// [Totals.All], as those that timed out do.
func (m *Meter) Unsent(shardNumber int, intended, at time.Duration) {
	phase, given := m.recorder.slotOf(intended).phase, m.recorder.slotOf(at)
	sh := &m.shards[shardNumber%len(m.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.at(given).passing.leave(at - m.recorder.began(given))
	sh.tally(phase).cut(at - intended)
}

// Totals are what became of the operations of all keys in measured phases.
func (r *Recorder) Totals() map[Key]*Totals {
	return r.totals(func(p Phase) bool { return p.Measured })
}

// PhaseTotals are the totals of one phase, by its name.
func (r *Recorder) PhaseTotals(name string) map[Key]*Totals {
	return r.totals(func(p Phase) bool { return p.Name == name })
}

func (r *Recorder) totals(of func(Phase) bool) map[Key]*Totals {
	r.Harvest()
	r.mu.Lock()
	defer r.mu.Unlock()
	phases := *r.phases.Load()
	all := make(map[Key]*Totals, len(r.meters))
	for k, m := range r.meters {
		all[k] = m.times(func(phase int) bool { return of(phases[phase]) })
	}
	for at, s := range r.seconds {
		if !of(phases[at.phase]) {
			continue
		}
		for k, c := range s.By {
			all[k].count(c)
		}
	}
	return all
}

// times sums up the histograms of phases.
func (m *Meter) times(of func(phase int) bool) *Totals {
	t := newTotals()
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		for phase, some := range sh.tallies {
			if of(phase) {
				t.merge(some)
			}
		}
		sh.mu.Unlock()
	}
	return t
}

// PacerLag is how late the pacer was for a key so far, in all phases.
func (r *Recorder) PacerLag(k Key) *Histogram {
	return r.sum(k, func(t *Totals) *Histogram { return t.PacerLag })
}

// Response are the response times of a key so far, in all phases.
func (r *Recorder) Response(k Key) *Histogram {
	return r.sum(k, func(t *Totals) *Histogram { return t.Response })
}

// sum merges a histogram of all phases.
func (r *Recorder) sum(k Key, of func(*Totals) *Histogram) *Histogram {
	r.mu.Lock()
	m := r.meters[k]
	r.mu.Unlock()
	sum := NewHistogram()
	if m == nil {
		return sum
	}
	for i := range m.shards {
		sh := &m.shards[i]
		sh.mu.Lock()
		for _, t := range sh.tallies {
			sum.Merge(of(t))
		}
		sh.mu.Unlock()
	}
	return sum
}
