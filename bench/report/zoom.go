package report

import "math"

// A zoom is a time line as the script draws it.
type zoom struct {
	Name   string      `json:"name"`
	Panels []zoomPanel `json:"panels"`
	Bands  []zoomBand  `json:"bands"`
}

type zoomPanel struct {
	Title  string       `json:"title"`
	Unit   string       `json:"unit"` // as values are told: duration, bytes, rate, number
	Log    bool         `json:"log"`
	X      []float64    `json:"x"`
	Series []zoomSeries `json:"series"`
}

type zoomSeries struct {
	Label string     `json:"label"`
	Tone  string     `json:"tone"`
	Dash  []float64  `json:"dash"`
	Y     []*float64 `json:"y"`
}

type zoomBand struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Tone string  `json:"tone"`
}

func (s *study) zoomOf(name string, cells []*cell) *zoom {
	z := &zoom{Name: name, Bands: []zoomBand{}}
	for _, tr := range tracksOf(cells) {
		p := zoomPanel{Title: tr.title, Unit: tr.unit, Log: tr.log}
		at := map[float64]int{}
		for _, c := range cells {
			for _, sm := range c.course.metrics[tr.metric] {
				at[sm.t] = 0
			}
		}
		p.X = sortedKeys(at)
		for i, t := range p.X {
			at[t] = i
		}
		for _, c := range cells {
			p.Series = append(p.Series, s.zoomSeries(c, tr.metric, at))
		}
		if len(p.X) > 0 {
			z.Panels = append(z.Panels, p)
		}
	}
	for _, drawn := range bandsOf(cells[0].course) {
		if b := drawn.(band); b.to > b.from {
			z.Bands = append(z.Bands, zoomBand{From: b.from, To: b.to, Tone: toneOf(b.shade)})
		}
	}
	return z
}

func (s *study) zoomSeries(c *cell, metric string, at map[float64]int) zoomSeries {
	l := s.look(c.Config)
	one := zoomSeries{Label: who(c.Config), Tone: toneOf(l.shade), Dash: []float64{}, Y: make([]*float64, len(at))}
	for _, d := range dashes[l.dash] {
		one.Dash = append(one.Dash, float64(d))
	}
	for _, sm := range c.course.metrics[metric] {
		v := sm.v
		if rounded := math.Round(v*1000) / 1000; math.Abs(v) > 1 {
			v = rounded // what no screen shows takes no room
		}
		one.Y[at[sm.t]] = &v
	}
	return one
}

// toneOf is the name of a shade in style sheets.
func toneOf(s shade) string {
	for _, t := range tones() {
		if t.light == s {
			return t.name
		}
	}
	return "ink"
}
