package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/marconi-mq/marconi/bench/result"
)

// A pair is the same cell in several versions of the API.
type pair struct {
	name     string
	versions []*cell
}

// pairs are the cells of a workload that more than one version has.
func pairs(cells []*cell) (all []pair) {
	at := map[string]int{}
	for _, c := range cells {
		name := fmt.Sprintf("%s · %s", c.Config.Target.Name, level(c.Config.Level))
		if n := pools(c.Config); n > 1 {
			name = fmt.Sprintf("%s, %d pools · %s", c.Config.Target.Name, n, level(c.Config.Level))
		}
		if i, known := at[name]; known {
			all[i].versions = append(all[i].versions, c)
			continue
		}
		at[name] = len(all)
		all = append(all, pair{name: name, versions: []*cell{c}})
	}
	some := all[:0]
	for _, p := range all {
		if len(p.versions) > 1 {
			some = append(some, p)
		}
	}
	return some
}

// sideBySide are the charts of one version of the API beside the other.
func (s *study) sideBySide() (all []figure) {
	for _, w := range s.workloads {
		cells, out := drawn(s.of(w))
		found := pairs(cells)
		if len(found) == 0 {
			continue
		}
		all = append(all, figure{
			name: fileName("versions", w), out: out, chart: s.versionChart(w, found), table: versionTable(found),
			caption: "The same work in each version of the API, at the same times of the same experiment. Left: response times from p50 to p99, medians of runs, with the 95 % interval of the p99 where there are enough runs. Right: how many requests the work took.",
			says:    fmt.Sprintf("Chart of response times and requests a message by version of the API, in %d rows. The table below has all values.", len(found)),
		})
	}
	return all
}

func (s *study) versionChart(workload string, found []pair) *chart {
	var rows []string
	var times []float64
	n, slots := len(found), len(s.wardrobe.versions)
	d, whiskers, b, largest := dots{rows: n}, bars{rows: n}, bars{rows: n}, 0.0
	for i, p := range found {
		rows = append(rows, p.name)
		for _, c := range p.versions {
			at, slot := s.versionLook(c.Config.API)
			for q, name := range []string{"response_p50_ns", "response_p99_ns"} {
				f, known := c.Metrics[name]
				if !known {
					continue
				}
				at.mark = told[q].mark
				times = append(times, f.Value)
				d.dots = append(d.dots, dot{row: i, x: f.Value, look: at, hatched: c.saturated(), slot: slot, slots: slots})
				if q == 1 && f.Low != nil && f.High != nil {
					whiskers.intervals = append(whiskers.intervals, interval{row: i, low: *f.Low, high: *f.High, slot: slot, slots: slots})
					times = append(times, *f.Low, *f.High)
				}
			}
			if f, known := c.Metrics["requests_per_message"]; known {
				b.bars = append(b.bars, bar{row: i, to: f.Value, shade: at.shade, slot: slot, slots: slots})
				largest = max(largest, f.Value)
			}
		}
	}
	made := &chart{title: "Versions of the API: " + workload, columns: 2, height: vg.Length(rowsHeight(n, slots))}
	for _, v := range s.wardrobe.versions {
		at, _ := s.versionLook(v)
		made.legend = append(made.legend, entry{look: at, swatch: true, text: versionName(v)})
	}
	made.legend = append(made.legend, percentileKeys()[:2]...)
	made.panels = []panel{
		{title: "Response time, p50 and p99", x: logarithmic(times, duration), y: named(rows), draws: []plot.Plotter{grid{x: true}, whiskers, d}},
		{title: "Requests a message", x: linear(largest, digits), y: named(rows), draws: []plot.Plotter{grid{x: true}, b}},
	}
	return made
}

// versionLook is that of a version where colours tell versions.
func (s *study) versionLook(api string) (look, int) {
	for i, v := range s.wardrobe.versions {
		if v == api {
			return look{shade: series[(i+2)%len(series)], hollow: i < len(s.wardrobe.versions)-1}, i
		}
	}
	return look{shade: ink}, 0
}

func versionTable(found []pair) table {
	t := table{head: []string{"target", "API", "achieved", "p50", "p99", "p99 from", "to", "requests a message", "bytes a message", "status"}}
	for _, p := range found {
		for _, c := range p.versions {
			p99 := c.Metrics["response_p99_ns"]
			t.add(word(p.name), word(versionName(c.Config.API)), c.metric("achieved_per_s"), c.metric("response_p50_ns"), c.metric("response_p99_ns"),
				bound(p99.Low, "ns"), bound(p99.High, "ns"), c.metric("requests_per_message"), c.bytes(), word(string(c.Status)))
		}
	}
	return t
}

// bytes are those of bodies on the wire for each message, over all runs.
func (c *cell) bytes() field {
	sum, messages := int64(0), int64(0)
	for _, r := range c.runs {
		if r.Status == result.Invalid {
			continue
		}
		for _, o := range r.Operations {
			sum += o.Bytes
		}
		messages += max(r.Messages.Posted, r.Messages.Delivered)
	}
	if messages == 0 {
		return num(none, "")
	}
	v := math.Round(float64(sum) / float64(messages))
	return num(volume(v), raw(v))
}
