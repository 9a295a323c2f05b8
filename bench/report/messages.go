package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/marconi-mq/marconi/bench/result"
)

// lives are the times of messages: until they are delivered, and until they are gone.
func (s *study) lives() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		if len(cells) == 0 {
			continue
		}
		made := &chart{title: "Times of messages: " + w, columns: 1, legend: percentileKeys(), height: vg.Length(rowsHeight(len(cells), 1))}
		x := logarithmic(lifeTimes(cells), duration)
		for _, kind := range []struct {
			title string
			of    func(*cell) result.Latency
		}{
			{"End to end: post → first delivery", func(c *cell) result.Latency { return c.EndToEnd }},
			{"Sojourn: post → confirmed delete", func(c *cell) result.Latency { return c.Sojourn }},
		} {
			if p, some := s.lifePanel(cells, x, kind.of); some {
				p.title = kind.title
				made.panels = append(made.panels, p)
			}
		}
		if len(made.panels) == 0 {
			continue
		}
		made.columns = len(made.panels)
		all = append(all, figure{
			name: fileName("messages", w), chart: made, out: out, table: lifeTable(cells),
			caption: "What a message goes through, all runs of a cell together. Both times begin when the schedule wanted the post. In workloads with observers each delivery counts.",
			says:    fmt.Sprintf("Dot chart of end-to-end and sojourn times of messages (p50, p99, p99.9) for %d cells. The table below has all values.", len(cells)),
		})
	}
	return all
}

func (s *study) lifePanel(cells []*cell, x axis, of func(*cell) result.Latency) (panel, bool) {
	d := dots{rows: len(cells)}
	for i, c := range cells {
		l := of(c)
		for _, q := range told {
			v := valueOf(q.of(step{p50: l.P50NS, p99: l.P99NS, p999: l.P999NS}))
			if math.IsNaN(v) {
				continue
			}
			at := s.look(c.Config)
			at.mark = q.mark
			d.dots = append(d.dots, dot{row: i, x: v, look: at, hatched: c.saturated()})
		}
	}
	return panel{x: x, y: named(names(cells)), draws: []plot.Plotter{grid{x: true}, d}}, len(d.dots) > 0
}

// lifeTimes are all that these charts show.
func lifeTimes(cells []*cell) (all []float64) {
	for _, c := range cells {
		for _, l := range []result.Latency{c.EndToEnd, c.Sojourn} {
			for _, ns := range []*int64{l.P50NS, l.P99NS, l.P999NS} {
				all = append(all, valueOf(ns))
			}
		}
	}
	return all
}

func lifeTable(cells []*cell) table {
	t := table{head: []string{
		"target", "level", "deliveries", "end to end p50", "p99", "p99.9", "max", "deletes", "sojourn p50", "p99", "p99.9", "max",
	}}
	for _, c := range cells {
		e, j := c.EndToEnd, c.Sojourn
		t.add(word(who(c.Config)), word(level(c.Config.Level)),
			count(e.Count), percentile(e.P50NS), percentile(e.P99NS), percentile(e.P999NS), longest(e),
			count(j.Count), percentile(j.P50NS), percentile(j.P99NS), percentile(j.P999NS), longest(j))
	}
	return t
}

// longest is the maximum, if anything was measured.
func longest(l result.Latency) field {
	if l.Count == 0 {
		return num(none, "")
	}
	return span(l.MaxNS)
}

// redeliveries are the delays of what was delivered again.
func (s *study) redeliveries() table {
	t := table{head: []string{"workload", "target", "level", "mean", "p50", "p99"}}
	cells, _ := drawn(s.cells)
	for _, c := range cells {
		mean, some := c.Metrics["redelivery_delay_mean_ns"]
		if !some {
			continue
		}
		quantile := func(name string) field {
			if f, some := c.Metrics[name]; some {
				return span(int64(f.Value))
			}
			return num(none, "")
		}
		t.add(word(c.Config.Workload.Name), word(who(c.Config)), word(level(c.Config.Level)), span(int64(mean.Value)),
			quantile("redelivery_delay_p50_ns"), quantile("redelivery_delay_p99_ns"))
	}
	return t
}
