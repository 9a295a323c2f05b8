// Package result is what a plan leaves behind: a folder of files whose form is fixed by JSON schemas, read by [Open] and
// written by [Create]. Times are whole nanoseconds, rates per second, sizes bytes; names end in the unit.
package result

import (
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/ledger"
)

// RunSchema is the form of run.json: minor versions add, majors break.
const RunSchema = "marconi-bench/run/1.0"

// A Run is one repeat of a cell.
type Run struct {
	Schema      string    `json:"schema"`
	Experiment  string    `json:"experiment"` // the folder's name
	Cell        string    `json:"cell"`       // the cell's path, as work-queue/redis/v1.1/p1/rate-1000
	Repeat      int       `json:"repeat"`     // from 1
	Block       int       `json:"block"`      // from 1
	Started     time.Time `json:"started"`
	Config      plan.Cell `json:"config"`
	ConfigHash  string    `json:"config_hash"`   // of what has to be equal for runs to be compared
	Seed        uint64    `json:"seed"`          // of this run
	Sequence    string    `json:"sequence_hash"` // of all intended times, flows, queues, sizes and bodies
	Environment string    `json:"environment_hash"`

	Isolation *Isolation `json:"isolation,omitempty"`

	Status  Status   `json:"status"`
	Reasons []string `json:"reasons,omitempty"` // sentences
	Partial bool     `json:"partial,omitempty"` // cut short

	MeasuredNS int64 `json:"measured_ns"` // how long the measured phase took
	DrainNS    int64 `json:"drain_ns"`
	Drained    bool  `json:"drained"` // within the limit

	Seconds Rates `json:"seconds"` // of the driving operation

	Operations map[string]Operation `json:"operations"` // by flow/operation, as worker/claim.empty
	EndToEnd   Latency              `json:"end_to_end"`
	LastSeen   *Latency             `json:"until_last_observer,omitempty"`
	ToAuditor  *Latency             `json:"to_auditor,omitempty"`
	RoundTrip  *Latency             `json:"round_trip,omitempty"`
	Sojourn    Latency              `json:"sojourn"`
	Redelivery *Latency             `json:"redelivery_delay,omitempty"`

	Messages  Messages          `json:"messages"`
	Ledger    Ledger            `json:"ledger"`
	Workload  map[string]Figure `json:"workload,omitempty"` // what only this workload counts, such as audit's missed_by_speed
	Phases    []Phase           `json:"phases,omitempty"`   // of workloads in phases, such as audit
	Resources []Resource        `json:"resources,omitempty"`
	Generator Generator         `json:"generator"`
	Faults    []Fault           `json:"faults,omitempty"`

	Calibration *Calibration `json:"calibration,omitempty"` // of its block
}

// Status is whether the figures of a run count.
type Status string

// The states. A cell is told by its valid runs; if there are none by all, unless they are invalid or saturated: those are compared with nothing.
const (
	Valid            Status = "valid"
	Invalid          Status = "invalid"            // the ledger was violated
	InvalidGenerator Status = "invalid: generator" // this machine could not make the load
	Saturated        Status = "saturated"
	Suspicious       Status = "suspicious" // the times don't account for what was under way: Little's law
	Drifting         Status = "drifting"
)

// An Operation is what became of one kind of request.
type Operation struct {
	Offered  int64            `json:"offered"`
	Sent     int64            `json:"sent"`
	Achieved int64            `json:"achieved"`
	Messages int64            `json:"messages"`
	Bytes    int64            `json:"bytes"`            // of bodies, both ways
	Errors   map[string]int64 `json:"errors,omitempty"` // by class

	Service  Latency `json:"service"`
	Response Latency `json:"response"`
	All      Latency `json:"response_all"` // with those that timed out, by their time so far
	PacerLag Latency `json:"pacer_lag"`
	QueueLag Latency `json:"queue_lag"`
}

// A Latency is a distribution. A percentile that fewer than ten samples lie above is nil.
type Latency struct {
	Count     int64           `json:"count"`
	MeanNS    int64           `json:"mean_ns"`
	SDNS      int64           `json:"sd_ns"`
	P50NS     *int64          `json:"p50_ns"`
	P75NS     *int64          `json:"p75_ns"`
	P90NS     *int64          `json:"p90_ns"`
	P95NS     *int64          `json:"p95_ns"`
	P99NS     *int64          `json:"p99_ns"`
	P999NS    *int64          `json:"p99_9_ns"`
	P9999NS   *int64          `json:"p99_99_ns"`
	MaxNS     int64           `json:"max_ns"`
	Histogram measure.Encoded `json:"histogram,omitempty"` // HdrHistogram V2, compressed, base64
}

// Rates are the spread of what was achieved in a second, over the whole seconds of a run.
type Rates struct {
	Min float64 `json:"min_per_s"`
	Max float64 `json:"max_per_s"`
	SD  float64 `json:"sd_per_s"`
}

// Messages are counted once each, whatever carried them.
type Messages struct {
	Posted    int64 `json:"posted"`
	Delivered int64 `json:"delivered"`
	Deleted   int64 `json:"deleted"`
	Backlog   int64 `json:"backlog"` // when the measured phase ended
}

// A Ledger is the verdict of a run.
type Ledger struct {
	OK        bool              `json:"ok"`
	Classes   map[string]int64  `json:"classes"`  // every class, also those without offenders
	Identity  []Term            `json:"identity"` // confirmed + unsure appeared = deleted + …
	Balanced  bool              `json:"balanced"`
	Counts    map[string]int64  `json:"counts"` // redelivered, unsure, refused …
	Offenders []ledger.Offender `json:"-"`      // in violations.jsonl
}

// A Term is a summand of the identity of the ledger; those on its right side are negative.
type Term struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

// A Figure is a number with its unit: ns, bytes, messages, 1/s, ratio.
type Figure struct {
	Value float64  `json:"value"`
	Low   *float64 `json:"low,omitempty"` // of the 95 % interval
	High  *float64 `json:"high,omitempty"`
	Unit  string   `json:"unit"`
	Says  string   `json:"says"` // a sentence
}

// A Phase is a part of a run with a name: audit's before, during and after.
type Phase struct {
	Name     string  `json:"name"`
	FromNS   int64   `json:"from_ns"` // since the run began
	ToNS     int64   `json:"to_ns"`
	Achieved int64   `json:"achieved"` // of the driving flow
	Response Latency `json:"response"`
}

// A Resource is a process that was watched.
type Resource struct {
	Name         string             `json:"name"` // server, backend, generator
	PID          int                `json:"pid"`
	CPUSeconds   float64            `json:"cpu_s"` // in the measured phase
	RSSMaxBytes  int64              `json:"rss_max_bytes"`
	ReadBytes    int64              `json:"read_bytes"`
	WrittenBytes int64              `json:"written_bytes"`
	Descriptors  int64              `json:"descriptors_max"`
	Threads      int64              `json:"threads_max"`
	Switches     int64              `json:"context_switches"`
	Extra        map[string]float64 `json:"extra,omitempty"` // what its collector found, such as redis' used_memory_bytes
}

// Isolation is who had which cores, listed as Linux does: 0-2,5.
type Isolation struct {
	Shared    bool   `json:"shared"` // generator and server ran on the same ones, or it is not known where the server ran
	Generator string `json:"generator_cores,omitempty"`
	Servers   string `json:"server_cores,omitempty"` // and of the backend
}

// A Generator is this program's own account of the run.
type Generator struct {
	CPUSeconds   float64 `json:"cpu_s"`
	Cores        int     `json:"cores"` // that it could use
	GCPauseMaxNS int64   `json:"gc_pause_max_ns"`
	PacerLag     Latency `json:"pacer_lag"`
	Healthy      bool    `json:"healthy"`
	Why          string  `json:"why,omitempty"`
}

// A Fault is one that happened, as it happened.
type Fault struct {
	Do          string `json:"do"`
	To          string `json:"to"`
	FromNS      int64  `json:"from_ns"`      // since the run began
	ToNS        int64  `json:"to_ns"`        // when the process was there again
	GapNS       int64  `json:"gap_ns"`       // without any success
	RecoveredNS int64  `json:"recovered_ns"` // from the fault until the rate was carried again; -1: never
}

// Calibration tells how noisy the machine was before a block.
type Calibration struct {
	EchoP50NS int64   `json:"echo_p50_ns"`
	EchoP99NS int64   `json:"echo_p99_ns"` // 0: too few samples tell it
	HashPerS  float64 `json:"hash_per_s"`
	Marked    bool    `json:"marked"` // beyond 3 MAD of the others, also when repeated
}

// Driving is the key of the operation that a cell's rate drives.
func Driving(c plan.Cell) measure.Key {
	switch c.Workload.Describe().Drives {
	case plan.Workers:
		return measure.Key{Flow: "worker", Operation: "claim.empty"}
	case plan.Callers:
		return measure.Key{Flow: "caller", Operation: "post"}
	}
	return measure.Key{Flow: "producer", Operation: "post"}
}

// Forgotten is how many confirmed messages were lost by stores that may lose them when they are killed.
func Forgotten(runs []*Run) (n int64) {
	for _, r := range runs {
		n += r.Ledger.Counts["excused lost"]
	}
	return n
}
