package experiment

import (
	"time"

	"github.com/marconi-mq/marconi/bench/result"
)

// A Kind says what an event tells.
type Kind string

// The kinds, and the fields of an [Event] that they fill beside Kind, Time and Progress.
const (
	Began     Kind = "began"      // the experiment: Text is the folder
	NotRun    Kind = "not run"    // a target or cell: Cell, Text says why
	Block     Kind = "block"      // of interleaved runs begins: Block, Calibration
	RunBegan  Kind = "run began"  // Cell, Repeat, Block
	Ticked    Kind = "tick"       // four times a second during a run: Cell, Tick
	RunEnded  Kind = "run ended"  // Cell, Run
	RunFailed Kind = "run failed" // it could not be carried out: Cell, Text says why
	Level     Kind = "level"      // of a sweep is judged: Cell, Level
	Reporting Kind = "reporting"  // results are written
	Ended     Kind = "ended"      // the experiment
)

// An Event tells how an experiment is going. As JSON it is a line of --json.
type Event struct {
	Kind     Kind      `json:"kind"`
	Time     time.Time `json:"time"`
	Progress Progress  `json:"progress"`

	Text        string              `json:"text,omitempty"`
	Cell        string              `json:"cell,omitempty"`
	Repeat      int                 `json:"repeat,omitempty"`
	Repeats     int                 `json:"repeats,omitempty"`
	Block       int                 `json:"block,omitempty"`
	Blocks      int                 `json:"blocks,omitempty"`
	Calibration *result.Calibration `json:"calibration,omitempty"`
	Tick        *Tick               `json:"tick,omitempty"`
	Run         *result.Run         `json:"-"` // it is in its file
	Status      result.Status       `json:"status,omitempty"`
	Level       *result.SweepLevel  `json:"level,omitempty"`
}

// Progress is how far an experiment is, by the time that its runs take.
type Progress struct {
	Runs    int           `json:"runs"`  // that have ended
	Total   int           `json:"total"` // of the runs at fixed levels and the levels of sweeps, as far as they are known
	Share   float64       `json:"share"` // of the time, 0…1
	Elapsed time.Duration `json:"elapsed_ns"`
	Left    time.Duration `json:"left_ns"` // about
}

// A Tick is a moment of a run.
type Tick struct {
	At    time.Duration `json:"at_ns"`
	Phase string        `json:"phase"`

	Offered  float64 `json:"offered_per_s"` // of the driving operation, in the last whole second, as what follows
	Sent     float64 `json:"sent_per_s"`
	Achieved float64 `json:"achieved_per_s"`

	P50  *int64 `json:"response_p50_ns"` // since the run began, as what follows; nil: too few samples tell it
	P99  *int64 `json:"response_p99_ns"`
	P999 *int64 `json:"response_p99_9_ns"`
	Max  int64  `json:"response_max_ns"`

	Posted    int64 `json:"posted"` // messages, since the run began
	Delivered int64 `json:"delivered"`
	Deleted   int64 `json:"deleted"`
	Errors    int64 `json:"errors"`
	Faults    int64 `json:"ledger_faults"`

	Usage map[string]Usage `json:"usage,omitempty"`  // by process
	Lag   *int64           `json:"pacer_lag_p99_ns"` // nil: too few samples tell it

	Longest []float64 `json:"max_by_second_ns,omitempty"` // of each of the last seconds, for a line of small bars
}

// Usage is what a process uses right now.
type Usage struct {
	CPU float64 `json:"cpu"` // cores
	RSS int64   `json:"rss_bytes"`
}
