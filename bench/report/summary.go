package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// A digest is a row of the table at the top: a target and version under one workload.
type digest struct {
	who, carried, at string
	p50, p99         *int64
	course           []sample // of the rate at that level
	state            string   // of all its cells: the worst
	class            string   // of its style
}

// A group is the rows of a workload.
type group struct {
	workload string
	rows     []digest
}

// summary is the table at the top.
func (s *study) summary() (all []group) {
	for _, w := range s.workloads {
		g := group{workload: w}
		swept := map[string]bool{}
		for _, l := range lines(s.of(w)) {
			d := digestOf(l)
			if found := s.sweepOf(l[0].Config); found != nil {
				d.carried = found.says()
			}
			swept[who(l[0].Config)] = true
			g.rows = append(g.rows, d)
		}
		for _, found := range s.sweeps {
			if found.Workload != w || len(found.Levels) == 0 {
				continue
			}
			if config := s.configOf(found); !swept[who(config)] {
				g.rows = append(g.rows, digestOfSweep(found, who(config)))
			}
		}
		all = append(all, g)
	}
	return all
}

func (s *study) sweepOf(c plan.Cell) *sweep {
	for _, found := range s.sweeps {
		if found.Workload == c.Workload.Name && len(found.Levels) > 0 && who(s.configOf(found)) == who(c) {
			return found
		}
	}
	return nil
}

// digestOf sums up the levels of one series: the figures are those of the highest that was carried.
func digestOf(levels []*cell) digest {
	d := digest{who: who(levels[0].Config), carried: none, at: none, state: "clean", class: "good"}
	for _, c := range levels {
		if !c.counts() || c.saturated() {
			continue
		}
		r := c.response()
		d.at, d.p50, d.p99, d.course = level(c.Config.Level), r.P50NS, r.P99NS, nil
		if d.carried = perSecond(c.Metrics["achieved_per_s"].Value); c.Config.Level.Mode == plan.OpenLoop {
			d.carried = "≥" + blank + perSecond(c.Config.Level.Rate)
		}
		if c.course != nil {
			d.course = c.course.measured(rate)
		}
	}
	for _, c := range levels {
		d.worsen(c.Status)
	}
	return d
}

func digestOfSweep(s *sweep, who string) digest {
	d := digest{who: who, carried: s.says(), at: none, state: "clean", class: "good"}
	for _, l := range s.Levels {
		if l.Carried && l.Rate <= s.Saturation.Value {
			d.at, d.p50, d.p99 = perSecond(l.Rate), l.P50NS, l.P99NS
		}
	}
	for _, r := range s.runs {
		if r.Status == result.Invalid {
			d.worsen(r.Status)
		}
	}
	return d
}

// states in words, from the best to the worst, and their styles.
var states = []struct {
	status       result.Status
	words, class string
}{
	{result.Valid, "clean", "good"},
	{result.Drifting, "clean, drifting", "soft"},
	{result.Suspicious, "clean, times suspicious", "soft"},
	{result.Saturated, "clean, saturated above", "soft"},
	{result.InvalidGenerator, "generator unfit", "bad"},
	{result.Invalid, "violated", "bad"},
}

// worsen takes the state of a cell, if it is worse than that so far.
func (d *digest) worsen(status result.Status) {
	now, next := 0, 0
	for i, s := range states {
		if s.words == d.state {
			now = i
		}
		if s.status == status {
			next = i
		}
	}
	if next > now {
		d.state, d.class = states[next].words, states[next].class
	}
}

// stateField is the state of a run or cell in a table.
func stateField(status result.Status) field {
	f := word(string(status))
	for _, s := range states {
		if s.status == status {
			f.class = s.class
		}
	}
	return f
}

// The measures of the small drawings in the table at the top.
const (
	glyphWidth  = 120.0
	glyphHeight = 16.0
)

// rangeOf is the scale of all ranges of a summary.
func rangeOf(groups []group) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, g := range groups {
		for _, d := range g.rows {
			if d.p50 != nil && d.p99 != nil {
				low, high = min(low, float64(*d.p50)), max(high, float64(*d.p99))
			}
		}
	}
	return low / 1.2, high * 1.2
}

// span draws the stretch from p50 to p99 on a scale that all rows share.
func (d digest) span(low, high float64) template.HTML {
	if d.p50 == nil || d.p99 == nil || !(high > low) {
		return ""
	}
	at := func(ns int64) float64 { return math.Log(float64(ns)/low) / math.Log(high/low) * glyphWidth }
	from, to := at(*d.p50), at(*d.p99)
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers
		`<svg class="glyph" viewBox="0 0 %g %g" aria-hidden="true"><path class="axis" d="M0 8H%g"/><rect x="%.1f" y="5" width="%.1f" height="6" rx="1"/><circle cx="%.1f" cy="8" r="3.5"/></svg>`,
		glyphWidth, glyphHeight, glyphWidth, from, max(to-from, 1), from))
}

// spark draws the rate over time, from zero.
func (d digest) spark() template.HTML {
	if len(d.course) < 3 {
		return ""
	}
	first, last, largest := d.course[0].t, d.course[len(d.course)-1].t, 0.0
	for _, s := range d.course {
		largest = max(largest, s.v)
	}
	if largest == 0 || last <= first {
		return ""
	}
	var path strings.Builder
	for i, s := range d.course {
		letter := "L"
		if i == 0 {
			letter = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", letter, (s.t-first)/(last-first)*glyphWidth, glyphHeight-1-s.v/largest*(glyphHeight-3))
	}
	return template.HTML(fmt.Sprintf(`<svg class="glyph" viewBox="0 0 %g %g" aria-hidden="true"><path class="spark" d="%s"/></svg>`, //nolint:gosec // numbers
		glyphWidth, glyphHeight, path.String()))
}
