package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/ledger"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

// realResults runs a plan in the manner of smoke against servers, and gives the folder.
func realResults(t *testing.T) string {
	t.Helper()
	p := parse(t, `plan: smoke
targets:
  - {name: memory, start: {backend: memory}, api: [1, 1.1]}
  - {name: sqlite, start: {backend: sqlite}, api: [1, 1.1]}
workloads:
  - {use: work-queue, producers: 4, workers: 4}
  - {use: audit, producers: 4, workers: 4, auditors: 1, time: {duration: 900ms}}
load: {rates: [200], connections: 32}
time: {warmup: 200ms, duration: 800ms, drain: 1s, cooldown: 0s, repeats: 1}
sweep: {low: 200, high: 600, step: 200, duration: 500ms, only: [work-queue], targets: [memory], api: [1.1]}
seed: 1
`)
	f, err := result.Create(t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = experiment.Run(t.Context(), p, experiment.Options{
		Folder: f, Work: t.TempDir(), Server: benchtest.Server(t), Command: []string{"marconi-bench", "run", "smoke"}, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	return f.Dir
}

func parse(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everything has all that a report can show.
const everything = `plan: everything
targets:
  - {name: memory, start: {backend: memory}, api: [1, 1.1]}
  - {name: redis, start: {backend: redis}, api: [1, 1.1]}
  - {name: sqlite, start: {backend: sqlite}, api: [1, 1.1]}
workloads:
  - {use: work-queue, producers: 10, workers: 10}
  - {use: audit, producers: 10, workers: 10, auditors: 2}
  - {use: failover, load: {rates: [500]}, time: {duration: 16s}, faults: [{at: 4s, do: kill, to: server, for: 2s}, {at: 11s, do: pause, to: server, for: 1s}]}
skip:
  - {target: sqlite, workload: failover, because: it is tried where a crash costs something}
load: {rates: [200, 1000, 4000]}
time: {warmup: 2s, duration: 8s, drain: 3s, repeats: 3}
sweep: {low: 500, high: 8000, factor: 2, duration: 3s, repeats: 1, only: [work-queue]}
seed: 1
`

// A maker makes results up, always the same ones. What a backend is like is a matter of its name.
type maker struct {
	t      *testing.T
	folder *result.Folder
	plan   *plan.Plan
	random *rand.Rand
	runs   []*result.Run
	report *result.Experiment
}

// began is when all made-up experiments were run.
var began = time.Date(2014, 8, 18, 10, 0, 0, 0, time.UTC)

// madeUp gives a folder of results that nobody measured.
func madeUp(t *testing.T, p *plan.Plan) string {
	t.Helper()
	f, err := result.Create(t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{t: t, folder: f, plan: p, random: rand.New(rand.NewPCG(1, 2)), report: &result.Experiment{
		Schema: result.ExperimentSchema, Name: "2014-08-18T10-00-00Z-" + p.Name, Plan: p.Name, PlanHash: p.Hash(),
		Command: []string{"marconi-bench", "run", p.Name + " & more.yaml"}, Started: began, Ended: began.Add(time.Hour),
		Absent: []result.Absent{{What: "mongodb", Because: "backend is not there: no mongod was found"}},
	}}
	m.report.Environment, err = f.WriteEnvironment(result.Environment{
		Schema: "marconi-bench/environment/1.0", OS: "linux/amd64", Kernel: "6.1.0", CPU: "Example CPU <3.0 GHz>", Cores: 8, Memory: 16 << 30,
		Go: "go1.26", Generator: "test", Shared: true, Backends: map[string]string{"redis": "Redis server v=7.0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.cells()
	m.sweeps()
	for block := range 5 {
		m.report.Blocks = append(m.report.Blocks, result.Calibration{
			EchoP50NS: 110_000 + int64(m.random.IntN(9000)), EchoP99NS: 400_000 + int64(m.random.IntN(90000)), HashPerS: 31_000, Marked: block == 3,
		})
	}
	if err := f.WriteExperiment(m.report, m.runs); err != nil {
		t.Fatal(err)
	}
	return f.Dir
}

func (m *maker) cells() {
	for _, c := range m.plan.Matrix() {
		if c.Skipped != "" {
			m.report.Absent = append(m.report.Absent, result.Absent{What: c.Path(), Because: c.Skipped})
			continue
		}
		var runs []*result.Run
		for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
			runs = append(runs, m.run(c, repeat))
		}
		m.report.Cells = append(m.report.Cells, summarize(runs))
	}
}

func (m *maker) sweeps() {
	for _, c := range m.plan.SweepCells() {
		limit := capacity(c)
		s := result.Sweep{Target: c.Target.Name, Workload: c.Workload.Name, API: c.API, Open: true}
		for _, rate := range m.plan.Sweep.Levels() {
			at := c.At(rate)
			var runs []*result.Run
			for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
				runs = append(runs, m.run(at, repeat))
			}
			sum := summarize(runs)
			m.report.Cells = append(m.report.Cells, sum)
			o := sum.Operations["producer/post"]
			l := result.SweepLevel{
				Rate: float64(rate), Cell: at.Path(), Runs: len(runs), Carried: float64(rate) <= limit, Achieved: math.Min(float64(rate), limit),
				P50NS: o.P50NS, P99NS: o.P99NS, P999NS: o.P999NS, ResponseMeanNS: o.MeanNS,
			}
			if l.Carried {
				s.Saturation = result.Figure{Value: float64(rate), Unit: "1/s", Says: "The highest rate that was carried."}
			} else {
				s.Open = false
				l.Why = []string{"The backlog grows: more is posted than deleted."}
			}
			s.Levels = append(s.Levels, l)
			s.Cell = at.Path()[:len(at.Path())-len("/sweep-"+at.Level.String())]
		}
		if !s.Open {
			low, high := s.Saturation.Value*0.95, s.Saturation.Value*1.1
			s.Saturation.Low, s.Saturation.High = &low, &high
			s.Knee = &result.Figure{Value: s.Saturation.Value * 0.8, Unit: "1/s", Says: "Where the p99 leaves twice its floor."}
		}
		m.report.Sweeps = append(m.report.Sweeps, s)
	}
}

// capacity is the highest rate that a backend carries.
func capacity(c plan.Cell) float64 {
	limit := map[string]float64{"memory": 9000, "redis": 4100, "sqlite": 1100}[c.Target.Name]
	if c.API == "1" {
		limit *= 0.97
	}
	return limit
}

// run makes a run up and writes it down.
func (m *maker) run(c plan.Cell, repeat int) *result.Run {
	d := &result.Details{
		Totals: map[measure.Key]*measure.Totals{}, Extra: map[string]*measure.Histogram{"end_to_end": measure.NewHistogram(), "sojourn": measure.NewHistogram()},
		Readings: map[string][]measure.Reading{},
	}
	length := time.Duration(c.Time.Duration)
	r := &result.Run{
		Schema: result.RunSchema, Experiment: m.report.Name, Cell: c.Path(), Repeat: repeat, Block: repeat, Started: began.Add(time.Duration(len(m.runs)) * time.Minute),
		Config: c, ConfigHash: c.Hash(), Seed: uint64(repeat), Environment: m.report.Environment, Status: result.Valid, MeasuredNS: int64(length), Drained: true,
		Operations: map[string]result.Operation{}, Workload: map[string]result.Figure{},
		Ledger: result.Ledger{OK: true, Balanced: true, Classes: map[string]int64{}, Counts: map[string]int64{}},
	}
	for _, class := range ledger.Classes() {
		r.Ledger.Classes[string(class)] = 0
	}
	m.seconds(r, d)
	m.totals(r, d)
	m.verdict(r, d)
	m.runs = append(m.runs, r)
	if err := m.folder.WriteRun(r, d); err != nil {
		m.t.Fatal(err)
	}
	return r
}

// keys are the operations of made-up runs, and how much slower than a post each is.
var keys = []struct {
	measure.Key
	slower float64
}{
	{measure.Key{Flow: "producer", Operation: "post"}, 1}, {measure.Key{Flow: "worker", Operation: "claim"}, 1.4}, {measure.Key{Flow: "worker", Operation: "claim.empty"}, 0.7},
	{measure.Key{Flow: "worker", Operation: "delete"}, 0.9},
}

// at tells how the target does at a time of the measured phase: the share of the rate that it carries, and how slow it is.
func (m *maker) at(c plan.Cell, t time.Duration) (share, slow float64) {
	share, slow = math.Min(1, capacity(c)/c.Level.Rate), 1
	if share < 1 {
		slow = 20 + 100*max(t.Seconds(), 0)
	}
	for _, f := range c.Faults {
		switch since := (t - time.Duration(f.At)).Seconds(); {
		case since >= 0 && since < time.Duration(f.For).Seconds():
			return 0, 1
		case since >= 0 && since < time.Duration(f.For).Seconds()+2:
			slow = 80
		}
	}
	return share, slow
}

func (m *maker) latency(c plan.Cell, slow float64) time.Duration {
	base := map[string]float64{"memory": 0.35, "redis": 0.8, "sqlite": 2.1}[c.Target.Name]
	spread := math.Exp(0.35 * m.random.NormFloat64())
	if m.random.IntN(300) == 0 {
		spread *= 12
	}
	return time.Duration(base * spread * slow * (1 + c.Level.Rate/capacity(c)) * float64(time.Millisecond))
}

func (m *maker) seconds(r *result.Run, d *result.Details) {
	c, setup := r.Config, 130*time.Millisecond
	warm, length := time.Duration(c.Time.Warmup), time.Duration(c.Time.Duration)
	backlog, cpu := 0.0, 0.0
	for at := -warm; at < length+2*time.Second; at += time.Second {
		s := measure.Second{From: setup + warm + at, To: setup + warm + at + time.Second, Phase: "measure", By: map[measure.Key]measure.Counts{}}
		share, slow := m.at(c, at)
		switch {
		case at < 0:
			s.Phase = "warmup"
		case at >= length:
			s.Phase, share, slow = "drain", 0, 1
		}
		for _, k := range keys {
			m.count(s, d, k.Key, share, slow*k.slower, c)
		}
		done := float64(s.By[keys[0].Key].Achieved)
		backlog = math.Max(0, backlog+done*(1-share)*0.3+m.random.Float64()*4-2)
		d.Backlog = append(d.Backlog, result.Point{At: s.To, Value: math.Round(backlog)})
		cpu += done * map[string]float64{"memory": 0.00009, "redis": 0.00014, "sqlite": 0.0003}[c.Target.Name]
		d.Readings["server"] = append(d.Readings["server"], measure.Reading{At: s.To - 80*time.Millisecond, PID: 1, CPU: cpu, RSS: int64(40e6 + backlog*2000 + 1e5*at.Seconds())})
		if c.Target.Name == "redis" {
			d.Readings["backend"] = append(d.Readings["backend"], measure.Reading{At: s.To - 80*time.Millisecond, PID: 2, CPU: cpu * 0.6, RSS: 12e6})
		}
		d.Seconds = append(d.Seconds, s)
	}
	for _, f := range c.Faults {
		from := int64(setup + warm + time.Duration(f.At))
		r.Faults = append(r.Faults, result.Fault{Do: f.Do, To: f.To, FromNS: from, ToNS: from + int64(f.For), GapNS: int64(f.For), RecoveredNS: int64(f.For) + 2e9})
	}
}

func (m *maker) count(s measure.Second, d *result.Details, k measure.Key, share, slow float64, c plan.Cell) {
	n := int64(math.Round(c.Level.Rate * (1 + 0.02*m.random.NormFloat64())))
	done := int64(float64(n) * share)
	counts := measure.Counts{Offered: n, Sent: n, Achieved: done, Messages: done, Bytes: done * 1100}
	if share == 0 && s.Phase == "measure" {
		counts.Errors = map[measure.Class]int64{measure.Connect: n}
	}
	h := measure.NewHistogram()
	if k.Operation == "post" || k.Operation == "claim" {
		for range min(done, 100) { // enough for a form
			h.Record(m.latency(c, slow))
		}
		counts.P50, _ = h.Quantile(0.5)
		counts.P99, _ = h.Quantile(0.99)
		counts.Max, counts.Response = h.Max(), h.Encode()
	}
	s.By[k] = counts
	if s.Phase != "measure" {
		return
	}
	t := d.Totals[k]
	if t == nil {
		t = &measure.Totals{Errors: map[measure.Class]int64{}, Service: measure.NewHistogram(), Response: measure.NewHistogram(), PacerLag: measure.NewHistogram(), QueueLag: measure.NewHistogram(), Cut: measure.NewHistogram()}
		d.Totals[k] = t
	}
	t.Offered, t.Sent, t.Achieved, t.Messages, t.Bytes = t.Offered+n, t.Sent+n, t.Achieved+done, t.Messages+done, t.Bytes+counts.Bytes
	for class, n := range counts.Errors {
		t.Errors[class] += n
	}
	t.Response.Merge(h)
	t.Service.Merge(h)
	for range 40 {
		t.PacerLag.Record(time.Duration(m.random.IntN(300)) * time.Microsecond)
		t.QueueLag.Record(time.Duration(m.random.IntN(90)) * time.Microsecond)
	}
}

// many makes samples so many that rare percentiles can be told.
func (m *maker) many(h *measure.Histogram) {
	some, err := measure.Decode(h.Encode())
	if err != nil {
		m.t.Fatal(err)
	}
	for range 30 {
		h.Merge(some)
	}
}

func (m *maker) totals(r *result.Run, d *result.Details) {
	posted := int64(0)
	for k, t := range d.Totals {
		if t.Response.Count() > 0 {
			m.many(t.Response)
		}
		o := result.Operation{
			Offered: t.Offered, Sent: t.Sent, Achieved: t.Achieved, Messages: t.Messages, Bytes: t.Bytes, Service: result.LatencyOf(t.Service),
			Response: result.LatencyOf(t.Response), PacerLag: result.LatencyOf(t.PacerLag), QueueLag: result.LatencyOf(t.QueueLag),
		}
		for class, n := range t.Errors {
			if o.Errors == nil {
				o.Errors = map[string]int64{}
			}
			o.Errors[string(class)] = n
		}
		r.Operations[k.String()] = o
		if k.Operation == "post" {
			posted = t.Achieved
			r.Generator = result.Generator{CPUSeconds: 0.3 * time.Duration(r.MeasuredNS).Seconds(), Cores: 8, GCPauseMaxNS: 180_000, PacerLag: o.PacerLag, Healthy: true}
		}
	}
	for range 1200 {
		slow := 1.0
		if r.Config.Level.Rate > capacity(r.Config) {
			slow = 300
		}
		e := m.latency(r.Config, slow) * 2
		d.Extra["end_to_end"].Record(e)
		d.Extra["sojourn"].Record(e + m.latency(r.Config, slow))
	}
	r.EndToEnd, r.Sojourn = result.LatencyOf(d.Extra["end_to_end"]), result.LatencyOf(d.Extra["sojourn"])
	r.Messages = result.Messages{Posted: posted, Delivered: posted, Deleted: posted}
	r.Ledger.Identity = []result.Term{
		{Name: "confirmed", Value: posted}, {Name: "unsure appeared", Value: 2}, {Name: "deleted", Value: -posted}, {Name: "popped"}, {Name: "unsure gone"},
		{Name: "leftover", Value: -2}, {Name: "expired"}, {Name: "lost"}, {Name: "undecided"},
	}
	r.Ledger.Counts["delivered"], r.Ledger.Counts["unsure"] = posted, 2
	r.Resources = []result.Resource{{Name: "server", PID: 1, CPUSeconds: float64(posted) * 0.0002, RSSMaxBytes: 43e6}}
	r.Workload["server_cpu_s_per_1000_messages"] = result.Figure{Value: 0.2 + 0.01*m.random.Float64(), Unit: "s", Says: "CPU time of the server for 1 000 messages."}
	if r.Config.Target.Name == "redis" {
		r.Workload["backend_cpu_s_per_1000_messages"] = result.Figure{Value: 0.08, Unit: "s", Says: "CPU time of the backend for 1 000 messages."}
	}
	r.Workload["requests_per_message"] = result.Figure{Value: 2.4 + map[bool]float64{true: 0.2}[r.Config.API == "1"], Unit: "ratio", Says: "Requests of all flows for each message that was posted or delivered."}
	if r.Config.Workload.Use == "audit" {
		r.Workload["missed_by_speed"] = result.Figure{Value: float64(m.random.IntN(90)), Unit: "messages", Says: "Messages that workers had deleted before an auditor came: no fault."}
		r.Workload["price_post_p99"] = result.Figure{Value: 3e5 * m.random.NormFloat64(), Unit: "ns", Says: "By how much longer posts took (p99 of a second) while it was audited."}
	}
}

// verdict says of some runs that they do not count.
func (m *maker) verdict(r *result.Run, d *result.Details) {
	c := r.Config
	switch {
	case c.Level.Rate > capacity(c):
		r.Status, r.Reasons = result.Saturated, []string{"The backlog grows: more is posted than deleted."}
	case c.Workload.Use == "audit" && c.Target.Name == "sqlite" && c.API == "1" && c.Level.Rate == 1000 && r.Repeat == 2:
		r.Status, r.Reasons = result.Invalid, []string{"3 messages were lost: confirmed, never delivered and not found in the end."}
		r.Ledger.OK, r.Ledger.Classes["lost"] = false, 3
		r.Ledger.Identity[7].Value = -3
		r.Ledger.Identity[2].Value += 3
		r.Ledger.Offenders = []ledger.Offender{{}}
	case c.Workload.Use == "audit" && c.Target.Name == "memory" && c.API == "1" && c.Level.Rate == 4000:
		r.Status, r.Reasons = result.InvalidGenerator, []string{"The generator was not fit: it sent 93 % of what was offered."}
		r.Generator.Healthy, r.Generator.Why = false, "it sent 93 % of what was offered"
	case c.Workload.Use == "work-queue" && c.Target.Name == "redis" && c.API == "1" && c.Level.Rate == 200 && !c.Sweep:
		r.Status, r.Reasons = result.Drifting, []string{"The rate went from 200/s in the first third to 180/s in the last."}
	}
}

// summarize is what runs of a cell say together: medians, and the outermost as if they were an interval.
func summarize(runs []*result.Run) result.Summary {
	first := runs[0]
	s := result.Summary{
		Cell: first.Cell, Config: first.Config, ConfigHash: first.ConfigHash, Backend: first.Config.Target.Name, Runs: len(runs), Status: first.Status,
		Metrics: map[string]result.Figure{}, Operations: map[string]result.Latency{},
	}
	sums := map[string]*measure.Histogram{}
	for _, r := range runs {
		if r.Status == result.Valid {
			s.Valid++
		}
		if r.Status == result.Invalid {
			s.Status = result.Invalid
		}
		s.Reasons = append(s.Reasons, r.Reasons...)
		for name, o := range r.Operations {
			mergeInto(sums, name, o.Response.Histogram)
		}
		mergeInto(sums, "end to end", r.EndToEnd.Histogram)
		mergeInto(sums, "sojourn", r.Sojourn.Histogram)
	}
	slices.Sort(s.Reasons)
	s.Reasons = slices.Compact(s.Reasons)
	s.EndToEnd, s.Sojourn = result.LatencyOf(sums["end to end"]), result.LatencyOf(sums["sojourn"])
	for name := range first.Operations {
		s.Operations[name] = result.LatencyOf(sums[name])
	}
	put := func(name, unit, says string, of func(*result.Run) float64) {
		var values []float64
		for _, r := range runs {
			values = append(values, of(r))
		}
		slices.Sort(values)
		f := result.Figure{Value: values[len(values)/2], Unit: unit, Says: says}
		if len(values) > 2 {
			f.Low, f.High = &values[0], &values[len(values)-1]
		}
		s.Metrics[name] = f
	}
	post := func(r *result.Run) result.Operation { return r.Operations["producer/post"] }
	put("achieved_per_s", "1/s", "Operations of the driving flow that succeeded.", func(r *result.Run) float64 {
		return float64(post(r).Achieved) / time.Duration(r.MeasuredNS).Seconds()
	})
	for name, of := range map[string]func(result.Latency) *int64{
		"response_p50_ns": func(l result.Latency) *int64 { return l.P50NS }, "response_p99_ns": func(l result.Latency) *int64 { return l.P99NS },
	} {
		if of(post(first).Response) != nil {
			put(name, "ns", "", func(r *result.Run) float64 { return float64(*of(post(r).Response)) })
		}
	}
	for name, f := range first.Workload {
		put(name, f.Unit, f.Says, func(r *result.Run) float64 { return r.Workload[name].Value })
	}
	put("server_rss_max_bytes", "bytes", "The most memory that the server had.", func(r *result.Run) float64 { return float64(r.Resources[0].RSSMaxBytes) })
	return s
}

func mergeInto(sums map[string]*measure.Histogram, name string, e measure.Encoded) {
	h, err := measure.Decode(e)
	if err != nil {
		panic(err)
	}
	if sums[name] == nil {
		sums[name] = measure.NewHistogram()
	}
	sums[name].Merge(h)
}
