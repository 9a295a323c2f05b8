package storagetest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A testCase is one promise: its name says which.
type testCase struct {
	name string
	run  func(t *testing.T, r *rig)
}

// A group is the cases of one resource or one chapter of laws.
type group struct {
	name  string
	cases []testCase
}

// wantCases fails if a case is to be left out that there isn't.
func wantCases(t *testing.T, h Harness, groups []group) {
	t.Helper()
	for name := range h.LeftOut {
		if !slices.ContainsFunc(groups, func(g group) bool {
			return slices.ContainsFunc(g.cases, func(c testCase) bool { return c.name == name })
		}) {
			t.Errorf("Harness.LeftOut: there is no case %q", name)
		}
	}
}

// runGroups runs all cases over one opened store, for opening may be slow.
func runGroups(t *testing.T, r *rig, groups []group) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) {
					if why, out := r.h.LeftOut[c.name]; out {
						t.Skip(why)
					}
					c.run(t, r)
				})
			}
		})
	}
}

// A rig is an opened store with its clock. Cases keep apart by queues of their own.
type rig struct {
	h      Harness
	o      storage.Options
	opened storage.Opened
	clock  *clock
}

// open opens a store by a clock that stands still unless it is turned, and closes it when t ends.
func open(t testing.TB, h Harness) *rig {
	t.Helper()
	c := newClock(h)
	o := storage.Options{Namespace: "t" + randomHex(8)}
	if c.turned() {
		o.Now = c.Now
	}
	return openWith(t, h, o, c)
}

// openRunning opens a store by a clock that runs, for what happens by itself.
func openRunning(t testing.TB, h Harness) *rig {
	t.Helper()
	return openWith(t, h, storage.Options{Namespace: "t" + randomHex(8)}, &clock{runs: true})
}

func openWith(t testing.TB, h Harness, o storage.Options, c *clock) *rig {
	t.Helper()
	r := &rig{h: h, o: o.WithDefaults(), clock: c}
	r.opened = h.Open(t, r.o)
	t.Cleanup(func() { r.close(t) })
	return r
}

// close closes both planes. Closing again does nothing: a case may have done it.
func (r *rig) close(t testing.TB) {
	t.Helper()
	if r.opened.Data != nil {
		if err := r.opened.Data.Close(); err != nil {
			t.Errorf("Close of the data store: %v", err)
		}
	}
	if r.opened.Control != nil {
		if err := r.opened.Control.Close(); err != nil {
			t.Errorf("Close of the control store: %v", err)
		}
	}
	r.opened = storage.Opened{}
}

// fresh opens another store of the same kind, for a case that needs one to itself.
func (r *rig) fresh(t testing.TB) *rig {
	t.Helper()
	return open(t, r.h)
}

// restart closes the store and opens its data again, or skips the case if the store forgets.
func (r *rig) restart(t testing.TB) {
	t.Helper()
	r.needRestart(t)
	r.opened = r.h.Restart(t, r.opened, r.o)
}

func (r *rig) needRestart(t testing.TB) {
	t.Helper()
	if r.h.Restart == nil {
		t.Skip("the store forgets when it is closed: Harness.Restart is nil")
	}
}

func (r *rig) needTurnedClock(t testing.TB) {
	t.Helper()
	if !r.clock.turned() {
		t.Skip("the store has a clock of its own, which cannot be set to the millisecond")
	}
}

func (r *rig) needFIFO(t testing.TB) {
	t.Helper()
	if r.h.Weak.Has(NotFIFO) {
		t.Skip("the store does not promise FIFO: Harness.Weak has NotFIFO")
	}
}

func (r *rig) needExclusiveClaims(t testing.TB) {
	t.Helper()
	if r.h.Weak.Has(NotExclusive) {
		t.Skip("the store does not promise claims: Harness.Weak has NotExclusive")
	}
}

// data is the data plane, which every case of Data works on.
func (r *rig) data(t testing.TB) marconi.DataStore {
	t.Helper()
	if r.opened.Data == nil {
		t.Fatal("Harness.Open gave no data store")
	}
	return r.opened.Data
}

// pass lets d pass in the store.
func (r *rig) pass(t testing.TB, d time.Duration) {
	t.Helper()
	r.clock.pass(t, d)
}

// passToJustBefore lets time pass to the last moment before d is over; [rig.passStep] then takes the step over it.
func (r *rig) passToJustBefore(t testing.TB, d time.Duration) {
	t.Helper()
	r.pass(t, d-r.clock.step())
}

func (r *rig) passStep(t testing.TB) {
	t.Helper()
	r.pass(t, r.clock.step())
}

// nastyProjects are projects whose names break keys made by joining (law Q1).
func nastyProjects() []marconi.Project {
	return []marconi.Project{"", "a", "a.b", "a/b", "a}{b", "A", "a%2Fb", "None", "'", marconi.Project(strings.Repeat("ä", marconi.MaxProject))}
}

// newRef names a queue that nobody has used before.
func newRef() marconi.QueueRef {
	return refOf("project-"+marconi.Project(randomHex(4)), "queue-"+marconi.QueueName(randomHex(4)))
}

// refOf names a new incarnation of a queue.
func refOf(p marconi.Project, n marconi.QueueName) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: p, Name: n}, Incarnation: newIncarnation()}
}

func newIncarnation() marconi.Incarnation {
	return marconi.Incarnation(binary.BigEndian.Uint64(randomBytes(8))>>11 | 1)
}

func newClaimID() marconi.ClaimID { return marconi.ClaimID(randomHex(16)) }

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
