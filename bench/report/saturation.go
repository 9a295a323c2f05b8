package report

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// saturations is the chart of the highest rates that were carried; nil without a sweep.
func (s *study) saturations() []figure {
	if len(s.sweeps) == 0 {
		return nil
	}
	b, rows, largest := bars{rows: len(s.sweeps)}, []string{}, 0.0
	t := table{head: []string{"workload", "target", "saturation", "from", "to", "knee", "levels", "why not more"}}
	for i, found := range s.sweeps {
		config, highest := s.configOf(found), found.Saturation
		rows = append(rows, found.Workload+" · "+who(config))
		b.bars = append(b.bars, bar{row: i, to: highest.Value, shade: s.look(config).shade})
		end, low, high := highest.Value, num(none, ""), num(none, "")
		if highest.Low != nil && highest.High != nil {
			b.intervals = append(b.intervals, interval{row: i, low: *highest.Low, high: *highest.High})
			end = max(end, *highest.High)
			low, high = num(perSecond(*highest.Low), raw(*highest.Low)), num(perSecond(*highest.High), raw(*highest.High))
		}
		largest = max(largest, end)
		b.labels = append(b.labels, barLabel{row: i, at: end, text: found.says()})
		knee := num(none, "")
		if found.Knee != nil {
			knee = num(perSecond(found.Knee.Value), raw(found.Knee.Value))
		}
		t.add(word(found.Workload), word(who(config)), num(found.says(), raw(highest.Value)), low, high, knee, count(int64(len(found.Levels))), word(found.why()))
	}
	x := linear(largest*1.12, digits) // room for what is said behind the bars
	x.label = "operations/s of the driving flow"
	return []figure{{
		name: "saturation", table: t,
		chart: &chart{
			title: "Highest rate that was carried", columns: 1, height: vg.Length(rowsHeight(len(rows), 1)),
			panels: []panel{{x: x, y: named(rows), draws: []plot.Plotter{grid{x: true}, b}}},
		},
		caption: "A level is carried if in the median run at least 99 % of it was achieved, at most 0.1 % failed, the backlog did not grow, the p99 kept its bound and the ledger was clean. Whiskers are 95 % intervals, by bootstrap over repeats; there are none with fewer than three. ≥: the highest level tried was carried, too, or this machine could make no more.",
		says:    fmt.Sprintf("Bar chart of the saturation point of %d sweeps. The table below has all values.", len(rows)),
	}}
}

// says is the point of saturation in words.
func (s *sweep) says() string {
	switch {
	case s.Saturation.Value == 0:
		return "none carried"
	case s.AtLeast():
		return "≥" + blank + perSecond(s.Saturation.Value)
	}
	return perSecond(s.Saturation.Value)
}

// why is what stood against the lowest level that was not carried.
func (s *sweep) why() string {
	for _, l := range s.Levels {
		if !l.Carried && len(l.Why) > 0 {
			return "at " + perSecond(l.Rate) + ": " + l.Why[0]
		}
	}
	return ""
}
