//go:build unix

package faults

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// A massStore is a kind of store, how many messages end in it together, and how long nobody may wait for that.
type massStore struct {
	name    string
	uri     func(t *testing.T) string
	filling string // options of the URI that make it quicker to fill
	size    int
	bound   time.Duration
}

func massStores() []massStore {
	return []massStore{
		{"memory", func(*testing.T) string { return "memory://" }, "", short(100_000, 100_000), 10 * time.Millisecond},
		{"sqlite", func(t *testing.T) string { return "sqlite:///" + filepath.Join(t.TempDir(), "mass.db") }, "?synchronous=off",
			short(30_000, 100_000), 50 * time.Millisecond},
	}
}

// When things end, from the moment at which the store was filled. All that ends together does so within a second.
const (
	massClaimsEnd = time.Hour
	massExpiry    = 2 * time.Hour
	massLater     = 10 * time.Hour
)

// A massEvent is what happens to many messages at once, in a queue of that name.
type massEvent struct {
	queue string
	at    time.Duration
	fill  func(m *mass, ref marconi.QueueRef)
	begin func(m *mass) error // what the clock does not do
}

var massEvents = []massEvent{
	{"claims-end", massClaimsEnd, (*mass).fillClaimed, nil},
	{"messages-expire", massExpiry, (*mass).fillExpiring, nil},
	{"deleted", 0, (*mass).fillDeleted, (*mass).deleteQueue},
}

// A mass is a server in this process, with a clock that can be turned, whose queues are full.
type mass struct {
	t     *testing.T
	store massStore
	size  int
	uri   string
	clock massClock

	opened storage.Opened
	full   time.Time // by its clock
	addr   string
}

// TestMass lets much happen in one second: claims end, messages expire, a queue is deleted. Four clients use that queue and
// another meanwhile, at a steady rate, and none may wait. In the short form the bound leaves room for a machine that does other
// things: how much, the same clients tell before, and meanwhile one that asks nothing of the server. What the disk alone keeps waiting is
// told beside, and excuses nothing: some of it may be the server's own work.
func TestMass(t *testing.T) {
	for _, store := range massStores() {
		t.Run(store.name, func(t *testing.T) {
			m := newMass(t, store)
			control := m.probeFor(short(700*time.Millisecond, 10*time.Second), "claims-end")
			usual, _, _ := control.max()
			t.Logf("%s, before:%s", store.name, control)
			for _, e := range massEvents {
				waits := m.during(e)
				t.Logf("%s, %d messages, %s:%s", store.name, m.size, e.queue, waits)
				longest, machine, disk := waits.max()
				bound := short(4*max(store.bound, usual)+10*machine, store.bound)
				if longest > bound && !depthRace { // with the race detector all is slow, SQLite above all
					t.Errorf("%s: somebody waited for %v, want at most %v; before, %v, for the machine alone, %v, for the disk alone, %v",
						e.queue, longest, bound, usual, machine, disk)
				}
			}
		})
	}
}

// newMass fills a store, and serves it.
func newMass(t *testing.T, store massStore) *mass {
	m := &mass{t: t, store: store, size: store.size, uri: store.uri(t)}
	if depthRace {
		m.size /= 10
	}
	m.open(store.filling)
	m.clock.stop()
	start := m.clock.now()
	for _, e := range massEvents {
		ref := depthQueue(t, m.opened, e.queue)
		e.fill(m, ref)
		m.clock.set(start)
	}
	fillMessages(t, m.opened.Data, depthQueue(t, m.opened, "other"), 200, marconi.Seconds(massLater.Seconds()))
	m.full = start
	if store.filling != "" {
		if err := errors.Join(m.opened.Data.Close(), m.opened.Control.Close()); err != nil {
			t.Fatal(err)
		}
		syscall.Sync() // what was filled without: else the system writes it half a minute later, and the probes wait for that
		m.open("")
	}
	m.clock.goOn(start)
	m.addr = serveOpened(t, m.opened, m.uri)
	return m
}

func (m *mass) open(options string) {
	m.t.Helper()
	var err error
	m.opened, err = storage.NewRegistry(drivers.All()).Open(m.t.Context(), m.uri+options, storage.Options{Now: m.clock.now})
	if err != nil {
		m.t.Fatal(err)
	}
}

// fillClaimed posts messages and claims all, 1 to 20 at a time, so that the claims end in the same second.
func (m *mass) fillClaimed(ref marconi.QueueRef) {
	m.t.Helper()
	fillMessages(m.t, m.opened.Data, ref, m.size, marconi.Seconds(massLater.Seconds()))
	for n, left := 0, m.size; left > 0; n++ {
		r := marconi.ClaimRequest{
			ID: marconi.ClaimID(fmt.Sprintf("mass-%d", n)), TTL: marconi.Seconds(massClaimsEnd.Seconds()), Limit: 1 + n%20,
		}
		got, err := m.opened.Data.Claim(m.t.Context(), ref, r)
		if err != nil || len(got.Messages) == 0 {
			m.t.Fatalf("a claim of %d got %d messages, %v", r.Limit, len(got.Messages), err)
		}
		left -= len(got.Messages)
		m.clock.turn(time.Second * time.Duration(len(got.Messages)) / time.Duration(m.size))
	}
}

// fillExpiring posts messages that expire in the same second.
func (m *mass) fillExpiring(ref marconi.QueueRef) {
	m.t.Helper()
	for range 100 {
		fillMessages(m.t, m.opened.Data, ref, m.size/100, marconi.Seconds(massExpiry.Seconds()))
		m.clock.turn(10 * time.Millisecond)
	}
}

func (m *mass) fillDeleted(ref marconi.QueueRef) {
	m.t.Helper()
	fillMessages(m.t, m.opened.Data, ref, short(m.size, 1_000_000), marconi.Seconds(massLater.Seconds()))
}

// deleteQueue deletes the queue, and has what is left of it collected at once, which may otherwise begin a while later.
func (m *mass) deleteQueue() error {
	if _, err := dialDepth(m.t, m.addr).remove("/v1.1/queues/deleted"); err != nil {
		return err
	}
	_, err := m.opened.Data.Collect(m.t.Context())
	return err
}

// during probes while the event happens: a little before, and until what it leaves behind is collected.
func (m *mass) during(e massEvent) massWaits {
	m.t.Helper()
	const before = 200 * time.Millisecond
	if e.begin == nil {
		m.clock.goOn(m.full.Add(e.at - before))
	}
	until := make(chan struct{})
	go func() {
		defer close(until)
		end := time.After(before + short(1800*time.Millisecond, 20*time.Second))
		time.Sleep(before)
		if e.begin != nil {
			if err := e.begin(m); err != nil {
				m.t.Error(err)
			}
		}
		<-end
	}()
	return m.probe(until, e.queue)
}

// probeFor probes that queue and the other for a while.
func (m *mass) probeFor(d time.Duration, queue string) massWaits {
	m.t.Helper()
	until := make(chan struct{})
	time.AfterFunc(d, func() { close(until) })
	return m.probe(until, queue)
}

func (m *mass) probe(until <-chan struct{}, queue string) massWaits {
	m.t.Helper()
	return probeMass(m.t, m.addr, until, "/v1.1/queues/"+queue, "/v1.1/queues/other")
}

// TestMassMeasures is the probes' own test: one that is kept waiting says so, and for how long.
func TestMassMeasures(t *testing.T) {
	waits := massWaits{"post q": {3 * time.Millisecond, time.Millisecond, 80 * time.Millisecond}}
	if longest, _, _ := waits.max(); longest != 80*time.Millisecond || !strings.Contains(waits.String(), "p50   3.00") {
		t.Errorf("the longest wait is %v, and the table%s", longest, waits)
	}
	blocked := massProbe{"sleep", func(*depthConn, string) error { time.Sleep(3 * massEvery); return nil }}
	until := make(chan struct{})
	time.AfterFunc(8*massEvery, func() { close(until) })
	got, err := blocked.run(nil, time.Now(), until, []string{"/q"})
	if longest, _, _ := got.max(); err != nil || longest < 5*massEvery {
		t.Errorf("who needs %v each %v waits for %v at last, %v: the wait of those behind does not count", 3*massEvery, massEvery, longest, err)
	}
}
