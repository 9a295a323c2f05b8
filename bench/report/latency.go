package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// A climb is the latency of one series against its load.
type climb struct {
	config plan.Cell
	steps  []step
}

// A step is one level of a climb.
type step struct {
	x              float64
	p50, p99, p999 *int64
	achieved       float64
	hatched        bool
	status         string
}

// latencies are the charts of latency against load: for each workload those of fixed levels, and those of sweeps.
func (s *study) latencies() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		for _, mode := range []plan.Mode{plan.OpenLoop, plan.ClosedLoop} {
			climbs := climbsOf(cells, mode)
			if len(climbs) == 0 {
				continue
			}
			f := s.against(climbs, fileName("latency", w, string(mode)), w, mode)
			f.out = out
			all = append(all, f)
		}
		if climbs := s.sweptClimbs(w); len(climbs) > 0 {
			f := s.against(climbs, fileName("latency", w, "sweep"), w+", sweep", plan.OpenLoop)
			all = append(all, f)
		}
	}
	return all
}

func climbsOf(cells []*cell, mode plan.Mode) (climbs []climb) {
	for _, l := range lines(cells) {
		one := climb{config: l[0].Config}
		for _, c := range l {
			if c.Config.Level.Mode != mode {
				continue
			}
			r := c.response()
			one.steps = append(one.steps, step{
				x: c.Config.Level.Rate + float64(c.Config.Level.Clients), p50: r.P50NS, p99: r.P99NS, p999: r.P999NS,
				achieved: c.Metrics["achieved_per_s"].Value, hatched: c.saturated(), status: string(c.Status),
			})
		}
		if len(one.steps) > 0 {
			climbs = append(climbs, one)
		}
	}
	return climbs
}

func (s *study) sweptClimbs(workload string) (climbs []climb) {
	for _, found := range s.sweeps {
		if found.Workload != workload || len(found.Levels) == 0 {
			continue
		}
		one := climb{config: s.configOf(found)}
		for _, l := range found.Levels {
			status := "carried"
			if !l.Carried {
				status = "not carried"
			}
			if !s.invalidLevel(l) {
				one.steps = append(one.steps, step{x: l.Rate, p50: l.P50NS, p99: l.P99NS, p999: l.P999NS, achieved: l.Achieved, hatched: !l.Carried, status: status})
			}
		}
		if len(one.steps) > 0 {
			climbs = append(climbs, one)
		}
	}
	return climbs
}

// configOf is that of the cells of a sweep.
func (s *study) configOf(found *sweep) plan.Cell {
	for _, c := range s.experiment.Cells {
		if len(found.Levels) > 0 && c.Cell == found.Levels[0].Cell {
			return c.Config
		}
	}
	return plan.Cell{API: found.API, Target: plan.Target{Name: found.Target}, Workload: plan.Workload{Name: found.Workload}}
}

func (s *study) invalidLevel(l result.SweepLevel) bool {
	return slices.ContainsFunc(s.experiment.Cells, func(c result.Summary) bool {
		return c.Cell == l.Cell && (c.Status == result.Invalid || c.Status == result.InvalidGenerator)
	})
}

// The percentiles of these charts.
var told = []struct {
	name string
	of   func(step) *int64
	mark mark
}{
	{"p50", func(s step) *int64 { return s.p50 }, disc},
	{"p99", func(s step) *int64 { return s.p99 }, triangle},
	{"p99.9", func(s step) *int64 { return s.p999 }, square},
}

// against draws climbs: as lines if there are several levels, else as rows of points.
func (s *study) against(climbs []climb, name, title string, mode plan.Mode) figure {
	f := figure{name: name, table: climbTable(climbs, mode)}
	var xs []float64
	for _, c := range climbs {
		for _, st := range c.steps {
			xs = append(xs, st.x)
		}
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	load := "offered rate"
	if mode == plan.ClosedLoop {
		load = "clients, in a closed loop"
	}
	if len(xs) < 2 {
		f.chart = s.atOneLevel(climbs, title, mode)
		f.caption = "Response times of the driving operation at the one level of this plan, from when the schedule wanted it to the last byte of its answer. Further left is faster."
	} else {
		f.chart = s.climbing(climbs, title, load, xs)
		f.caption = "Response times of the driving operation against the " + load + ", on one scale; both axes are logarithmic where they span much. Lower is faster. A hatched mark is a level that was not carried: its latency says how far behind the server was, and is compared with nothing."
	}
	f.says = fmt.Sprintf("Chart of the p50, p99 and p99.9 of response times against %s, for %d series. The table below has all values.", load, len(climbs))
	return f
}

func climbTable(climbs []climb, mode plan.Mode) table {
	load := "offered"
	if mode == plan.ClosedLoop {
		load = "clients"
	}
	t := table{head: []string{"target", load, "achieved", "p50", "p99", "p99.9", "status"}}
	for _, c := range climbs {
		for _, st := range c.steps {
			x := perSecond(st.x)
			if mode == plan.ClosedLoop {
				x = digits(st.x)
			}
			t.add(word(who(c.config)), num(x, raw(st.x)), num(perSecond(st.achieved), raw(st.achieved)), percentile(st.p50), percentile(st.p99),
				percentile(st.p999), word(st.status))
		}
	}
	return t
}

func (s *study) climbing(climbs []climb, title, load string, xs []float64) *chart {
	x := between(0, xs[len(xs)-1]*1.05, digits)
	if xs[len(xs)-1] > 8*xs[0] {
		x = logarithmic(xs, digits)
	}
	x.label = load
	if load == "offered rate" {
		x.label += ", operations/s"
	}
	var all []float64
	for _, c := range climbs {
		for _, st := range c.steps {
			for _, q := range told {
				all = append(all, valueOf(q.of(st)))
			}
		}
	}
	made := &chart{title: "Latency against load: " + title, columns: 3, height: 190}
	for _, c := range climbs {
		made.legend = append(made.legend, entry{look: s.look(c.config), line: true, text: who(c.config)})
	}
	made.legend = append(made.legend, entry{look: look{shade: faint}, hatch: true, text: "not carried"})
	for _, q := range told {
		p, some := panel{title: q.name, x: x, y: logarithmic(all, duration), draws: []plot.Plotter{grid{y: true}}}, false
		for _, c := range climbs {
			l := line{look: s.look(c.config)}
			for _, st := range c.steps {
				l.points = append(l.points, point{x: st.x, y: valueOf(q.of(st)), hatched: st.hatched})
				some = some || q.of(st) != nil
			}
			p.draws = append(p.draws, l)
		}
		if some || len(made.panels) == 0 { // one that too few samples tell is left out
			made.panels = append(made.panels, p)
		}
	}
	made.columns = len(made.panels)
	return made
}

// valueOf is a percentile, or not a number where it is not told.
func valueOf(ns *int64) float64 {
	if ns == nil {
		return math.NaN()
	}
	return float64(*ns)
}

func (s *study) atOneLevel(climbs []climb, title string, mode plan.Mode) *chart {
	var rows []string
	var all []float64
	d := dots{rows: len(climbs)}
	for i, c := range climbs {
		rows = append(rows, who(c.config))
		for _, q := range told {
			v := valueOf(q.of(c.steps[0]))
			if math.IsNaN(v) {
				continue
			}
			all = append(all, v)
			l := s.look(c.config)
			l.mark = q.mark
			d.dots = append(d.dots, dot{row: i, x: v, look: l, hatched: c.steps[0].hatched})
		}
	}
	x := logarithmic(all, duration)
	x.label = "response time"
	at := level(plan.Level{Mode: mode, Rate: climbs[0].steps[0].x, Clients: int(climbs[0].steps[0].x)})
	made := &chart{title: "Latency at " + at + ": " + title, columns: 1, height: vg.Length(rowsHeight(len(rows), 1)), legend: percentileKeys()}
	made.panels = []panel{{x: x, y: named(rows), draws: []plot.Plotter{grid{x: true}, d}}}
	return made
}

// percentileKeys tell the marks of percentiles.
func percentileKeys() (all []entry) {
	for _, q := range told {
		all = append(all, entry{look: look{shade: faint, mark: q.mark}, text: q.name})
	}
	return append(all, entry{look: look{shade: faint}, hatch: true, text: "not carried"})
}
