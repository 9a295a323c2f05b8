package report

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// stroke is the line of a look.
func (l look) stroke() draw.LineStyle {
	return draw.LineStyle{Color: l.shade, Width: 1.4, Dashes: dashes[l.dash]}
}

// hairline is what outlines and hatches are drawn with.
func hairline(s shade) draw.LineStyle { return draw.LineStyle{Color: s, Width: 0.8} }

// markSize is the radius of a mark.
const markSize vg.Length = 3

// outline is the form of a mark round a point.
func (m mark) outline(at vg.Point, r vg.Length) vg.Path {
	corners := map[mark][][2]vg.Length{
		triangle: {{0, 1.25}, {1.1, -0.75}, {-1.1, -0.75}},
		down:     {{0, -1.25}, {1.1, 0.75}, {-1.1, 0.75}},
		square:   {{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}},
		diamond:  {{0, 1.3}, {1.1, 0}, {0, -1.3}, {-1.1, 0}},
		cross: {{-1.2, -0.7}, {-0.7, -1.2}, {0, -0.5}, {0.7, -1.2}, {1.2, -0.7}, {0.5, 0}, {1.2, 0.7}, {0.7, 1.2}, {0, 0.5}, {-0.7, 1.2},
			{-1.2, 0.7}, {-0.5, 0}},
	}[m]
	var p vg.Path
	if corners == nil {
		p.Move(vg.Point{X: at.X + r, Y: at.Y})
		p.Arc(at, r, 0, 2*math.Pi)
	}
	for i, c := range corners {
		to := vg.Point{X: at.X + c[0]*r, Y: at.Y + c[1]*r}
		if i == 0 {
			p.Move(to)
		} else {
			p.Line(to)
		}
	}
	p.Close()
	return p
}

// drawMark draws a point of a series; hatched: of what was saturated.
func drawMark(on draw.Canvas, at vg.Point, l look, hatched bool) {
	r := markSize
	if hatched {
		r *= 1.5
	}
	form := l.mark.outline(at, r)
	on.SetColor(l.shade)
	if l.hollow || hatched {
		on.SetColor(paper)
	}
	on.Fill(form)
	on.SetLineStyle(draw.LineStyle{Color: l.shade, Width: 1.2})
	on.Stroke(form)
	if hatched {
		for _, d := range []vg.Length{-r * 0.55, 0, r * 0.55} {
			on.StrokeLine2(hairline(l.shade), at.X+d-r*0.5, at.Y-r*0.5, at.X+d+r*0.5, at.Y+r*0.5)
		}
	}
}

// A point of a series.
type point struct {
	x, y    float64 // y not a number: a gap
	hatched bool    // saturated
}

// A line draws a series.
type line struct {
	look   look
	points []point
	bare   bool // without marks, but where a point stands alone
}

// Plot draws it.
func (l line) Plot(on draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&on)
	var run []vg.Point
	flush := func() {
		if len(run) > 1 {
			on.StrokeLines(l.look.stroke(), on.ClipLinesXY(run)...)
		}
		if l.bare && len(run) == 1 {
			drawMark(on, run[0], l.look, false)
		}
		run = nil
	}
	for _, pt := range l.points {
		if math.IsNaN(pt.y) {
			flush()
			continue
		}
		run = append(run, vg.Point{X: toX(pt.x), Y: toY(pt.y)})
	}
	flush()
	for _, pt := range l.points {
		if !l.bare && !math.IsNaN(pt.y) {
			drawMark(on, vg.Point{X: toX(pt.x), Y: toY(pt.y)}, l.look, pt.hatched)
		}
	}
}

// A grid draws lines at the ticks, across those of y and, if it says so, of x.
type grid struct{ x, y bool }

// Plot draws it.
func (g grid) Plot(on draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&on)
	style := draw.LineStyle{Color: rule, Width: 0.6}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if g.y && t.Value >= p.Y.Min && t.Value <= p.Y.Max {
			on.StrokeLine2(style, on.Min.X, toY(t.Value), on.Max.X, toY(t.Value))
		}
	}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if g.x && t.Value >= p.X.Min && t.Value <= p.X.Max {
			on.StrokeLine2(style, toX(t.Value), on.Min.Y, toX(t.Value), on.Max.Y)
		}
	}
}

// A band tints a stretch of x, with a word at its top.
type band struct {
	from, to float64
	shade    shade
	edge     bool   // a line where it begins
	text     string // is left out where there is no room
}

// Plot draws it.
func (b band) Plot(on draw.Canvas, p *plot.Plot) {
	toX, _ := p.Transforms(&on)
	from, to := max(b.from, p.X.Min), min(b.to, p.X.Max)
	if from > to {
		return
	}
	box := vg.Rectangle{Min: vg.Point{X: toX(from), Y: on.Min.Y}, Max: vg.Point{X: toX(to), Y: on.Max.Y}}
	on.SetColor(b.shade)
	on.Fill(box.Path())
	if b.edge {
		on.StrokeLine2(hairline(bad), box.Min.X, box.Min.Y, box.Min.X, box.Max.Y)
	}
	style := lettering(labelSize-1, faint)
	if b.edge {
		style.Color = bad
	}
	if b.text != "" && (b.edge || style.Width(b.text)+6 < box.Size().X) {
		on.FillText(style, vg.Point{X: box.Min.X + 3, Y: on.Max.Y - labelSize}, b.text)
	}
}

// fillBar fills a box, or hatches it.
func fillBar(on draw.Canvas, box vg.Rectangle, s shade, hatch bool) {
	if !hatch {
		on.SetColor(s)
		on.Fill(box.Path())
		return
	}
	on.SetColor(paper)
	on.Fill(box.Path())
	on.SetLineStyle(hairline(s))
	on.Stroke(box.Path())
	const step = 4
	height := box.Size().Y
	var strokes vg.Path
	for x := box.Min.X - height; x < box.Max.X; x += step {
		from, to := max(x, box.Min.X), min(x+height, box.Max.X)
		strokes.Move(vg.Point{X: from, Y: box.Min.Y + from - x})
		strokes.Line(vg.Point{X: to, Y: box.Min.Y + to - x})
	}
	on.Stroke(strokes)
}

// A bar lies in a row of a chart.
type bar struct {
	row      int // from the top
	from, to float64
	shade    shade
	hatch    bool
	slot     int // which of the slots of its row, from the top
	slots    int // 0: one
}

// bars draws bars, the interval of each that has one, and what is said at their ends.
type bars struct {
	rows      int
	bars      []bar
	intervals []interval
	labels    []barLabel
}

// An interval lies round the end of a bar, or round a point.
type interval struct {
	row         int
	low, high   float64
	slot, slots int
}

// A barLabel is said behind a bar.
type barLabel struct {
	row  int
	at   float64
	text string
}

// place is where the middle of a slot of a row lies, and how high it is.
func place(toY func(float64) vg.Length, rows, row, slot, slots int) (middle, height vg.Length) {
	slots = max(slots, 1)
	const filled = 0.66
	y := float64(rows - 1 - row)
	room := (toY(y+filled/2) - toY(y-filled/2)) / vg.Length(slots)
	return toY(y+filled/2) - room*(vg.Length(slot)+0.5), room
}

// Plot draws them.
func (b bars) Plot(on draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&on)
	for _, r := range b.bars {
		middle, height := place(toY, b.rows, r.row, r.slot, r.slots)
		box := vg.Rectangle{Min: vg.Point{X: toX(r.from), Y: middle - height*0.46}, Max: vg.Point{X: toX(r.to), Y: middle + height*0.46}}
		fillBar(on, box, r.shade, r.hatch)
	}
	for _, i := range b.intervals {
		middle, height := place(toY, b.rows, i.row, i.slot, i.slots)
		style, cap := draw.LineStyle{Color: ink, Width: 1}, height*0.2
		low, high := toX(max(i.low, p.X.Min)), toX(min(i.high, p.X.Max))
		on.StrokeLine2(style, low, middle, high, middle)
		on.StrokeLine2(style, low, middle-cap, low, middle+cap)
		on.StrokeLine2(style, high, middle-cap, high, middle+cap)
	}
	for _, l := range b.labels {
		middle, _ := place(toY, b.rows, l.row, 0, 1)
		style := lettering(labelSize, ink)
		style.YAlign = draw.YCenter
		on.FillText(style, vg.Point{X: toX(l.at) + 5, Y: middle}, l.text)
	}
}

// A dot is a point in a row.
type dot struct {
	row     int
	x       float64
	look    look
	hatched bool
	slot    int
	slots   int
}

// dots draws points, those of a row and slot joined by a line.
type dots struct {
	rows int
	dots []dot
}

// Plot draws them.
func (d dots) Plot(on draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&on)
	for i, one := range d.dots {
		if i == 0 || d.dots[i-1].row != one.row || d.dots[i-1].slot != one.slot {
			continue
		}
		middle, _ := place(toY, d.rows, one.row, one.slot, one.slots)
		on.StrokeLine2(draw.LineStyle{Color: one.look.shade, Width: 1}, toX(d.dots[i-1].x), middle, toX(one.x), middle)
	}
	for _, one := range d.dots {
		middle, _ := place(toY, d.rows, one.row, one.slot, one.slots)
		drawMark(on, vg.Point{X: toX(one.x), Y: middle}, one.look, one.hatched)
	}
}
