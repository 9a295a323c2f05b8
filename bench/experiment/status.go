package experiment

import (
	"fmt"
	"math"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/stats"
	"github.com/marconi-mq/marconi/ledger"
)

// status says whether the figures of the run count, and why not.
func (r *run) status(got *result.Run, v ledger.Verdict, details *result.Details, little measure.Little) (result.Status, []string) {
	reasons := append(wrong(v), r.traffic.Broken()...)
	if len(reasons) > 0 || !v.OK() {
		return result.Invalid, reasons
	}
	var why []string
	if r.cell.Level.Mode == plan.OpenLoop && len(r.cell.Faults) == 0 {
		why = carried(got, details)
	}
	if !r.cell.Sweep { // whose levels are carried or not by what happens while they are measured
		why = append(why, undrained(got, v.Leftover)...)
	}
	switch {
	case !got.Generator.Healthy:
		return result.InvalidGenerator, append([]string{"The generator was not fit: " + got.Generator.Why + "."}, why...)
	case len(why) > 0:
		return result.Saturated, why
	}
	if len(r.cell.Faults) > 0 {
		return result.Valid, nil // that nothing was answered for a while was meant
	}
	if even, why := little.Even(); !even {
		return result.Suspicious, []string{"The times don't account for all that was under way (Little's law): " + why + "."}
	}
	if why := drifting(r.done, little.From, little.To); why != "" {
		return result.Drifting, []string{why}
	}
	return result.Valid, nil
}

// undrained says that a backlog was laid in and not worked off in the time that the plan gives; nothing: it was, or there is none.
func undrained(got *result.Run, leftover int64) (why []string) {
	w := got.Config.Workload
	if w.Space.Prefill > 0 && w.Workers+w.Poppers > 0 && !got.Drained && leftover > 0 {
		why = append(why, fmt.Sprintf("The backlog was not drained within %v.", time.Duration(got.Config.Time.Drain)))
	}
	return why
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

// maxDrift is by how much the rate may change within a run, and chance how probable it has to be that chance did it.
const (
	maxDrift = 0.05
	chance   = 0.01
)

// drifting compares the first third of the measured time with the last, by how much had been achieved when.
func drifting(done []result.Point, from, to time.Duration) string {
	third := (to - from) / 3
	first, before := rates(done, from, from+third)
	last, after := rates(done, to-third, to)
	if math.Abs(after-before) <= maxDrift*before || stats.Differ(first, last) >= chance {
		return ""
	}
	return fmt.Sprintf("The rate went from %.0f/s in the first third to %.0f/s in the last.", before, after)
}

// rates are those between each two points in a span, and over all of it.
func rates(done []result.Point, from, to time.Duration) (each []float64, all float64) {
	rate := func(a, b result.Point) float64 { return (b.Value - a.Value) / (b.At - a.At).Seconds() }
	var within []result.Point
	for _, p := range done {
		if p.At >= from && p.At <= to && (len(within) == 0 || p.At-within[len(within)-1].At >= tickEvery/2) {
			within = append(within, p)
		}
	}
	if len(within) < 2 {
		return nil, 0
	}
	for i, p := range within[1:] {
		each = append(each, rate(within[i], p))
	}
	return each, rate(within[0], within[len(within)-1])
}
