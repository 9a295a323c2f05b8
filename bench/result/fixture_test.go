package result

import (
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/ledger"
)

// A fixture is what an experiment of two runs and a sweep leaves, with every field filled in.
type fixture struct {
	plan        *plan.Plan
	environment Environment
	runs        []*Run
	details     []*Details
	experiment  *Experiment
}

func newFixture(t testing.TB) fixture {
	t.Helper()
	p, err := plan.Parse("fixture.yaml", []byte(`plan: fixture # as its author wrote it
targets:
  - {name: memory, start: {backend: memory, config: {auth_strategy: none}}, api: [1.1]}
workloads:
  - {use: work-queue, faults: [{at: 1s, do: pause, to: server, for: 200ms}], vary: {batch: [1, 2]}, load: {rates: [100]}}
time: {warmup: 1s, duration: 3s, drain: 1s, repeats: 2}
sweep: {low: 100, high: 400, duration: 1s}
`))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{plan: p, environment: Environment{
		Schema: "marconi-bench/environment/1.0", Host: "5bce98f73f3e", OS: "linux/amd64", Kernel: "6.1.0", CPU: "a processor", Cores: 2, Memory: 8 << 30,
		Governor: "performance", Clock: "tsc", Go: "go1.26", Generator: "v1.0.0", Commit: "abc", Shared: true, Backends: map[string]string{"redis": "7.0"},
	}}
	cells := p.Matrix()
	for i, c := range []plan.Cell{cells[0], cells[len(cells)-1]} {
		r, d := fixtureRun(t, c, i+1)
		f.runs, f.details = append(f.runs, r), append(f.details, d)
	}
	f.experiment = fixtureExperiment(f)
	return f
}

var begun = time.Date(2026, 8, 18, 10, 0, 0, 123456789, time.UTC)

// fixtureRun is what a run measured, in a recorder as in one that happened.
func fixtureRun(t testing.TB, c plan.Cell, repeat int) (*Run, *Details) {
	t.Helper()
	recorder := measure.NewRecorder()
	recorder.Begin("warmup", false, 0)
	recorder.Begin("measure", true, time.Second)
	recorder.Begin("drain", false, 4*time.Second)
	meter := recorder.Meter(measure.Key{Flow: "producer", Operation: "post"}, 2)
	empty := recorder.Meter(measure.Key{Flow: "worker", Operation: "claim.empty"}, 1)
	for i := range 2000 {
		at := time.Duration(i) * 2 * time.Millisecond
		took := time.Duration(1+i%97)*time.Millisecond + time.Duration(i)*time.Microsecond
		s := measure.Sample{Intended: at, Woke: at + 50*time.Microsecond, Sent: at + 80*time.Microsecond, Answered: at + took, Messages: 2, Bytes: 2048}
		if i%100 == 99 {
			s.Class = measure.Class("503")
		}
		meter.Offer(at)
		meter.Send(i, s.Sent)
		meter.Record(i, s)
	}
	empty.Record(0, measure.Sample{Intended: 2 * time.Second, Answered: 2*time.Second + time.Millisecond})
	recorder.Harvest()
	d := &Details{
		Seconds: recorder.Seconds(), Totals: recorder.Totals(), Extra: map[string]*measure.Histogram{"end_to_end": histogram(500), "sojourn": histogram(50)},
		Readings: map[string][]measure.Reading{"server": {
			{At: time.Second, PID: 9, CPU: 0.123456789, RSS: 1 << 20, Extra: map[string]float64{"heap_bytes": 12345.5}}, {At: 2 * time.Second, Gone: true},
		}},
		Backlog: []Point{{At: time.Second, Value: 3}, {At: 2 * time.Second, Value: 1e7}},
	}
	latency := func(n int) *Latency { l := LatencyOf(histogram(n)); return &l }
	r := &Run{
		Schema: RunSchema, Experiment: "fixture", Cell: c.Path(), Repeat: repeat, Block: repeat, Started: begun.Add(time.Duration(repeat) * time.Minute),
		Config: c, ConfigHash: c.Hash(), Isolation: &Isolation{Generator: "0,4", Servers: "1-3,5-7"}, Seed: 1<<53 - 1, Sequence: "03fc89108775dbce", Environment: "8ec4f7d8af816ea0",
		Status: Valid, Partial: repeat == 2, MeasuredNS: int64(3 * time.Second), DrainNS: int64(50 * time.Millisecond), Drained: true,
		Seconds: Rates{Min: 480.25, Max: 500, SD: 1.0 / 3}, Operations: map[string]Operation{},
		EndToEnd: *latency(500), LastSeen: latency(20), ToAuditor: latency(2000), RoundTrip: latency(1), Sojourn: *latency(50), Redelivery: latency(10),
		Messages: Messages{Posted: 3000, Delivered: 2990, Deleted: 2980, Backlog: 20},
		Ledger: Ledger{OK: true, Classes: map[string]int64{}, Identity: []Term{{Name: "confirmed", Value: 3000}, {Name: "deleted", Value: -3000}},
			Balanced: true, Counts: map[string]int64{"redelivered": 1}},
		Workload:  map[string]Figure{"in_flight": {Value: 0.1, Low: ptr(0.05), High: ptr(0.2), Unit: "operations", Says: "Operations under way."}},
		Phases:    []Phase{{Name: "during", FromNS: 1, ToNS: 2, Achieved: 3, Response: *latency(100)}},
		Resources: []Resource{{Name: "server", PID: 9, CPUSeconds: 0.1, RSSMaxBytes: 2, ReadBytes: 3, WrittenBytes: 4, Descriptors: 5, Threads: 6, Switches: 7, Extra: map[string]float64{"heap_bytes": 1.5}}},
		Generator: Generator{CPUSeconds: 0.5, Cores: 2, GCPauseMaxNS: 1000, PacerLag: *latency(500), Healthy: true},
		Faults:    []Fault{{Do: "pause", To: "server", FromNS: 1, ToNS: 2, GapNS: 3, RecoveredNS: -1}},

		Calibration: &Calibration{EchoP50NS: 80_000, EchoP99NS: 400_000, HashPerS: 13032.5, Marked: true},
	}
	for _, class := range ledger.Classes() {
		r.Ledger.Classes[string(class)] = 0
	}
	for k, t := range d.Totals {
		o := Operation{
			Offered: t.Offered, Sent: t.Sent, Achieved: t.Achieved, Messages: t.Messages, Bytes: t.Bytes, Service: LatencyOf(t.Service),
			Response: LatencyOf(t.Response), All: LatencyOf(t.All()), PacerLag: LatencyOf(t.PacerLag), QueueLag: LatencyOf(t.QueueLag),
		}
		for class, n := range t.Errors {
			if o.Errors == nil {
				o.Errors = map[string]int64{}
			}
			o.Errors[string(class)] = n
		}
		r.Operations[k.String()] = o
	}
	if repeat == 2 {
		r.Status, r.Reasons = Invalid, []string{"The ledger has 1 lost."}
		r.Ledger.OK, r.Ledger.Classes["lost"] = false, 1
		r.Ledger.Offenders = []ledger.Offender{{Class: ledger.Class("lost")}}
		r.Generator.Healthy, r.Generator.Why = false, "it slept"
	}
	return r, d
}

func histogram(n int) *measure.Histogram {
	h := measure.NewHistogram()
	for i := range n {
		h.Record(time.Duration(i*i) * time.Microsecond)
	}
	return h
}

func ptr[T any](v T) *T { return &v }

func fixtureExperiment(f fixture) *Experiment {
	e := &Experiment{
		Schema: ExperimentSchema, Name: "fixture", Plan: "fixture", PlanHash: f.plan.Hash(), Command: []string{"marconi-bench", "run", "fixture.yaml"},
		Started: begun, Ended: begun.Add(time.Hour), Partial: true, Environment: "8ec4f7d8af816ea0",
		Absent: []Absent{{What: "redis", Because: "redis-server is not installed"}},
		Blocks: []Calibration{*f.runs[0].Calibration},
	}
	for _, r := range f.runs {
		e.Cells = append(e.Cells, Summary{
			Cell: r.Cell, Config: r.Config, ConfigHash: r.ConfigHash, Backend: "memory", Runs: 1, Valid: 1, Status: r.Status, Reasons: r.Reasons,
			Metrics:    map[string]Figure{"response_p99_ns": {Value: 1e6, Low: ptr(9e5), High: ptr(1.1e6), Unit: "ns", Says: "How long."}},
			Operations: map[string]Latency{"producer/post": r.Operations["producer/post"].Response}, EndToEnd: r.EndToEnd, Sojourn: r.Sojourn,
		})
	}
	level := SweepLevel{
		Rate: 100, Cell: "work-queue/memory/v1.1/p1/sweep-rate-100", Runs: 1, Carried: true, Achieved: 99.5, P50NS: ptr[int64](1_000_000), P99NS: ptr[int64](2_500_000),
		P999NS: ptr[int64](3_000_000), MinRate: 98, MaxRate: 101, SDRate: 0.7, ResponseMeanNS: 1_250_000, BytesPerS: 102_400, Errors: 0,
	}
	over := level
	over.Rate, over.Carried, over.Why, over.Errors, over.Beyond = 400, false, []string{"The backlog grows."}, 0.2, true
	dead := level
	dead.Rate, dead.Carried, dead.Achieved, dead.P50NS, dead.P99NS, dead.P999NS = 800, false, 0, nil, nil, nil
	e.Sweeps = []Sweep{{
		Cell: "work-queue/memory/v1.1/p1", Target: "memory", Workload: "work-queue", API: "1.1", Levels: []SweepLevel{level, over, dead},
		Saturation: Figure{Value: 100, Unit: "1/s", Says: "The highest rate that was carried."}, Knee: &Figure{Value: 150, Unit: "1/s", Says: "The knee."}, Open: true,
	}}
	return e
}

// write writes all of it into a folder.
func (f fixture) write(t testing.TB, dir string) *Folder {
	t.Helper()
	folder, err := Create(dir, f.plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.WriteEnvironment(f.environment); err != nil {
		t.Fatal(err)
	}
	for i, r := range f.runs {
		if err := folder.WriteRun(r, f.details[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := folder.WriteExperiment(f.experiment, f.runs); err != nil {
		t.Fatal(err)
	}
	return folder
}
