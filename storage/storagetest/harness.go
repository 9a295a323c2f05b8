// Package storagetest is what a store promises, written as tests: every driver passes it, in this repository and in
// others.
//
//	func TestData(t *testing.T) {
//		storagetest.Data(t, storagetest.Harness{
//			Open: func(t testing.TB, o storage.Options) storage.Opened {
//				s, err := memory.Open(t.Context(), "memory://", o)
//				if err != nil {
//					t.Fatal(err)
//				}
//				return s
//			},
//		})
//	}
//
// [Control], [FuzzData] and [Benchmarks] take the same harness.
//
// A case is a sub-test whose name says the promise in words. Those that begin with a letter and a number are laws: "C9
// no theft". A law is tried in up to three ways: with random operations beside a model of the store ("Seq"), with many
// goroutines whose history is judged afterwards ("Par"), and with a connection that loses answers ("Crash"). The number
// of random runs is that of package rapid: -rapid.checks, -rapid.steps.
//
// What only one driver can get wrong, its keys, scripts, files and recovery, is left to the driver's own tests.
package storagetest

import (
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

// A Harness says how to open a store of the driver under test, and how time passes in it. Only Open is required; a case
// that needs what is missing is skipped and says so.
type Harness struct {
	// Open opens a new, empty store, or ends the test. The suite closes it, both planes; what lies beneath (a directory,
	// a database) is the harness's to remove, by t.Cleanup. Each call has an o.Namespace of its own, of letters and
	// digits, for file names or to be handed on to the driver.
	Open func(t testing.TB, o storage.Options) storage.Opened

	// Advance moves on the clock of a store that has one of its own, by whole seconds. It does not wait: cases let hours
	// pass. It may be called while other goroutines use the store. Nil: the store goes by o.Now, and the suite turns
	// that clock. Only such a store is tried to the millisecond.
	Advance func(t testing.TB, d time.Duration)

	// Restart closes s and opens the same data again; o is what s was opened with. Nil: the store forgets.
	Restart func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened

	// Cut gives the line between s and its server, to be disturbed. Nil: the store lives in the process.
	Cut func(t testing.TB, s storage.Opened) Line

	// CutsPart says that the line leads to a part of the store only, which not every call needs: such a call has no reply to lose.
	CutsPart bool

	// Size is how many bytes s holds for messages and claims, more or less; see [HeapSize] for a store in memory. Nil:
	// nobody knows.
	Size func(t testing.TB, s storage.Opened) int64

	// Weak are the promises that the driver does not make. Its Capabilities must say the same.
	Weak Weakness

	// Emptyings is how often Q2 and Q4 delete or purge a queue beside posts. 0: 100 times, which a store may be too slow for.
	Emptyings int

	// LeftOut are cases that are not tried here, by their names, each with the reason. There is no case of another name.
	LeftOut map[string]string
}

// A Line is what lies between a driver and its server, a proxy say, as a test disturbs it. A connection that is made
// after another was ended is sound.
type Line interface {
	// LoseReply lets everything through but the server's reply number n from now on, counted from 0 over all
	// connections; in its place the connection ends. Struck reports whether that has happened; a loss that has not
	// happened when Struck is called is called off.
	LoseReply(n int) (struck func() bool)

	// Break ends all connections and lets none be made until Mend.
	Break()
	Mend()
}

// A Weakness is a promise that a driver does not make.
type Weakness uint

// The weaknesses: those of Swift without an index, and as a control store.
const (
	NotFIFO       Weakness = 1 << iota // parallel posts may change places, and a batch be seen in part: P1, P3, L2
	NotExclusive                       // two claims at one moment may get the same message: C1
	LastWriteWins                      // a control store replaces what another has written meanwhile
)

// Has reports whether w has all of want.
func (w Weakness) Has(want Weakness) bool { return w&want == want }

// Data tries all that a [marconi.DataStore] promises.
func Data(t *testing.T, h Harness) {
	groups := []group{
		{"messages", messageCases()},
		{"listing", listingCases()},
		{"delete", deleteCases()},
		{"claims", claimCases()},
		{"extension", extensionCases()},
		{"pop", popCases()},
		{"delay", delayCases()},
		{"stats", statsCases()},
		{"dead letters", deadLetterCases()},
		{"lifecycle", lifecycleCases()},
		{"laws", slices.Concat(seqLawCases(), postingLawCases(), claimLawCases(), queueLawCases(), crashLawCases())},
	}
	running := []group{{"watch", watchCases()}}
	wantCases(t, h, slices.Concat(groups, running))
	runGroups(t, open(t, h), groups)
	runGroups(t, openRunning(t, h), running)
}

// Control tries all that a [marconi.ControlStore] promises.
func Control(t *testing.T, h Harness) {
	groups := []group{
		{"queues", queueCases()},
		{"queue lists", queueListCases()},
		{"laws", slices.Concat(controlLawCases(), controlCrashCases())},
		{"lifecycle", []testCase{{"capabilities", controlCapabilities}}},
	}
	wantCases(t, h, groups)
	runGroups(t, open(t, h), groups)
}
