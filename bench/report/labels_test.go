package report

import (
	"image"
	"image/color"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// boxes is a canvas that notes where text stands.
type boxes struct {
	width, height vg.Length
	origin        vg.Point
	stack         []vg.Point
	texts         []box
	turned        bool
}

type box struct {
	text string
	vg.Rectangle
}

func (b *boxes) Size() (w, h vg.Length)              { return b.width, b.height }
func (b *boxes) SetLineWidth(vg.Length)              {}
func (b *boxes) SetLineDash([]vg.Length, vg.Length)  {}
func (b *boxes) SetColor(color.Color)                {}
func (b *boxes) Stroke(vg.Path)                      {}
func (b *boxes) Fill(vg.Path)                        {}
func (b *boxes) DrawImage(vg.Rectangle, image.Image) {}
func (b *boxes) Rotate(float64)                      { b.turned = true }
func (b *boxes) Scale(x, y float64)                  { b.turned = b.turned || x != 1 || y != 1 }
func (b *boxes) Translate(by vg.Point)               { b.origin = b.origin.Add(by) }
func (b *boxes) Push()                               { b.stack = append(b.stack, b.origin) }
func (b *boxes) Pop()                                { b.origin, b.stack = b.stack[len(b.stack)-1], b.stack[:len(b.stack)-1] }
func (b *boxes) FillString(f font.Face, at vg.Point, text string) {
	at = at.Add(b.origin)
	e := f.Extents()
	b.texts = append(b.texts, box{text, vg.Rectangle{
		Min: vg.Point{X: at.X, Y: at.Y - e.Descent*0.8}, Max: vg.Point{X: at.X + f.Width(text), Y: at.Y + e.Ascent*0.8}, // what letters take
	}})
}

// faultsOf says which texts of a chart run into each other or out of the drawing.
func faultsOf(c *chart) (all []string) {
	b := &boxes{width: chartWidth, height: c.tall()}
	c.draw(b)
	if b.turned {
		all = append(all, "text is turned or scaled")
	}
	for i, one := range b.texts {
		if one.Min.X < 0 || one.Min.Y < 0 || one.Max.X > b.width || one.Max.Y > b.height {
			all = append(all, one.text+" stands outside")
		}
		for _, other := range b.texts[:i] {
			if one.Min.X < other.Max.X && other.Min.X < one.Max.X && one.Min.Y < other.Max.Y && other.Min.Y < one.Max.Y {
				all = append(all, other.text+" and "+one.text+" overlap")
			}
		}
	}
	return all
}

// labelsLieApart draws all charts of a folder onto a canvas that looks at nothing but their texts.
func labelsLieApart(t *testing.T, dir string) {
	t.Helper()
	s, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	sections, err := s.sections()
	if err != nil {
		t.Fatal(err)
	}
	for _, sec := range sections {
		for _, f := range sec.figures {
			for _, fault := range faultsOf(f.chart) {
				t.Errorf("%s: %s", f.name, fault)
			}
		}
	}
}

// TestOverlapsAreSeen draws what must not pass.
func TestOverlapsAreSeen(t *testing.T) {
	c := &chart{title: "A title that is much longer than the width of any chart, which is what this test is about: it goes on and on and on, and then some more of it, until it is too long", columns: 1, height: 100}
	c.panels = []panel{{x: linear(1, digits), y: named([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"})}}
	if got := faultsOf(c); len(got) < 2 {
		t.Errorf("faults are %v, want a title outside and rows that overlap", got)
	}
}
