package experiment

import (
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/flow"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/ledger"
)

// assess makes the result of a run that is over.
func (r *run) assess(sequence string, drained bool) (*result.Run, *result.Details) {
	verdict, totals := r.book.Verdict(), r.recorder.Totals()
	from, to := r.traffic.Measured()
	lives := &lives{from: from, to: to, first: measure.NewHistogram(), sojourn: measure.NewHistogram()}
	got := &result.Run{
		Schema: result.RunSchema, Experiment: r.report.Name, Cell: r.cell.Path(), Repeat: r.repeat, Block: r.block,
		Started: r.began, Config: r.cell, ConfigHash: r.cell.Hash(), Seed: r.seed, Sequence: sequence,
		Environment: r.report.Environment, Isolation: r.isolation(r.cell.Target), MeasuredNS: int64(to - from), DrainNS: int64(max(r.clock.Now()-to, 0)), Drained: drained,
		Operations: map[string]result.Operation{}, Messages: r.messages(totals), Ledger: ledgerOf(verdict),
		Workload: r.traffic.Figures(verdict, lives.time), Phases: r.traffic.Phases(),
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
	r.latencies(got, details, totals, lives)
	if verdict.Redelivered.Count > 0 {
		l := result.LatencyOf(r.redelivery)
		got.Redelivery, details.Extra["redelivery_delay"] = &l, r.redelivery
	}
	r.resources(got, details, from, to)
	got.Generator = r.generator(got, totals, from, to)
	got.Faults = r.recovered(from, to)
	got.Seconds = secondsOf(details.Seconds, r.driving())
	little := r.little(totals, from, to)
	r.derive(got, details, totals, little)
	got.Status, got.Reasons = r.status(got, verdict, details, little)
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
	m.Backlog = int64(valueAt(r.points, to))
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

// lives time what the ledger knows of messages that were intended in the measured time.
type lives struct {
	from, to       time.Duration
	first, sojourn *measure.Histogram
}

func (l *lives) time(life ledger.Life) {
	if life.Intended < l.from || life.Intended >= l.to || life.Posted != ledger.Confirmed {
		return
	}
	if life.First > 0 {
		l.first.Record(life.First - life.Intended)
	}
	if life.Gone > 0 {
		l.sojourn.Record(life.Gone - life.Intended)
	}
}

// latencies are those of messages, from the ledger and from those who timed each delivery.
func (r *run) latencies(got *result.Run, details *result.Details, totals map[measure.Key]*measure.Totals, l *lives) {
	endToEnd, sojourn := l.first, l.sojourn
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
		return result.Generator{Cores: r.ownCores(), Healthy: true}
	}
	h := measure.Health{
		PacerLag: driving.PacerLag, Response: driving.Response, Measured: to - from,
		Offered: driving.Offered, Sent: driving.Sent, FreeConnections: !r.traffic.Crowded(), Cores: float64(r.ownCores()),
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
		CPUSeconds: h.CPU, Cores: r.ownCores(), GCPauseMaxNS: longestPause(&memory, r.began), PacerLag: result.LatencyOf(driving.PacerLag),
		Healthy: fit, Why: why,
	}
}

// longestPause is that of the garbage collections since a time.
func longestPause(m *runtime.MemStats, since time.Time) (longest int64) {
	for i, ended := range m.PauseEnd {
		if int64(ended) >= since.UnixNano() {
			longest = max(longest, int64(m.PauseNs[i]))
		}
	}
	return longest
}

// carriedAgain is the share of a rate that has to be carried for a run to have recovered from a fault.
const carriedAgain = 0.9

// recovered completes what is known of the faults: for how long nothing succeeded, and when the rate was carried again. A
// fault's consequences end where the next one begins.
func (r *run) recovered(from, to time.Duration) []result.Fault {
	faults := append([]result.Fault(nil), r.faults...)
	for i := range faults {
		f, until := &faults[i], to
		if i+1 < len(faults) {
			until = time.Duration(faults[i+1].FromNS)
		}
		rate := r.cell.Level.Rate
		if r.cell.Level.Mode == plan.ClosedLoop {
			rate = r.pulse.Rate(from, time.Duration(faults[0].FromNS))
		}
		f.GapNS, f.RecoveredNS = int64(r.pulse.Silence(time.Duration(f.FromNS), until)), -1
		if at, carried := r.pulse.Carries(carriedAgain*rate, time.Duration(f.ToNS), until); carried {
			f.RecoveredNS = int64(at) - f.FromNS
		}
	}
	return faults
}

// derive computes what follows from the counts.
func (r *run) derive(got *result.Run, details *result.Details, totals map[measure.Key]*measure.Totals, little measure.Little) {
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
	for _, readings := range details.Readings {
		if each, known := stored(readings, details.Backlog, little.From, little.To); known {
			put("bytes_stored_per_message", each, "bytes", "By how much the store grew for each message that was added to it and stayed.")
		}
	}
	if little.To > little.From {
		put("in_flight", little.Mean, "operations", "Operations of the driving flow under way at a time, as counted.")
		put("in_flight_by_times", little.Product(), "operations", "The same by Little's law: rate × mean response time. If they differ, times are missing.")
	}
}

// minKept is how many messages have to stay in a store for its growth to tell what one takes.
const minKept = 100

// stored is what a message takes in a store, by the sizes that it tells of itself: known, if enough stayed.
func stored(readings []measure.Reading, backlog []result.Point, from, to time.Duration) (each float64, known bool) {
	size := func(r measure.Reading) float64 {
		return r.Extra["used_memory_bytes"] + r.Extra["file_bytes"] + r.Extra["log_bytes"]
	}
	readings = slices.DeleteFunc(slices.Clone(readings), func(r measure.Reading) bool { return r.At < from || r.At > to || size(r) == 0 })
	if len(readings) < 2 {
		return 0, false
	}
	first, last := readings[0], readings[len(readings)-1]
	kept := valueAt(backlog, last.At) - valueAt(backlog, first.At)
	return (size(last) - size(first)) / kept, kept >= minKept && first.PID == last.PID
}

// valueAt is what the last point at or before a time says.
func valueAt(points []result.Point, at time.Duration) (value float64) {
	for _, p := range points {
		if p.At <= at {
			value = p.Value
		}
	}
	return value
}

// little is the account of the driving operation's times; of nothing, if it was never done.
func (r *run) little(totals map[measure.Key]*measure.Totals, from, to time.Duration) measure.Little {
	d := totals[r.driving()]
	if d == nil || to <= from {
		return measure.Little{}
	}
	return measure.Little{
		Occupancy: r.recorder.Occupancy(r.driving(), from, to), Rate: float64(d.Achieved) / (to - from).Seconds(),
		Response: d.Response, From: from, To: to,
	}
}
