package report

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// costs are the charts of CPU time a message.
func (s *study) costs() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		cells = slices.DeleteFunc(cells, func(c *cell) bool { _, known := c.Metrics["server_cpu_s_per_1000_messages"]; return !known })
		if len(cells) == 0 {
			continue
		}
		b, largest, backends := bars{rows: len(cells)}, 0.0, false
		t := table{head: []string{"target", "level", "server, CPU", "from", "to", "backend, CPU", "server, most memory", "backend, most memory", "requests a message"}}
		for i, c := range cells {
			server, backend := c.Metrics["server_cpu_s_per_1000_messages"], c.Metrics["backend_cpu_s_per_1000_messages"]
			sum := server.Value + backend.Value
			b.bars = append(b.bars, bar{row: i, to: server.Value * 1e9, shade: series[0], hatch: c.saturated()})
			if backend.Value > 0 {
				backends = true
				b.bars = append(b.bars, bar{row: i, from: server.Value * 1e9, to: sum * 1e9, shade: series[4], hatch: c.saturated()})
			} else if server.Low != nil && server.High != nil {
				b.intervals = append(b.intervals, interval{row: i, low: *server.Low * 1e9, high: *server.High * 1e9})
				sum = max(sum, *server.High)
			}
			b.labels = append(b.labels, barLabel{row: i, at: sum * 1e9, text: duration(1e9 * (server.Value + backend.Value))})
			largest = max(largest, sum*1e9)
			t.add(word(who(c.Config)), word(level(c.Config.Level)), c.metric("server_cpu_s_per_1000_messages"), bound(server.Low, server.Unit), bound(server.High, server.Unit),
				c.metric("backend_cpu_s_per_1000_messages"), c.metric("server_rss_max_bytes"), c.metric("backend_rss_max_bytes"), c.metric("requests_per_message"))
		}
		x := linear(largest*1.12, duration)
		x.label = "CPU time for 1" + blank + "000 messages"
		made := &chart{title: "CPU time of 1" + blank + "000 messages: " + w, columns: 1, height: vg.Length(rowsHeight(len(cells), 1))}
		made.panels = []panel{{x: x, y: named(names(cells)), draws: []plot.Plotter{grid{x: true}, b}}}
		if made.legend = []entry{{look: look{shade: series[0]}, swatch: true, text: "server"}}; backends {
			made.legend = append(made.legend, entry{look: look{shade: series[4]}, swatch: true, text: "backend"})
		}
		made.legend = append(made.legend, entry{look: look{shade: faint}, swatch: true, hatch: true, text: "saturated"})
		all = append(all, figure{
			name: fileName("cpu", w), chart: made, out: out, table: t,
			caption: "CPU seconds that the processes took in the measured time, for 1" + blank + "000 messages posted or delivered, whichever are more: medians of runs. At low rates the price of being up is shared by few messages.",
			says:    fmt.Sprintf("Bar chart of the CPU time of server and backend for 1000 messages in %d cells. The table below has all values.", len(cells)),
		})
	}
	return all
}

// metric is one of the cell's, as a field.
func (c *cell) metric(name string) field {
	f, known := c.Metrics[name]
	if !known {
		return num(none, "")
	}
	return num(measured(f.Value, f.Unit), raw(f.Value))
}

func bound(v *float64, unit string) field {
	if v == nil {
		return num(none, "")
	}
	return num(measured(*v, unit), raw(*v))
}

// failures is the chart of errors; nil if there were none.
func (s *study) failures() []figure {
	var rows []string
	b, largest, classes := bars{}, 0.0, map[string]bool{}
	t := table{head: []string{"cell", "operation", "class", "failures", "of", "share"}}
	var failing []*cell
	for _, c := range s.cells {
		if len(c.failed()) > 0 {
			failing = append(failing, c)
		}
		for class := range c.failed() {
			classes[class] = true
		}
	}
	if len(failing) == 0 {
		return nil
	}
	order := slices.Sorted(maps.Keys(classes))
	b.rows = len(failing)
	for i, c := range failing {
		rows = append(rows, c.Config.Workload.Name+" · "+who(c.Config)+" · "+level(c.Config.Level))
		from := 0.0
		for n, class := range order {
			if v := float64(c.failed()[class]); v > 0 {
				b.bars = append(b.bars, bar{row: i, from: from, to: from + v, shade: series[n%len(series)], hatch: n >= len(series)})
				from += v
			}
		}
		b.labels = append(b.labels, barLabel{row: i, at: from, text: digits(from)})
		largest = max(largest, from)
		c.errorRows(&t)
	}
	x := linear(largest*1.12, digits)
	x.label = "failed requests, all runs together"
	made := &chart{title: "Errors by class", columns: 1, height: vg.Length(rowsHeight(len(rows), 1))}
	for n, class := range order {
		made.legend = append(made.legend, entry{look: look{shade: series[n%len(series)]}, swatch: true, hatch: n >= len(series), text: class})
	}
	made.panels = []panel{{x: x, y: named(rows), draws: []plot.Plotter{grid{x: true}, b}}}
	return []figure{{
		name: "errors", chart: made, table: t,
		caption: "Requests that got no answer of success, by what they got instead: a number is an HTTP status. They are in no latency but that of all requests, where those that timed out stand with their time so far.",
		says:    fmt.Sprintf("Bar chart of failed requests by class in %d cells. The table below has all values.", len(rows)),
	}}
}

// failed are the failures of all runs by class.
func (c *cell) failed() map[string]int64 {
	all := map[string]int64{}
	for _, r := range c.runs {
		for _, o := range r.Operations {
			for class, n := range o.Errors {
				if n > 0 {
					all[class] += n
				}
			}
		}
	}
	return all
}

func (c *cell) errorRows(t *table) {
	sums, sent := map[[2]string]int64{}, map[string]int64{}
	for _, r := range c.runs {
		for name, o := range r.Operations {
			sent[name] += o.Sent
			for class, n := range o.Errors {
				sums[[2]string{name, class}] += n
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, k := range keys {
		share := float64(sums[k]) / math.Max(float64(sent[k[0]]), 1)
		t.add(word(c.Cell), word(k[0]), word(k[1]), count(sums[k]), count(sent[k[0]]), num(percent(share), raw(share)))
	}
}
