package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a run can hold in its ledger, and a plan in its folder.
const (
	maxMessages = 100_000_000 // of a run
	maxRuns     = 100_000
	perMessage  = 64 // bytes of JSON about a body in a post
)

// check says what doesn't fit together in a plan that is right key by key.
func (d *decoder) check(p *Plan) {
	d.checkEntries(p)
	d.checkNames(p)
	for i, w := range p.Workloads {
		d.checkWorkload(p, index("workloads", i), w)
	}
	d.checkSkips(p)
	if p.Sweep != nil {
		d.checkSweep(p)
	}
	if len(d.errs) == 0 {
		d.checkMatrix(p)
	}
}

func (d *decoder) checkEntries(p *Plan) {
	for _, list := range []struct {
		path  string
		n     int
		least int
	}{
		{"targets", len(p.Targets), 1},
		{"workloads", len(p.Workloads), 1},
		{"faults", len(p.Faults), 0},
		{"skip", len(p.Skip), 0},
	} {
		if list.n < list.least || list.n > maxEntries {
			d.failAt(list.path, fmt.Sprintf("%s has %d entries: it can have %d to %d", list.path, list.n, list.least, maxEntries))
		}
	}
	for i, t := range p.Targets {
		at := join(index("targets", i), "api")
		if len(t.API) == 0 {
			d.failAt(at, "a target without a version of the API is never run")
		}
		d.checkTwice(at, t.API)
	}
}

// checkTwice finds what stands twice in a list of values.
func (d *decoder) checkTwice(path string, list []string) {
	for i, v := range list {
		if slices.Contains(list[:i], v) {
			d.failAt(index(path, i), v+" twice")
		}
	}
}

func (d *decoder) checkNames(p *Plan) {
	seen := map[string]bool{}
	for i, t := range p.Targets {
		if seen[t.Name] {
			d.failAt(join(index("targets", i), "name"), fmt.Sprintf("a second target %q: give it a name of its own", t.Name))
		}
		seen[t.Name] = true
	}
	seen = map[string]bool{}
	for i, w := range p.Workloads {
		if seen[w.Name] {
			d.failAt(join(index("workloads", i), "name"), fmt.Sprintf("a second workload %q: give it a name of its own", w.Name))
		}
		seen[w.Name] = true
	}
}

func (d *decoder) checkWorkload(p *Plan, path string, w Workload) {
	before := len(d.errs)
	d.checkVary("vary", p.Vary, w)
	d.checkVary(join(path, "vary"), w.Vary, w)
	if len(d.errs) > before {
		return
	}
	if p.combinations(w) > MaxCells {
		d.failAt(join(path, "vary"), fmt.Sprintf("more than %d combinations of what is varied", MaxCells))
		return
	}
	d.checkTime(p, path, w)
	d.checkLoad(p, path, w)
	faults, at := p.FaultsOf(w), join(path, "faults")
	if w.Faults == nil {
		at = "faults"
	}
	d.checkFaults(p, at, faults, p.TimeOf(w))
	if w.Use == "failover" && len(faults) == 0 {
		d.failAt(path, "failover needs faults: without one nothing fails")
	}
	for _, v := range p.variants(w) {
		if d.checkVariant(p, path, v.Workload); len(d.errs) > before {
			return // the others would say the same
		}
	}
}

// checkVariant checks what a combination of values has to keep.
func (d *decoder) checkVariant(p *Plan, path string, w Workload) {
	row := w.Describe()
	if w.Count(row.Drives) == 0 {
		d.failAt(join(path, string(row.Drives)), fmt.Sprintf("%s without %s does nothing", w.Use, row.Drives))
	}
	if w.Crash > 0 && w.Workers == 0 {
		d.failAt(join(path, "crash"), "crash needs workers: only they have claims to give up")
	}
	d.checkExpiry(p, path, w)

	size := join(path, "messages.size")
	if bytes := w.Messages.Batch * (w.Messages.Size.Max() + perMessage); bytes > maxPost {
		d.failAt(size, fmt.Sprintf("%d messages of up to %s are %d bytes with what is around them: a post has at most %s",
			w.Messages.Batch, formatBytes(w.Messages.Size.Max()), bytes, formatBytes(maxPost)))
	}
	if w.Space.Tenants > w.Space.Queues {
		d.failAt(join(path, "space.tenants"), fmt.Sprintf("%d tenants share %d queues: each needs one", w.Space.Tenants, w.Space.Queues))
	}
	if w.Space.Prefill*w.Space.Queues > maxPrefill {
		d.failAt(join(path, "space.prefill"), fmt.Sprintf("%d messages in each of %d queues are more than %d",
			w.Space.Prefill, w.Space.Queues, maxPrefill))
	}
	d.checkMessages(p, path, w)
}

// checkExpiry: a claim that is given up to expire has to do so within the run, or nothing is delivered again.
func (d *decoder) checkExpiry(p *Plan, path string, w Workload) {
	if w.Crash == 0 || w.CrashBy != "expiry" {
		return
	}
	time := p.TimeOf(w)
	if length := time.Duration + time.Drain; length <= w.Consuming.ClaimTTL {
		d.failAt(join(path, "crash_by"), fmt.Sprintf("claims expire after %s, but a run with its drain ends after %s", w.Consuming.ClaimTTL, length))
	}
}

func (d *decoder) checkMessages(p *Plan, path string, w Workload) {
	load, at := p.LoadOf(w), join(path, "load.rates")
	if w.Load == nil {
		at = "load.rates"
	}
	for i, rate := range load.Rates {
		if n := posted(w, load, p.TimeOf(w), rate); n > maxMessages {
			d.failAt(index(at, i), fmt.Sprintf("%s/s in batches of %d make %.3g messages in a run of %s: at most %d can be followed",
				rate, w.Messages.Batch, n, w.Use, maxMessages))
		}
	}
}

// posted is about how many messages a run in an open loop makes.
func posted(w Workload, l Load, t Time, rate Rate) float64 {
	seconds := time.Duration(l.Ramp).Seconds()/2 + time.Duration(t.Warmup).Seconds() + time.Duration(t.Duration).Seconds()
	return float64(w.Space.Prefill)*float64(w.Space.Queues) + float64(rate)*seconds*float64(w.Messages.Batch)*w.Describe().PostsEach
}

// leastPhase is too short to measure anything, but long enough to try it.
const leastPhase = 50 * Duration(time.Millisecond)

func (d *decoder) checkTime(p *Plan, path string, w Workload) {
	phases := w.Describe().Phases
	at := join(path, "time.duration")
	if w.Time == nil {
		at = "time.duration"
	}
	if t := p.TimeOf(w); t.Duration/Duration(phases) < leastPhase {
		d.failAt(at, fmt.Sprintf("%s has %d phases in its duration of %s: each takes at least %s", w.Use, phases, t.Duration, leastPhase))
	}
}

func (d *decoder) checkLoad(p *Plan, path string, w Workload) {
	load, at := p.LoadOf(w), join(path, "load")
	if w.Load == nil {
		at = "load"
	}
	if load.MaxInFlight > load.Connections {
		d.failAt(join(at, "max_in_flight"), fmt.Sprintf("%d requests in flight need as many connections: there are %d", load.MaxInFlight, load.Connections))
	}
	if load.Mode == ClosedLoop {
		d.checkClosed(at, load)
		return
	}
	if len(load.Clients) > 0 {
		d.failAt(join(at, "clients"), "clients are the levels of mode: clients; this load has mode: rate")
	}
	if len(load.Rates) == 0 && !p.sweeps(w) {
		d.failAt(at, fmt.Sprintf("%s has no rates, and isn't swept: load needs rates", w.Name))
	}
	if len(load.Rates) > maxEntries {
		d.failAt(join(at, "rates"), fmt.Sprintf("%d rates: there can be %d", len(load.Rates), maxEntries))
	}
	d.checkTwice(join(at, "rates"), asText(load.Rates, Rate.String))
	d.checkArrivals(at, load)
}

func (d *decoder) checkClosed(at string, load Load) {
	if len(load.Rates) > 0 {
		d.failAt(join(at, "rates"), "rates are the levels of mode: rate; this load has mode: clients")
	}
	if len(load.Clients) == 0 || len(load.Clients) > maxEntries {
		d.failAt(at, fmt.Sprintf("mode: clients needs clients, 1 to %d numbers", maxEntries))
	}
	d.checkTwice(join(at, "clients"), asText(load.Clients, strconv.Itoa))
}

func asText[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = text(v)
	}
	return out
}

// checkArrivals: arrivals with a rate of their own leave no choice of the level's.
func (d *decoder) checkArrivals(at string, load Load) {
	a := load.Arrivals
	if a.Kind == "trace" && len(load.Rates) > 1 {
		d.failAt(join(at, "rates"), "a trace has its own rate: rates has one number, that by which it is called")
	}
	if own := a.OwnRate(); own > 0 {
		for i, r := range load.Rates {
			if diff := float64(r-own) / float64(own); diff > 1e-3 || diff < -1e-3 {
				d.failAt(index(join(at, "rates"), i), fmt.Sprintf("%s is %s/s, not %s/s: leave out every, and the rate gives it", a, own, r))
			}
		}
	}
}

func (d *decoder) checkFaults(p *Plan, path string, faults []Fault, t Time) {
	if len(faults) == 0 {
		return
	}
	for _, target := range p.Targets {
		if target.Start == nil {
			d.failAt(path, fmt.Sprintf("faults are for targets that are started: %s isn't", target.Name))
		}
	}
	ends := map[string]Duration{}
	for i, f := range faults {
		at := index(path, i)
		switch {
		case f.Do == "pause" && f.For == 0:
			d.failAt(at, "a pause needs for: how long it takes")
		case f.At+f.For > t.Duration:
			d.failAt(join(at, "at"), fmt.Sprintf("this fault ends %s after the warm-up, but a run does after %s", f.At+f.For, t.Duration))
		case f.At < ends[f.To]:
			d.failAt(join(at, "at"), fmt.Sprintf("the %s still has the fault before: it ends at %s; faults stand in their order", f.To, ends[f.To]))
		}
		ends[f.To] = max(ends[f.To], f.At+f.For)
	}
}

func (d *decoder) checkSkips(p *Plan) {
	for i, s := range p.Skip {
		at := index("skip", i)
		if s.Target+s.Workload+s.API == "" {
			d.failAt(at, "this rule skips everything: name a target, a workload or an api")
		}
		if s.Target != "" {
			d.checkKnown(join(at, "target"), "target", s.Target, p.targetNames())
		}
		if s.Workload != "" {
			d.checkKnown(join(at, "workload"), "workload", s.Workload, p.workloadNames(true))
		}
	}
}

// checkKnown finds a name that is none of this plan.
func (d *decoder) checkKnown(path, what, name string, known []string) {
	if !slices.Contains(known, name) {
		d.failIf(d.at[path], unknownWord(name, what+" of this plan", known...))
	}
}

func (p *Plan) targetNames() []string {
	return asText(p.Targets, func(t Target) string { return t.Name })
}

// workloadNames are those that the plan gives, and with variants also those of each.
func (p *Plan) workloadNames(variants bool) []string {
	names := asText(p.Workloads, func(w Workload) string { return w.Name })
	if !variants {
		return names
	}
	for _, w := range p.Workloads {
		if len(p.Vary)+len(w.Vary) > 0 && p.combinations(w) <= MaxCells {
			names = append(names, asText(p.variants(w), func(v variant) string { return v.Name })...)
		}
	}
	return names
}

func (p *Plan) sweeps(w Workload) bool {
	return p.Sweep != nil && (len(p.Sweep.Only) == 0 || slices.Contains(p.Sweep.Only, w.Name))
}

func (d *decoder) checkSweep(p *Plan) {
	s := p.Sweep
	d.need("sweep", "low", "high")
	if s.Low > 0 && s.High > 0 && s.Low >= s.High {
		d.failAt("sweep.low", fmt.Sprintf("a sweep from %s/s to %s/s goes nowhere: low has to be below high", s.Low, s.High))
	}
	if s.Step > 0 && s.Factor > 0 {
		d.failAt("sweep.factor", "a sweep has either step or factor")
	}
	if s.Low > 0 && s.Low < s.High && len(s.Levels()) > maxLevels {
		d.failAt("sweep", fmt.Sprintf("more than %d levels", maxLevels))
	}
	for i, name := range s.Only {
		d.checkKnown(index("sweep.only", i), "workload", name, p.workloadNames(false))
	}
	for i, name := range s.Targets {
		d.checkKnown(index("sweep.targets", i), "target", name, p.targetNames())
	}
	for _, w := range p.Workloads {
		d.checkSwept(p, w)
	}
}

// checkSwept: a workload that is swept takes any rate, up to the highest.
func (d *decoder) checkSwept(p *Plan, w Workload) {
	load := p.LoadOf(w)
	if !p.sweeps(w) {
		return
	}
	t := p.TimeOf(w)
	t.Duration = p.Sweep.Duration
	switch {
	case load.Mode == ClosedLoop:
		d.failAt("sweep", fmt.Sprintf("a sweep needs mode: rate, but %s has mode: clients; name in only what is swept", w.Name))
	case load.Arrivals.Kind == "trace" || load.Arrivals.OwnRate() > 0:
		d.failAt("sweep", fmt.Sprintf("a sweep sets the rate, but the arrivals of %s have their own", w.Name))
	case t.Duration/Duration(w.Describe().Phases) < leastPhase:
		d.failAt("sweep.duration", fmt.Sprintf("the phases of %s are shorter than %s", w.Name, leastPhase))
	case posted(w, load, t, p.Sweep.High) > maxMessages:
		d.failAt("sweep.high", fmt.Sprintf("%s/s make more than %d messages in a run", p.Sweep.High, maxMessages))
	}
}

// checkMatrix counts before it makes anything.
func (d *decoder) checkMatrix(p *Plan) {
	cells, runs := 0, 0
	versions := 0
	for _, t := range p.Targets {
		versions += len(t.API)
	}
	for _, w := range p.Workloads {
		n := p.combinations(w) * versions
		fixed := n * len(p.LoadOf(w).levels())
		cells += n + fixed
		runs += fixed * p.TimeOf(w).Repeats
	}
	if cells > MaxCells || runs > maxRuns {
		d.failAt("", fmt.Sprintf("the matrix has %d cells and %d runs: at most %d and %d", cells, runs, MaxCells, maxRuns))
		return
	}
	seen := map[string]bool{}
	for _, c := range slices.Concat(p.Matrix(), p.SweepCells()) {
		path := strings.ToLower(c.Path()) // some file systems know no case
		if seen[path] {
			d.failAt("workloads", fmt.Sprintf("two cells of this plan have the name %s", c.Path()))
			return
		}
		seen[path] = true
	}
	all := p.combine()
	for i, s := range p.Skip {
		if !slices.ContainsFunc(all, s.matches) {
			d.failAt(index("skip", i), "this rule skips nothing")
		}
	}
}
