package experiment

import (
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/marconi-mq/marconi/bench/flow"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/stats"
	"github.com/marconi-mq/marconi/ledger"
)

// assess makes the result of a run that is over.
func (r *run) assess(started time.Time, sequence string, drained bool) (*result.Run, *result.Details) {
	verdict, totals := r.book.Verdict(), r.recorder.Totals()
	from, to := r.traffic.Measured()
	got := &result.Run{
		Schema: result.RunSchema, Experiment: r.report.Name, Cell: r.cell.Path(), Repeat: r.repeat, Block: r.block,
		Started: started, Config: r.cell, ConfigHash: r.cell.Hash(), Seed: r.seed, Sequence: sequence,
		Environment: r.report.Environment, MeasuredNS: int64(to - from), DrainNS: int64(max(r.clock.Now()-to, 0)), Drained: drained,
		Operations: map[string]result.Operation{}, Messages: r.messages(totals), Ledger: ledgerOf(verdict),
		Workload: r.traffic.Figures(verdict), Phases: r.traffic.Phases(),
	}
	details := &result.Details{
		Seconds: r.recorder.Seconds(), Totals: map[measure.Key]*measure.Totals{}, Extra: map[string]*measure.Histogram{},
		Readings: map[string][]measure.Reading{}, Backlog: r.points,
	}
	for k, t := range totals {
		if beside(k) {
			continue
		}
		details.Totals[k] = t
		got.Operations[k.String()] = operation(t)
	}
	r.latencies(got, details, totals, from, to)
	got.Redelivery = redeliveryOf(verdict.Redelivered)
	r.resources(got, details, from, to)
	got.Generator = r.generator(got, totals, from, to)
	got.Faults = r.recovered(details.Seconds)
	got.Seconds = secondsOf(details.Seconds, r.driving())
	r.derive(got, totals)
	got.Status, got.Reasons = r.status(got, verdict, details)
	return got, details
}

// beside reports whether a key times something that is no request of its own.
func beside(k measure.Key) bool {
	switch k.Operation {
	case flow.Delivery, flow.LastDelivery, flow.RoundTrip:
		return true
	}
	return false
}

func operation(t *measure.Totals) result.Operation {
	o := result.Operation{
		Offered: t.Offered, Sent: t.Sent, Achieved: t.Achieved, Messages: t.Messages, Bytes: t.Bytes,
		Service: result.LatencyOf(t.Service), Response: result.LatencyOf(t.Response), All: result.LatencyOf(t.All()),
		PacerLag: result.LatencyOf(t.PacerLag), QueueLag: result.LatencyOf(t.QueueLag),
	}
	if len(t.Errors) > 0 {
		o.Errors = map[string]int64{}
		for class, n := range t.Errors {
			o.Errors[string(class)] = n
		}
	}
	return o
}

func (r *run) messages(totals map[measure.Key]*measure.Totals) (m result.Messages) {
	for k, t := range totals {
		switch k.Operation {
		case "post":
			m.Posted += t.Messages
		case "claim", "list":
			m.Delivered += t.Messages
		case "pop":
			m.Delivered += t.Messages
			m.Deleted += t.Messages
		case "delete", "bulk_delete":
			m.Deleted += t.Messages
		}
	}
	_, to := r.traffic.Measured()
	for _, p := range r.points {
		if p.At <= to {
			m.Backlog = int64(p.Value)
		}
	}
	return m
}

func ledgerOf(v ledger.Verdict) result.Ledger {
	l := result.Ledger{
		OK: v.OK(), Balanced: v.Balanced(), Offenders: v.Offenders, Classes: map[string]int64{},
		Identity: []result.Term{
			{Name: "confirmed", Value: v.Confirmed}, {Name: "unsure appeared", Value: v.UnsureAppeared}, {Name: "deleted", Value: -v.Deleted},
			{Name: "popped", Value: -v.Popped}, {Name: "unsure gone", Value: -v.UnsureGone}, {Name: "leftover", Value: -v.Leftover},
			{Name: "expired", Value: -v.Expired}, {Name: "lost", Value: -v.Lost}, {Name: "undecided", Value: -v.Undecided},
		},
		Counts: map[string]int64{
			"posted": v.Posted, "refused": v.Refused, "unsure": v.Unsure, "delivered": v.Delivered, "redelivered": v.Redelivered.Count,
		},
	}
	for _, class := range ledger.Classes() {
		l.Classes[string(class)] = v.Faults[class]
		if n := v.Excused[class]; n > 0 {
			l.Counts["excused "+string(class)] = n
		}
	}
	return l
}

func redeliveryOf(r ledger.Redelivery) *result.Latency {
	if r.Count == 0 {
		return nil
	}
	return &result.Latency{Count: r.Count, MeanNS: int64(r.Mean()), MaxNS: int64(r.Max)}
}

// latencies are those of messages, from the ledger and from those who timed each delivery.
func (r *run) latencies(got *result.Run, details *result.Details, totals map[measure.Key]*measure.Totals, from, to time.Duration) {
	first, sojourn := measure.NewHistogram(), measure.NewHistogram()
	for life := range r.book.Lives() {
		if life.Intended < from || life.Intended >= to || life.Posted != ledger.Confirmed {
			continue
		}
		if life.First > 0 {
			first.Record(life.First - life.Intended)
		}
		if life.Gone > 0 {
			sojourn.Record(life.Gone - life.Intended)
		}
	}
	endToEnd := first
	if each := totals[measure.Key{Flow: "observer", Operation: flow.Delivery}]; each != nil && each.Response.Count() > 0 {
		endToEnd = each.Response
	}
	details.Extra["end_to_end"], details.Extra["sojourn"] = endToEnd, sojourn
	got.EndToEnd, got.Sojourn = result.LatencyOf(endToEnd), result.LatencyOf(sojourn)
	got.LastSeen = r.extra(details, "until_last_observer", totals[measure.Key{Flow: "observer", Operation: flow.LastDelivery}])
	got.RoundTrip = r.extra(details, "round_trip", totals[measure.Key{Flow: "caller", Operation: flow.RoundTrip}])
	got.ToAuditor = r.extra(details, "to_auditor", totals[measure.Key{Flow: "auditor", Operation: flow.Delivery}])
}

func (r *run) extra(details *result.Details, name string, t *measure.Totals) *result.Latency {
	if t == nil || t.Response.Count() == 0 {
		return nil
	}
	details.Extra[name] = t.Response
	l := result.LatencyOf(t.Response)
	return &l
}

// resources are what the processes used in the measured time.
func (r *run) resources(got *result.Run, details *result.Details, from, to time.Duration) {
	const slack = 2 * tickEvery // readings lie a second apart
	for _, p := range r.watch.Processes() {
		readings := r.watch.Readings(p.Name)
		details.Readings[p.Name] = readings
		used, err := measure.Used(readings, from-slack, to+slack)
		if err != nil {
			continue
		}
		got.Resources = append(got.Resources, result.Resource{
			Name: p.Name, PID: p.PID, CPUSeconds: used.CPU, RSSMaxBytes: used.RSSMax, ReadBytes: used.Read, WrittenBytes: used.Written,
			Descriptors: used.DescriptorsMax, Threads: used.ThreadsMax, Switches: used.Switches, Extra: used.Extra,
		})
	}
}

// generator is our own account.
func (r *run) generator(got *result.Run, totals map[measure.Key]*measure.Totals, from, to time.Duration) result.Generator {
	driving := totals[r.driving()]
	if driving == nil {
		return result.Generator{Cores: runtime.NumCPU(), Healthy: true}
	}
	h := measure.Health{
		PacerLag: driving.PacerLag, Response: driving.Response, Cores: cores(), Measured: to - from,
		Offered: driving.Offered, Sent: driving.Sent, FreeConnections: driving.Cut.Count() == 0 && r.free(driving),
	}
	for _, resource := range got.Resources {
		if resource.Name == generator {
			h.CPU = resource.CPUSeconds
		}
	}
	fit, why := h.Fit()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return result.Generator{
		CPUSeconds: h.CPU, Cores: runtime.NumCPU(), GCPauseMaxNS: longestPause(&memory), PacerLag: result.LatencyOf(driving.PacerLag),
		Healthy: fit, Why: why,
	}
}

// free reports whether operations found a connection at once: if they had to wait for one, the server is to blame.
func (r *run) free(driving *measure.Totals) bool {
	lag, _ := driving.QueueLag.Quantile(0.99)
	return lag < time.Millisecond
}

func longestPause(m *runtime.MemStats) (longest int64) {
	for i := range min(int(m.NumGC), len(m.PauseNs)) {
		longest = max(longest, int64(m.PauseNs[i]))
	}
	return longest
}

// recovered completes what is known of the faults: for how long nothing succeeded, and when the rate was carried again.
func (r *run) recovered(seconds []measure.Second) []result.Fault {
	faults := append([]result.Fault(nil), r.faults...)
	for i := range faults {
		f := &faults[i]
		f.RecoveredNS = -1
		for _, s := range seconds {
			c := s.By[r.driving()]
			switch {
			case int64(s.To) <= f.FromNS || !result.Measured(s.Phase):
			case c.Achieved == 0:
				f.GapNS += int64(s.To - s.From)
			case f.RecoveredNS < 0 && int64(s.From) >= f.ToNS && float64(c.Achieved) >= 0.9*float64(c.Offered):
				f.RecoveredNS = int64(s.From) - f.FromNS
			}
		}
	}
	return faults
}

// derive computes what follows from the counts.
func (r *run) derive(got *result.Run, totals map[measure.Key]*measure.Totals) {
	requests := int64(0)
	for k, t := range totals {
		if !beside(k) {
			requests += t.Sent
		}
	}
	messages := float64(max(got.Messages.Posted, got.Messages.Delivered))
	put := func(name string, value float64, unit, says string) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) {
			got.Workload[name] = result.Figure{Value: value, Unit: unit, Says: says}
		}
	}
	put("requests_per_message", float64(requests)/messages, "ratio", "Requests of all flows for each message that was posted or delivered.")
	for _, p := range got.Resources {
		if p.Name == "server" || p.Name == "backend" {
			put(p.Name+"_cpu_s_per_1000_messages", 1000*p.CPUSeconds/messages, "s", "CPU time of the "+p.Name+" for 1 000 messages.")
		}
	}
	if d := totals[r.driving()]; d != nil && got.MeasuredNS > 0 {
		inFlight := float64(d.Achieved) / time.Duration(got.MeasuredNS).Seconds() * d.Response.Mean().Seconds()
		put("in_flight", inFlight, "operations", "Operations under way at a time, by Little's law: rate × mean response time.")
	}
}

// status says whether the figures of the run count, and why not.
func (r *run) status(got *result.Run, v ledger.Verdict, details *result.Details) (result.Status, []string) {
	reasons := append(wrong(v), r.traffic.Broken()...)
	if len(reasons) > 0 || !v.OK() {
		return result.Invalid, reasons
	}
	var why []string
	if r.cell.Level.Mode == plan.OpenLoop && len(r.cell.Faults) == 0 {
		why = carried(got, details)
	}
	switch {
	case !got.Generator.Healthy:
		return result.InvalidGenerator, append([]string{"The generator was not fit: " + got.Generator.Why + "."}, why...)
	case len(why) > 0:
		return result.Saturated, why
	}
	if why := drifting(details.Seconds, r.driving()); why != "" {
		return result.Drifting, []string{why}
	}
	return result.Valid, nil
}

// The bounds of a level that is carried.
const (
	minAchieved = 0.99
	maxErrors   = 0.001
	underWay    = 2 // operations may be when the time ends, however few there were
)

// carried says why a level was not carried; nothing: it was.
func carried(got *result.Run, details *result.Details) (why []string) {
	k := result.Driving(got.Config)
	o := got.Operations[k.String()]
	if missing := o.Offered - o.Achieved; missing > underWay && float64(missing) > (1-minAchieved)*float64(o.Offered) {
		why = append(why, fmt.Sprintf("Only %d of %d operations were done in time.", o.Achieved, o.Offered))
	}
	if share := errorShare(got); share > maxErrors {
		why = append(why, fmt.Sprintf("%.2g %% of all requests failed.", 100*share))
	}
	slo := time.Duration(got.Config.Load.SLO.P99)
	if p99 := o.Response.P99NS; slo > 0 && p99 != nil && time.Duration(*p99) > slo {
		why = append(why, fmt.Sprintf("The response time (p99) is %v, more than %v.", time.Duration(*p99).Round(time.Millisecond), slo))
	}
	if got.Config.Workload.Workers+got.Config.Workload.Poppers > 0 && growing(details, got) {
		why = append(why, "The backlog grows: more is posted than deleted.")
	}
	return why
}

func errorShare(got *result.Run) float64 {
	var sent, failed int64
	for _, o := range got.Operations {
		sent += o.Sent
		for _, n := range o.Errors {
			failed += n
		}
	}
	if sent == 0 {
		return 0
	}
	return float64(failed) / float64(sent)
}

// growing reports whether the backlog rises for certain, and by more than a hundredth of what is posted.
func growing(details *result.Details, got *result.Run) bool {
	var at, backlog []float64
	for _, s := range details.Seconds {
		if !result.Measured(s.Phase) {
			continue
		}
		for _, p := range details.Backlog {
			if p.At >= s.From && p.At < s.To {
				at, backlog = append(at, p.At.Seconds()), append(backlog, p.Value)
			}
		}
	}
	slope := stats.Slope(got.Seed, at, backlog)
	rate := float64(got.Messages.Posted) / time.Duration(got.MeasuredNS).Seconds()
	return slope.Sure() && slope.Low > (1-minAchieved)*rate
}

// drifting compares the first third of the measured seconds with the last.
func drifting(seconds []measure.Second, k measure.Key) string {
	var rates []float64
	for _, s := range seconds {
		if result.Measured(s.Phase) && s.To-s.From == time.Second {
			rates = append(rates, float64(s.By[k].Achieved))
		}
	}
	third := len(rates) / 3
	first, last := rates[:third], rates[len(rates)-third:]
	before, after := stats.MiddleOf(first), stats.MiddleOf(last)
	if third == 0 || math.Abs(after-before) <= 0.05*before || stats.Differ(first, last) >= 0.01 {
		return ""
	}
	return fmt.Sprintf("The rate went from %.0f/s in the first third to %.0f/s in the last.", before, after)
}
