package plan

import (
	"slices"
	"time"
)

// A Role is one kind of flow, and the key of a workload that says how many clients have it.
type Role string

// The roles.
const (
	Producers Role = "producers"
	Workers   Role = "workers"
	Poppers   Role = "poppers"
	Observers Role = "observers"
	Auditors  Role = "auditors"
	Monitors  Role = "monitors"
	Callers   Role = "callers"
)

// A Description is a row of the table of workloads.
type Description struct {
	Use    string
	Asks   string // what one runs it for
	Roles  []Role // those that a plan may give clients to; others have none
	Drives Role   // whose operations the rate counts, and whom a closed loop's clients are
	Phases int    // that part the measured time evenly

	// PostsEach is how many posts a driving operation makes, its answer's included.
	PostsEach float64

	// Mix says of what kinds the driving operations are, if not all are posts: which share of them each role does. Roles that a
	// plan gives no clients to leave theirs to the others.
	Mix []Share

	defaults func(*Workload)
}

// A Share is a role's part of the driving operations, 0…1: of producers their posts, of observers and auditors the pages that
// they read, of monitors what they ask for statistics.
type Share struct {
	Role Role
	Of   float64
}

// Workloads is the table of all workloads that a plan can use.
func Workloads() []Description {
	rows := table()
	for i := range rows {
		rows[i] = rows[i].complete()
	}
	return rows
}

// complete fills in what rows of the table leave out.
func (d Description) complete() Description {
	if d.Drives == "" {
		d.Drives = Producers
	}
	d.Phases = max(d.Phases, 1)
	switch d.PostsEach {
	case 0:
		d.PostsEach = 1
	case none:
		d.PostsEach = 0
	}
	return d
}

// none stands for 0 where 0 stands for the usual.
const none = -1

// table has what is special about each workload.
func table() []Description {
	work := []Role{Producers, Workers, Poppers}
	events := []Role{Producers, Observers}
	return []Description{
		{Use: "work-queue", Asks: "the highest rate that is carried, and how long a message lives from its post to its delete",
			Roles: work, defaults: clients(10, 10, 0)},
		{Use: "pub-sub", Asks: "how soon each observer has each event, and what reading costs",
			Roles: events, defaults: clients(5, 0, 20)},
		{Use: "pub-sub-read-heavy", Asks: "the shape of 2014 with many readers: 50 producers, 100 observers",
			Roles: events, defaults: func(w *Workload) { shapeOf2014(w, 50, 100) }},
		{Use: "pub-sub-write-heavy", Asks: "the shape of 2014 with many writers: 100 producers, 50 observers",
			Roles: events, defaults: func(w *Workload) { shapeOf2014(w, 100, 50) }},
		{Use: "audit", Asks: "what passive auditing costs the work, and what the auditor sees",
			Roles: []Role{Producers, Workers, Auditors, Monitors}, Phases: 3,
			defaults: func(w *Workload) { clients(10, 10, 0)(w); w.Auditors = 2 }},
		{Use: "point-to-point", Asks: "the floor of latency",
			Roles: []Role{Producers, Workers, Observers}, defaults: one(clients(1, 1, 0))},
		{Use: "request-reply", Asks: "the round trip of a call, and what echo costs",
			Roles: []Role{Callers}, Drives: Callers, PostsEach: 2, defaults: func(w *Workload) { w.Callers = 4 }},
		{Use: "mixed", Asks: "everyday: 60 % work, 25 % events, 10 % audit and 5 % statistics on the same queues",
			Roles:     []Role{Producers, Workers, Observers, Auditors, Monitors},
			PostsEach: 0.6, Mix: []Share{{Producers, 0.6}, {Observers, 0.25}, {Auditors, 0.1}, {Monitors, 0.05}},
			defaults: func(w *Workload) {
				clients(10, 10, 5)(w)
				w.Auditors, w.Monitors = 2, 1
			}},
		{Use: "fan-in", Asks: "contention at the tail of one queue",
			Roles: work, defaults: one(clients(200, 2, 0))},
		{Use: "fan-out", Asks: "reads of one hot queue",
			Roles: events, defaults: one(clients(1, 0, 200))},
		{Use: "backlog", Asks: "whether cost depends on depth, and how fast a backlog is drained",
			Roles: work, defaults: one(func(w *Workload) { clients(10, 10, 0)(w); w.Space.Prefill = 10_000 })},
		{Use: "large-messages", Asks: "bytes a second",
			Roles: work, defaults: func(w *Workload) {
				clients(4, 4, 0)(w)
				w.Messages.Size = Size{a: 64 << 10}
			}},
		{Use: "many-queues", Asks: "what naming costs, and whether queues are served evenly",
			Roles: work, defaults: func(w *Workload) {
				clients(10, 20, 0)(w)
				w.Space = Space{Queues: 1000, Tenants: 10, QueueChoice: QueueChoice{kind: "zipf", exponent: 1.1}}
			}},
		{Use: "redelivery", Asks: "how soon a message that was dropped is delivered again",
			Roles: work, defaults: func(w *Workload) { clients(10, 10, 0)(w); w.Crash = 0.1 }},
		{Use: "slow-worker", Asks: "what happens to those who take longer than their claim lasts",
			Roles: work, defaults: func(w *Workload) {
				clients(2, 50, 0)(w)
				w.Consuming.Limit = 1
				w.Consuming.ClaimTTL = Duration(time.Minute)
				w.Consuming.Process = Distribution{kind: "exponential", a: Duration(20 * time.Second)}
			}},
		{Use: "idle-poll", Asks: "the price of nothing",
			Roles: []Role{Workers, Observers}, Drives: Workers, PostsEach: none, defaults: clients(0, 10, 10)},
		{Use: "failover", Asks: "how long nothing succeeds when a process is lost, and what is lost with it",
			Roles: work, defaults: clients(10, 10, 0)},
	}
}

// workload gives a row of the table.
func workload(use string) (Description, bool) {
	rows := Workloads()
	i := slices.IndexFunc(rows, func(d Description) bool { return d.Use == use })
	if i < 0 {
		return Description{}, false
	}
	return rows[i], true
}

// Default is the workload as a plan has it that says nothing but use.
func (d Description) Default() Workload { return defaults().use(d) }

// Describe gives the row of the table that the workload uses.
func (w Workload) Describe() Description {
	d, _ := workload(w.Use)
	return d
}

func clients(producers, workers, observers int) func(*Workload) {
	return func(w *Workload) { w.Producers, w.Workers, w.Observers = producers, workers, observers }
}

// one has a single queue.
func one(defaults func(*Workload)) func(*Workload) {
	return func(w *Workload) {
		defaults(w)
		w.Space.Queues = 1
	}
}

// shapeOf2014 is that of the rounds that were published then: 4 queues, messages of 1 kB that die by their TTL, 1 a post and
// 5 a read.
func shapeOf2014(w *Workload, producers, observers int) {
	clients(producers, 0, observers)(w)
	w.Messages.Size = Size{a: 1000}
	w.Messages.TTL = Duration(time.Minute)
}

// Versions are those of the API that a target can have.
func Versions() []string { return []string{"1", "1.1"} }

func parseVersion(s string) (string, error) {
	if s == "1.0" {
		s = "1"
	}
	if !slices.Contains(Versions(), s) {
		return "", unknownWord(s, "version of the API", Versions()...)
	}
	return s, nil
}

// lacks says why a version of the API can't carry a workload; empty: it can.
func lacks(api string, w Workload) string {
	if api == "1" && w.Poppers > 0 {
		return "version 1.0 of the API has no pop"
	}
	return ""
}

// Count is how many clients of the workload have a role.
func (w Workload) Count(r Role) int {
	if n := w.count(r); n != nil {
		return *n
	}
	return 0
}

func (w *Workload) count(r Role) *int {
	switch r {
	case Producers:
		return &w.Producers
	case Workers:
		return &w.Workers
	case Poppers:
		return &w.Poppers
	case Observers:
		return &w.Observers
	case Auditors:
		return &w.Auditors
	case Monitors:
		return &w.Monitors
	case Callers:
		return &w.Callers
	}
	return nil
}

func roles() []Role {
	return []Role{Producers, Workers, Poppers, Observers, Auditors, Monitors, Callers}
}
