// Package plan reads what a load run is to do: a YAML file becomes a [Plan], with every default filled in, and a plan
// becomes [Cell]s, each a target, a version of the API, a workload and a load level that are run together.
//
//	p, err := plan.Parse("backends.yaml", data)  // all errors at once, each with its line, column and the key that was meant
//	for _, c := range p.Matrix() { … }           // what is run at fixed levels, and what is skipped, with the reason
//	for _, c := range p.SweepCells() { … }       // what is swept
//
// A plan that was read is complete and right: sizes fit into a post, a TTL is one the API takes, the matrix has an end.
// The names of JSON are those of YAML, and JSON is YAML: [Plan.Effective] is a plan that is read as the same one.
package plan

// A Plan is a whole experiment. All durations are at least 0, all sizes in bytes, all rates in operations a second.
type Plan struct {
	Name      string     `json:"plan"`
	Targets   []Target   `json:"targets"`
	Workloads []Workload `json:"workloads"`
	Vary      Vary       `json:"vary,omitempty"` // for all workloads
	Load      Load       `json:"load"`
	Time      Time       `json:"time"`
	Sweep     *Sweep     `json:"sweep,omitempty"` // nil: fixed levels alone
	Faults    []Fault    `json:"faults,omitempty"`
	Skip      []Skip     `json:"skip,omitempty"`
	Restart   Restart    `json:"restart"`
	Seed      uint64     `json:"seed"`
	MaxWall   Duration   `json:"max_wall"` // 0: as long as it takes

	source []byte // as read, without its secrets
}

// A Target is a server under test: one that runs at URL, or one that is started.
//
// As JSON and as text it shows no secret: not the token, not what an URL has before its host.
type Target struct {
	Name  string   `json:"name"`
	URL   string   `json:"url,omitempty"`
	Start *Start   `json:"start,omitempty"`
	API   []string `json:"api"` // "1", "1.1"
	PIDs  []int    `json:"pids,omitempty"`
	Auth  Auth     `json:"auth,omitzero"`
}

// A Start says how a server is started as a child process, with its backend.
type Start struct {
	Backend string            `json:"backend"`            // a name of the target package's table: memory, sqlite, redis …
	Pools   int               `json:"pools"`              // 1: no pools
	Config  map[string]string `json:"config,omitempty"`   // options of the server, as GROUP.NAME
	Backed  map[string]string `json:"settings,omitempty"` // settings of the backend, such as appendfsync
}

// Auth is how requests say who calls. The token never reaches a file or a message.
type Auth struct {
	Token     string `json:"token,omitempty"`
	TokenFile string `json:"token_file,omitempty"`
}

// A Workload is a set of flows and their sizes. [Workloads] tells what Use can be.
type Workload struct {
	Use  string `json:"use"`
	Name string `json:"name"` // in paths and charts; Use, unless the plan has another

	Producers int `json:"producers"`
	Workers   int `json:"workers"`
	Poppers   int `json:"poppers"`
	Observers int `json:"observers"`
	Auditors  int `json:"auditors"`
	Monitors  int `json:"monitors"`
	Callers   int `json:"callers"` // of request-reply; each has a peer

	Crash   float64 `json:"crash"`    // how probable it is that a worker gives up a claim, 0…1
	CrashBy string  `json:"crash_by"` // "release" or "expiry"

	Messages  Messages  `json:"messages"`
	Consuming Consuming `json:"consuming"`
	Space     Space     `json:"space"`
	Load      *Load     `json:"load,omitempty"`  // nil: the plan's
	Time      *Time     `json:"time,omitempty"`  // nil: the plan's
	Faults    []Fault   `json:"faults,omitzero"` // nil: the plan's
	Vary      Vary      `json:"vary,omitempty"`  // besides the plan's
}

// Messages say what is posted.
type Messages struct {
	Size         Size     `json:"size"`  // of a body
	Batch        int      `json:"batch"` // messages a post
	TTL          Duration `json:"ttl"`   // in whole seconds
	Compressible float64  `json:"compressible"`
}

// Consuming says how messages are taken and read.
type Consuming struct {
	Limit       int          `json:"limit"`
	ClaimTTL    Duration     `json:"claim_ttl"` // in whole seconds
	Grace       Duration     `json:"grace"`     // in whole seconds
	Process     Distribution `json:"process"`   // how long a message is worked on, without CPU
	IdleWait    Duration     `json:"idle_wait"` // between two looks at what was empty
	Delete      string       `json:"delete"`    // "each" or "bulk"
	VerifyEvery int          `json:"verify_every"`
}

// Space says where messages go.
type Space struct {
	Queues      int         `json:"queues"` // of all tenants together
	Tenants     int         `json:"tenants"`
	QueueChoice QueueChoice `json:"queue_choice"` // round_robin, uniform, zipf:1.1, sticky
	Prefill     int         `json:"prefill"`      // messages in each queue before the run
}

// Load says how hard to push.
type Load struct {
	Mode        Mode     `json:"mode"`              // rate (open loop) or clients (closed loop)
	Rates       []Rate   `json:"rates,omitempty"`   // of the driving flow; a cell each
	Clients     []int    `json:"clients,omitempty"` // of closed loops, of the driving flow; a cell each
	Arrivals    Arrivals `json:"arrivals"`
	Ramp        Duration `json:"ramp"` // from nothing to the rate, before the warm-up
	Connections int      `json:"connections"`
	Timeout     Duration `json:"timeout"`       // of a request
	MaxInFlight int      `json:"max_in_flight"` // 0: Connections
	SLO         SLO      `json:"slo"`
}

// An SLO is what a level has to keep to count as carried.
type SLO struct {
	P99 Duration `json:"p99"` // of response times
}

// Time says how long each run takes. A workload in phases, as audit, parts Duration evenly among them.
type Time struct {
	Warmup   Duration `json:"warmup"`
	Duration Duration `json:"duration"`
	Drain    Duration `json:"drain"` // at most
	Cooldown Duration `json:"cooldown"`
	Repeats  int      `json:"repeats"`
}

// A Sweep looks for the highest rate that is carried. Either Step or Factor is 0.
type Sweep struct {
	Low      Rate     `json:"low"`
	High     Rate     `json:"high"`
	Step     Rate     `json:"step,omitempty"`    // linear, as autobench; or
	Factor   float64  `json:"factor,omitempty"`  // geometric
	Duration Duration `json:"duration"`          // of a level
	Repeats  int      `json:"repeats"`           // of a level
	Only     []string `json:"only,omitempty"`    // names of workloads; empty: all
	Targets  []string `json:"targets,omitempty"` // names of targets; empty: all
	API      []string `json:"api,omitempty"`     // empty: all that a target has
}

// A Fault happens to a process of the target during each run, at a time since the warm-up ended.
type Fault struct {
	At  Duration `json:"at"`
	Do  string   `json:"do"`  // kill, pause, restart
	To  string   `json:"to"`  // server, backend
	For Duration `json:"for"` // of a pause, or between kill and start
}

// A Skip leaves cells out; what it doesn't name it doesn't ask about.
type Skip struct {
	Target   string `json:"target,omitempty"`
	Workload string `json:"workload,omitempty"`
	API      string `json:"api,omitempty"`
	Because  string `json:"because"`
}

// Mode is whether the answers can slow the load down.
type Mode string

// The modes.
const (
	OpenLoop   Mode = "rate"
	ClosedLoop Mode = "clients"
)

// Restart says when servers that are started get a fresh process and an empty store.
type Restart string

// When to restart.
const (
	RestartNever Restart = "never"
	RestartBlock Restart = "block"
	RestartRun   Restart = "run"
)
