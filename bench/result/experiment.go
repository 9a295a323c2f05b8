package result

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
)

// ExperimentSchema is the form of experiment.json.
const ExperimentSchema = "marconi-bench/experiment/1.0"

// An Experiment is all that a plan led to.
type Experiment struct {
	Schema      string    `json:"schema"`
	Name        string    `json:"name"` // of its folder
	Plan        string    `json:"plan"`
	PlanHash    string    `json:"plan_hash"`
	Command     []string  `json:"command"` // that repeats it
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"`
	Partial     bool      `json:"partial"` // cut short: run --resume goes on
	Environment string    `json:"environment_hash"`

	Cells  []Summary     `json:"cells"`
	Sweeps []Sweep       `json:"sweeps,omitempty"`
	Absent []Absent      `json:"absent,omitempty"` // what was not run, because …
	Blocks []Calibration `json:"blocks,omitempty"` // the noise before each block
}

// A Summary is what the runs of a cell say together.
type Summary struct {
	Cell       string    `json:"cell"`
	Config     plan.Cell `json:"config"`
	ConfigHash string    `json:"config_hash"`
	Backend    string    `json:"backend"`
	Runs       int       `json:"runs"`
	Valid      int       `json:"valid"`  // of these
	Status     Status    `json:"status"` // of most of them; invalid if one is
	Reasons    []string  `json:"reasons,omitempty"`

	// Metrics are medians over the valid runs, or, if none is, over all, with 95 % intervals where there are enough runs:
	// achieved_per_s, response_p50_ns, response_p99_ns, response_p99_9_ns, end_to_end_p99_ns, sojourn_p99_ns,
	// server_cpu_s_per_1000_messages, server_rss_max_bytes, requests_per_message …
	Metrics map[string]Figure `json:"metrics"`

	Operations map[string]Latency `json:"operations"` // response times of all its runs together
	EndToEnd   Latency            `json:"end_to_end"`
	Sojourn    Latency            `json:"sojourn"`
}

// ClaimsByDepth is the metric of how much longer claims take with a backlog than with the smallest one of the plan.
const ClaimsByDepth = "claim_p50_by_depth"

// maxByDepth is how much longer they may take for their cost not to depend on depth.
const maxByDepth = 2

// Deep judges the cost of claims with a backlog, in words; empty: there is no smaller one to compare it with. Dear: it depends on depth, with
// all of its interval, if there are runs enough for one.
func (s *Summary) Deep() (judged string, dear bool) {
	f, told := s.Metrics[ClaimsByDepth]
	low, high := f.Value, f.Value
	if f.Low != nil && f.High != nil {
		low, high = *f.Low, *f.High
	}
	switch {
	case !told:
		return "", false
	case low > maxByDepth:
		return "more than twice, so their cost depends on depth", true
	case high > maxByDepth:
		return "which may be more than twice or less: more repeats would tell", false
	}
	return "not more than twice, so their cost does not depend on depth", false
}

// A Sweep is a search for the highest rate that is carried.
type Sweep struct {
	Cell       string       `json:"cell"` // without its level
	Target     string       `json:"target"`
	Workload   string       `json:"workload"`
	API        string       `json:"api"`
	Levels     []SweepLevel `json:"levels"`         // by rate
	Saturation Figure       `json:"saturation"`     // the highest rate carried, 1/s; 0: none was
	Knee       *Figure      `json:"knee,omitempty"` // where the p99 leaves twice its floor, 1/s
	Open       bool         `json:"open,omitempty"` // the highest level was carried, too: saturation lies above
	// Unfit: where the rate was not carried any more the generator was not fit either, so that the server may carry more. On cores that both
	// share that is the rule.
	Unfit bool `json:"generator_unfit,omitempty"`
}

// AtLeast reports whether the server may carry more than was found.
func (s *Sweep) AtLeast() bool { return s.Open || s.Unfit }

// MostlyUnfit reports whether the generator was not fit in most of its runs: then its times are not the server's.
func (l *SweepLevel) MostlyUnfit() bool { return 2*l.Unfit > l.Runs }

// A SweepLevel is one rate of a sweep.
type SweepLevel struct {
	Rate     float64  `json:"rate_per_s"`
	Cell     string   `json:"cell"` // where its runs are
	Runs     int      `json:"runs"`
	Carried  bool     `json:"carried"`
	Unfit    int      `json:"generator_unfit,omitempty"` // runs in which the generator was not fit, so that times are not the server's
	Why      []string `json:"why,omitempty"`             // it was not
	Achieved float64  `json:"achieved_per_s"`            // medians over its runs, as the rest
	P50NS    *int64   `json:"response_p50_ns"`
	P99NS    *int64   `json:"response_p99_ns"`
	P999NS   *int64   `json:"response_p99_9_ns"`
	Errors   float64  `json:"errors_ratio"`
	Beyond   bool     `json:"beyond,omitempty"` // run past saturation, to show what then happens

	// What autobench has columns for: replies/s of one-second samples, the mean response time and the traffic.
	MinRate        float64 `json:"second_min_per_s"`
	MaxRate        float64 `json:"second_max_per_s"`
	SDRate         float64 `json:"second_sd_per_s"`
	ResponseMeanNS int64   `json:"response_mean_ns"`
	BytesPerS      float64 `json:"bytes_per_s"`
}

// Absent is what was not run.
type Absent struct {
	What    string `json:"what"` // a target's name, or a cell's path
	Because string `json:"because"`
}

// An Environment is what a run ran on.
type Environment struct {
	Schema    string `json:"schema"`
	Host      string `json:"host"` // a hash of its name: equal for runs of one machine
	OS        string `json:"os"`
	Kernel    string `json:"kernel"`
	CPU       string `json:"cpu"`
	Cores     int    `json:"cores"`
	Memory    int64  `json:"memory_bytes"`
	Governor  string `json:"cpu_governor,omitempty"`
	Clock     string `json:"clock_source,omitempty"`
	Go        string `json:"go"`
	Generator string `json:"generator_version"`
	Commit    string `json:"commit,omitempty"`
	Shared    bool   `json:"cores_shared"` // generator and server run on the same cores

	Backends map[string]string `json:"backends,omitempty"` // their versions, by name
}

// Changes are what differs in another environment so that figures may, too: sentences as "the kernel was 6.1.0 and is 6.2.0".
func (e Environment) Changes(now Environment) (all []string) {
	for _, c := range []struct{ what, was, is string }{
		{"the machine", e.Host, now.Host}, {"the system", e.OS, now.OS}, {"the kernel", e.Kernel, now.Kernel}, {"the processor", e.CPU, now.CPU},
		{"the number of cores", fmt.Sprint(e.Cores), fmt.Sprint(now.Cores)}, {"the memory", mib(e.Memory), mib(now.Memory)},
		{"the governor", e.Governor, now.Governor}, {"the clock", e.Clock, now.Clock}, {"Go", e.Go, now.Go},
		{"this program", e.Generator, now.Generator}, {"its commit", e.Commit, now.Commit},
		{"whether cores are shared", fmt.Sprint(e.Shared), fmt.Sprint(now.Shared)},
	} {
		if c.was != c.is {
			all = append(all, fmt.Sprintf("%s was %q and is %q", c.what, c.was, c.is))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Backends)) {
		if was, is := e.Backends[name], now.Backends[name]; was != is {
			all = append(all, fmt.Sprintf("%s was %q and is %q", name, was, is))
		}
	}
	return all
}

// mib is a size without what a kernel takes more or less of from one start to the next.
func mib(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>26<<6) }

// Details are what a run has besides its summary.
type Details struct {
	Seconds  []measure.Second
	Totals   map[measure.Key]*measure.Totals
	Extra    map[string]*measure.Histogram // end_to_end, sojourn …: beside those of operations
	Readings map[string][]measure.Reading  // by process
	Backlog  []Point                       // messages posted and not yet deleted, over time
}

// A Point is a value at a time of the run.
type Point struct {
	At    time.Duration
	Value float64
}
