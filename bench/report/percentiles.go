package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"

	"github.com/marconi-mq/marconi/bench/measure"
)

// percentiles are the plots of whole distributions: for each workload a panel a level.
func (s *study) percentiles() (all []figure, err error) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		if len(cells) == 0 {
			continue
		}
		f := figure{
			name: fileName("percentiles", w), out: out,
			caption: "How long the driving operation took, by percentile, over all runs of a cell together: each step to the right is ten times rarer. A line ends where fewer than ten samples lie above it.",
			says:    fmt.Sprintf("Percentile plots of response times up to p99.99, a line for each of %d cells. The table below has the percentiles.", len(cells)),
			table:   percentileTable(cells),
		}
		if f.chart, err = s.distributions(cells, w); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func percentileTable(cells []*cell) table {
	t := table{head: []string{"target", "level", "samples", "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean"}}
	for _, c := range cells {
		r := c.response()
		t.add(word(who(c.Config)), word(level(c.Config.Level)), count(r.Count), percentile(r.P50NS), percentile(r.P75NS), percentile(r.P90NS),
			percentile(r.P95NS), percentile(r.P99NS), percentile(r.P999NS), percentile(r.P9999NS), span(r.MaxNS), span(r.MeanNS))
	}
	return t
}

// rarity is how far to the right a share lies: 1 for 90 %, 2 for 99 %.
func rarity(share float64) float64 { return -math.Log10(1 - share) }

func (s *study) distributions(cells []*cell, workload string) (*chart, error) {
	byLevel := levels(cells)
	made := &chart{title: "Response times by percentile: " + workload, legend: s.keys(cells, true), columns: min(len(byLevel), 3), height: 190}
	if made.columns == 1 {
		made.height = 230
	}
	curves, all, end := map[*cell][]point{}, []float64{}, rarity(0.9)
	for _, c := range cells {
		points, err := curve(c.response().Histogram)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Cell, err)
		}
		curves[c] = points
		for _, p := range points {
			all, end = append(all, p.y), max(end, p.x)
		}
	}
	x := axis{max: min(math.Ceil(end), 4), label: "percentile"}
	for nines, name := range []string{"0", "90", "99", "99.9", "99.99"} {
		if at := float64(nines); at <= x.max {
			x.ticks = append(x.ticks, plot.Tick{Value: at, Label: name})
		}
	}
	for _, l := range byLevel {
		p := panel{title: level(l), x: x, y: logarithmic(all, duration), draws: []plot.Plotter{grid{x: true, y: true}}}
		for _, c := range cells {
			if c.Config.Level == l {
				p.draws = append(p.draws, line{look: s.look(c.Config), points: curves[c], bare: true}, line{look: s.look(c.Config), points: ends(curves[c], c.saturated())})
			}
		}
		made.panels = append(made.panels, p)
	}
	return made, nil
}

// ends are the points of a curve that get a mark: the percentiles of the table.
func ends(points []point, hatched bool) (some []point) {
	for _, share := range []float64{0.5, 0.9, 0.99, 0.999, 0.9999} {
		i := slices.IndexFunc(points, func(p point) bool { return math.Abs(p.x-rarity(share)) < 0.026 })
		if i >= 0 {
			some = append(some, point{x: points[i].x, y: points[i].y, hatched: hatched}, point{x: points[i].x, y: math.NaN()})
		}
	}
	return some
}

// curve samples a distribution evenly on the axis of rarity, as far as it can be told.
func curve(e measure.Encoded) ([]point, error) {
	h, err := measure.Decode(e)
	if err != nil {
		return nil, err
	}
	var points []point
	for r := 0.0; r <= 4+1e-9; r += 0.05 {
		d, enough := h.Quantile(1 - math.Pow(10, -r))
		if !enough {
			break
		}
		points = append(points, point{x: r, y: float64(d)})
	}
	return points, nil
}
