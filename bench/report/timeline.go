package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
)

// A track is a panel of a time line.
type track struct {
	metric, title string
	tell          func(float64) string
	unit          string // as the script tells values
	log           bool
}

var tracks = []track{
	{rate, "Achieved rate", perSecond, "rate", false},
	{p99, "Response time, p99 of each second", duration, "duration", true},
	{slowest, "Response time, longest of each second", duration, "duration", true},
	{cpu, "CPU of server and backend, cores", digits, "number", false},
	{rss, "Memory of server and backend", volume, "bytes", false},
	{backlog, "Backlog, messages", digits, "number", false},
}

// tracksOf are those that are drawn of cells. The p99 is if most seconds of each have samples enough to tell it; else it is the longest
// response, of all of them, so that they can be compared.
func tracksOf(cells []*cell) []track {
	not := slowest
	for _, c := range cells {
		if 2*len(c.course.metrics[p99]) <= len(c.course.metrics[slowest]) {
			not = p99
		}
	}
	return slices.DeleteFunc(slices.Clone(tracks), func(t track) bool { return t.metric == not })
}

// timelines are the charts of what happened when: cells of a workload and level together, but those with faults alone.
func (s *study) timelines() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		for _, l := range levels(cells) {
			var together []*cell
			for _, c := range cells {
				switch {
				case c.Config.Level != l || c.course == nil:
				case len(c.course.faults) > 0:
					all = append(all, s.timeline([]*cell{c}, fileName("time", w, c.Config.Target.Name, c.Config.API, c.Config.Level.String()), nil))
				default:
					together = append(together, c)
				}
			}
			if len(together) > 0 {
				all = append(all, s.timeline(together, fileName("time", w, l.String()), out))
			}
		}
	}
	return all
}

func (s *study) timeline(cells []*cell, name string, out []string) figure {
	first := cells[0]
	title := "Over time: " + first.Config.Workload.Name + ", " + level(first.Config.Level)
	if len(first.course.faults) > 0 {
		title = "Over time: " + first.Config.Workload.Name + ", " + who(first.Config) + ", " + level(first.Config.Level)
	}
	f := figure{
		name: name, out: out, table: timeTable(cells), zoom: s.zoomOf(name, cells),
		caption: "Second by second, medians of the runs of a cell; zero is when the measured time began, and what is tinted grey was not measured." + faultWords(first),
		says:    fmt.Sprintf("Five time series — rate, response time, CPU, memory, backlog — for %d cells.%s The file has all values.", len(cells), faultWords(first)),
	}
	made := &chart{title: title, columns: 2, height: 118, legend: s.keys(cells, true)}
	x, few := timeAxis(cells)
	for _, tr := range tracksOf(cells) {
		if p, some := s.track(cells, tr, x, few); some {
			p.title = tr.title
			made.panels = append(made.panels, p)
		}
	}
	f.chart = made
	return f
}

func timeAxis(cells []*cell) (x axis, few bool) {
	from, to := 0.0, 0.1
	points := 0
	for _, c := range cells {
		for _, p := range c.course.phases {
			from, to = min(from, p.from), max(to, p.to)
		}
		for _, samples := range c.course.metrics {
			points = max(points, len(samples))
			for _, s := range samples {
				from, to = min(from, s.t), max(to, s.t)
			}
		}
	}
	x = between(from, to, func(v float64) string { return digits(math.Round(v*100)/100) + blank + "s" })
	return x, points <= 30
}

// track is the panel of one metric.
func (s *study) track(cells []*cell, tr track, x axis, few bool) (panel, bool) {
	var values []float64
	for _, c := range cells {
		for _, at := range c.course.metrics[tr.metric] {
			values = append(values, at.v)
		}
	}
	if len(values) == 0 {
		return panel{}, false
	}
	y := linear(slices.Max(values), tr.tell)
	if low := slices.Min(values); low < 0 {
		y = between(low*1.06, max(slices.Max(values), 0)*1.06+1e-9, tr.tell)
	}
	if tr.log {
		y = logarithmic(values, tr.tell)
	}
	p := panel{x: x, y: y, draws: bandsOf(cells[0].course)}
	if faults := cells[0].course.faults; tr.metric == rate && len(faults) > 0 {
		p.y.max *= 1.15 // room for their names
		for _, f := range faults {
			p.draws = append(p.draws, band{from: f.from, to: f.from, shade: wound, edge: true, text: f.Do})
		}
	}
	p.draws = append(p.draws, grid{y: true})
	for _, c := range cells {
		l := line{look: s.look(c.Config), bare: !few}
		for _, at := range c.course.metrics[tr.metric] {
			l.points = append(l.points, point{x: at.t, y: at.v})
		}
		p.draws = append(p.draws, l)
	}
	return p, true
}

// bandsOf tint what is not measured, and faults with the time to recover from them.
func bandsOf(c *course) (all []plot.Plotter) {
	for _, p := range c.phases {
		switch p.name {
		case "ramp", "warmup", "drain":
			all = append(all, band{from: p.from, to: p.to, shade: calm})
		}
	}
	for _, f := range c.faults {
		end := f.to
		if !math.IsNaN(f.recovered) {
			end = max(end, f.recovered)
		}
		all = append(all, band{from: f.from, to: end, shade: after}, band{from: f.from, to: f.to, shade: wound, edge: true})
	}
	return all
}

// faultWords say what happened in a cell, and how it recovered.
func faultWords(c *cell) (words string) {
	for _, f := range c.course.faults {
		words += fmt.Sprintf(" At %s: %s of the %s, for %s; no success for %s, ", duration(f.from*1e9), f.Do, f.To, duration(float64(f.ToNS-f.FromNS)), duration(float64(f.GapNS)))
		if f.RecoveredNS < 0 {
			words += "and the rate was not carried again."
		} else {
			words += "and the rate was carried again " + duration(float64(f.RecoveredNS)) + " after it began."
		}
	}
	return words
}

func timeTable(cells []*cell) table {
	t := table{head: []string{"target", "level", "metric", "t_s", "value"}, wide: true}
	for _, c := range cells {
		for _, tr := range tracks {
			for _, at := range c.course.metrics[tr.metric] {
				t.add(word(who(c.Config)), word(level(c.Config.Level)), word(tr.metric), num(digits(at.t), raw(at.t)), num(tr.tell(at.v), raw(at.v)))
			}
		}
	}
	return t
}
