package report

import (
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The sizes of text.
const (
	titleSize vg.Length = 12
	panelSize vg.Length = 9.5
	labelSize vg.Length = 9
)

// words is a style of text.
func lettering(size vg.Length, s shade) text.Style {
	return text.Style{Color: s, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}, Handler: plot.DefaultTextHandler, YAlign: draw.YBottom}
}

func bold(t text.Style) text.Style {
	t.Font.Weight = xfont.WeightBold
	return t
}

// An axis says where values lie and how they are told.
type axis struct {
	min, max float64
	log      bool
	ticks    []plot.Tick
	label    string
}

// linear goes from zero to a little more than the largest value.
func linear(largest float64, tell func(float64) string) axis {
	if !(largest > 0) || math.IsInf(largest, 0) {
		largest = 1
	}
	return between(0, largest*1.06, tell)
}

// between goes from one value to another.
func between(from, to float64, tell func(float64) string) axis {
	a := axis{min: from, max: to}
	step := niceStep((to - from) / 5)
	for i := math.Ceil(from / step); i*step <= to*(1+1e-9); i++ {
		v := i * step
		if v == 0 {
			v = 0 // no minus
		}
		a.ticks = append(a.ticks, plot.Tick{Value: v, Label: tell(v)})
	}
	return a
}

// niceStep is the 1, 2 or 5 of a power of ten that is next above.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= least*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

// logarithmic covers values above zero, with ticks at powers of ten, or at 1, 2 and 5 of them if it is short. Without any
// value it is empty.
func logarithmic(values []float64, tell func(float64) string) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if math.IsInf(low, 0) {
		low, high = 1e6, 1e7
	}
	low, high = low/1.15, high*1.15
	fine := []float64{1, 2, 5}
	steps := fine
	if math.Log10(high/low) > 2.2 {
		steps = []float64{1}
	}
	low, high = math.Min(low, roundLog(low*1.15, fine, -1)), math.Max(high, roundLog(high/1.15, fine, 1))
	a := axis{min: low, max: high, log: true}
	for power := math.Floor(math.Log10(low)); power <= math.Ceil(math.Log10(high)); power++ {
		for _, s := range steps {
			if v := s * math.Pow(10, power); v >= low*(1-1e-9) && v <= high*(1+1e-9) {
				a.ticks = append(a.ticks, plot.Tick{Value: v, Label: tell(v)})
			}
		}
	}
	return a
}

// roundLog gives the next step below (direction -1) or above a value.
func roundLog(v float64, steps []float64, direction int) float64 {
	power := math.Floor(math.Log10(v))
	best := math.Pow(10, power+float64((direction+1)/2))
	for _, s := range steps {
		at := s * math.Pow(10, power)
		if direction < 0 && at <= v*(1+1e-9) {
			best = at
		}
		if direction > 0 && at >= v*(1-1e-9) && at < best {
			best = at
		}
	}
	return best
}

// named has a row for each name, the first on top.
func named(names []string) axis {
	a := axis{min: -0.6, max: float64(len(names)) - 0.4}
	for i, name := range names {
		a.ticks = append(a.ticks, plot.Tick{Value: float64(len(names) - 1 - i), Label: name})
	}
	return a
}

// put makes it an axis of a plot.
func (a axis) put(to *plot.Axis) {
	to.Min, to.Max = a.min, a.max
	to.Scale = plot.LinearScale{}
	if a.log {
		to.Scale = plot.LogScale{}
	}
	to.Tick.Marker = plot.ConstantTicks(a.ticks)
	to.Label.Text = a.label
	to.Padding = 0
	to.LineStyle = draw.LineStyle{Color: faint, Width: 0.6}
	to.Tick.LineStyle = draw.LineStyle{Color: faint, Width: 0.6}
	to.Tick.Length = 3
	label := lettering(labelSize, faint)
	label.XAlign, label.YAlign = to.Tick.Label.XAlign, to.Tick.Label.YAlign
	to.Tick.Label = label
	label.XAlign, label.YAlign = draw.XCenter, draw.YBottom
	to.Label.TextStyle = label
	to.Label.Padding = 2
}

// spread thins ticks out until their labels lie apart on an axis of that length.
func (a axis) spread(length vg.Length) axis {
	style := lettering(labelSize, faint)
	for step := 1; step < len(a.ticks); step++ {
		var some []plot.Tick
		for i := 0; i < len(a.ticks); i += step {
			some = append(some, a.ticks[i])
		}
		if a.apart(some, length, style) {
			a.ticks = some
			return a
		}
	}
	return a
}

func (a axis) apart(ticks []plot.Tick, length vg.Length, style text.Style) bool {
	const gap = 6
	var end vg.Length = -1e9
	for _, t := range ticks {
		at := vg.Length(a.share(t.Value)) * length
		half := style.Width(t.Label) / 2
		if at-half < end+gap {
			return false
		}
		end = at + half
	}
	return true
}

// share is how far along the axis a value lies.
func (a axis) share(v float64) float64 {
	if a.log {
		return math.Log(v/a.min) / math.Log(a.max/a.min)
	}
	return (v - a.min) / (a.max - a.min)
}
