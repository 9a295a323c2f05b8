package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
)

// heatMaps are the charts of latency over time.
func (s *study) heatMaps() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		cells = slices.DeleteFunc(cells, func(c *cell) bool { return c.heat == nil || c.heat.columns() == 0 })
		if len(cells) == 0 {
			continue
		}
		low, high, to := math.MaxInt, math.MinInt, 0
		for _, c := range cells {
			if l, h, some := c.heat.bands(); some {
				low, high = min(low, l), max(high, h)
			}
			to = max(to, c.heat.columns()*c.heat.step)
		}
		y := logarithmic([]float64{bandStart(low), bandStart(high + 1)}, duration)
		x := between(0, float64(to), func(v float64) string { return digits(v) + blank + "s" })
		made := &chart{title: "Response times over time: " + w, columns: min(len(cells), 3), height: 108, legend: heatKeys()}
		for _, c := range cells {
			made.panels = append(made.panels, panel{title: who(c.Config) + " · " + level(c.Config.Level), x: x, y: y, draws: []plot.Plotter{grid{y: true}, c.heat}})
		}
		all = append(all, figure{
			name: fileName("heat", w), chart: made, out: out, table: heatTable(cells),
			caption: "Each column is a second of the measured time, all runs of a cell together; the darker a field, the more of that second's operations took so long. What is rare and slow shows as a pale stripe above the rest.",
			says:    fmt.Sprintf("Heat maps of response times over time for %d cells. The table below has the shares by duration.", len(cells)),
		})
	}
	return all
}

func heatKeys() (all []entry) {
	for i := 0; i < len(heat); i += 2 {
		share := 100 * math.Pow(10, 3*float64(i)/float64(len(heat))-3)
		words := "from " + strconv.FormatFloat(share, 'g', 2, 64) + blank + "%"
		if i == 0 {
			words += " of the second's operations"
		}
		all = append(all, entry{look: look{shade: heat[i]}, swatch: true, text: words})
	}
	return all
}

func heatTable(cells []*cell) table {
	t := table{head: []string{"target", "level", "under 1 ms", "to 10 ms", "to 100 ms", "to 1 s", "longer"}}
	for _, c := range cells {
		var sums [5]int64
		total := int64(0)
		for _, column := range c.heat.counts {
			for b, n := range column {
				sums[min(max(b/perDecade-5, 0), 4)] += n
				total += n
			}
		}
		fields := []field{word(who(c.Config)), word(level(c.Config.Level))}
		for _, n := range sums {
			share := float64(n) / float64(total)
			fields = append(fields, num(percent(share), raw(share)))
		}
		t.add(fields...)
	}
	return t
}
