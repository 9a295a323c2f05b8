package report

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

var update = flag.Bool("update", false, "write the golden files")

// goldenCharts use all that charts are made of, on fixed numbers.
func goldenCharts() map[string]*chart {
	w := wardrobe{targets: []string{"memory", "redis"}, versions: []string{"1", "1.1"}}
	a, b := w.look("memory", "1.1"), w.look("redis", "1")
	lines := &chart{
		title: "Lines, bands and gaps", columns: 2, height: 130,
		legend: []entry{{look: a, line: true, text: "memory"}, {look: b, line: true, text: "redis"}, {look: look{shade: faint}, hatch: true, text: "not carried"}},
	}
	ms := []float64{1e6, 2e6, 4e6, 300e6}
	points := func(by float64) (all []point) {
		for i, v := range ms {
			all = append(all, point{x: float64(100 * (i + 1)), y: v * by, hatched: i == 3})
		}
		return append(all, point{x: 450, y: math.NaN()}, point{x: 470, y: 3e6})
	}
	x := between(0, 500, digits)
	x.label = "offered rate"
	lines.panels = []panel{
		{title: "p50", x: x, y: logarithmic(append(ms, 0.7e6), duration), draws: []plot.Plotter{grid{y: true}, line{look: a, points: points(1)}, line{look: b, points: points(0.7)}}},
		{title: "with a fault", x: x, y: logarithmic(append(ms, 0.7e6), duration), draws: []plot.Plotter{
			band{from: 0, to: 100, shade: calm}, band{from: 200, to: 350, shade: after}, band{from: 200, to: 250, shade: wound, edge: true, text: "kill"},
			grid{x: true, y: true}, line{look: b, points: points(1), bare: true},
		}},
	}
	rows := named([]string{"memory · v1.1", "redis · v1.0"})
	low, high := 700.0, 1100.0
	bar1 := bars{
		rows: 2, bars: []bar{{row: 0, to: 900, shade: series[0]}, {row: 1, to: 400, shade: series[1], hatch: true}}, intervals: []interval{{row: 0, low: low, high: high}},
		labels: []barLabel{{row: 0, at: high, text: perSecond(900)}},
	}
	dot1 := dots{rows: 2, dots: []dot{{row: 0, x: 1e6, look: a}, {row: 0, x: 5e6, look: a}, {row: 1, x: 2e6, look: b, hatched: true, slot: 1, slots: 2}}}
	inRows := &chart{title: "Bars and dots", columns: 2, height: 80, legend: percentileKeys(), panels: []panel{
		{x: linear(1300, digits), y: rows, draws: []plot.Plotter{grid{x: true}, bar1}},
		{x: logarithmic([]float64{1e6, 5e6}, duration), y: rows, draws: []plot.Plotter{grid{x: true}, dot1}},
	}}
	h := &heatMap{step: 1, counts: map[int]map[int]int64{0: {48: 1000, 50: 30, 56: 1}, 1: {48: 500, 49: 500}, 2: {64: 1}}}
	warm := &chart{title: "A heat map", columns: 1, height: 110, legend: heatKeys(), panels: []panel{
		{x: between(0, 3, digits), y: logarithmic([]float64{bandStart(48), bandStart(65)}, duration), draws: []plot.Plotter{grid{y: true}, h}},
	}}
	return map[string]*chart{"lines": lines, "rows": inRows, "heat": warm}
}

func TestGoldenCharts(t *testing.T) {
	for name, c := range goldenCharts() {
		t.Run(name, func(t *testing.T) {
			if faults := faultsOf(c); len(faults) > 0 {
				t.Error(faults)
			}
			drawing := standalone(c.svg(), c.title, c.title+" & what it <says>.")
			if again := standalone(c.svg(), c.title, c.title+" & what it <says>."); !bytes.Equal(again, drawing) {
				t.Error("drawn again it is another drawing")
			}
			picture, err := c.png()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".svg", drawing, func(got, want []byte) bool { return bytes.Equal(got, want) })
			golden(t, name+".png", picture, func(got, want []byte) bool { return sameLook(t, got, want) })
		})
	}
}

func golden(t *testing.T, name string, got []byte, same func(got, want []byte) bool) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !same(got, want) {
		t.Errorf("%s is not drawn as it was; -update writes it anew", name)
	}
}

// sameLook compares decoded pixels. Another processor rounds otherwise in the last digit, which a thousandth of them may show.
func sameLook(t *testing.T, got, want []byte) bool {
	t.Helper()
	a, b := decoded(t, got), decoded(t, want)
	if a.Bounds() != b.Bounds() {
		return false
	}
	other := 0
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			if a.At(x, y) != b.At(x, y) {
				other++
			}
		}
	}
	return other*1000 <= a.Bounds().Dx()*a.Bounds().Dy()
}

func decoded(t *testing.T, data []byte) image.Image {
	t.Helper()
	i, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestPixelsAreCompared changes a picture a little, and it is another one.
func TestPixelsAreCompared(t *testing.T) {
	c := goldenCharts()["rows"]
	before, err := c.png()
	if err != nil {
		t.Fatal(err)
	}
	c.title = "Another title"
	after, err := c.png()
	if err != nil {
		t.Fatal(err)
	}
	if sameLook(t, before, after) {
		t.Error("another title looks the same")
	}
}

// TestInlineHasNoColours: in a page every colour is one of the palette by its name.
func TestInlineHasNoColours(t *testing.T) {
	s := &styler{classes: map[string]string{}}
	for name, c := range goldenCharts() {
		drawing := s.inline(c.svg(), name, c.title, "says")
		if svgColour.MatchString(drawing) || strings.Contains(drawing, "style=") || strings.Contains(drawing, "xmlns") {
			t.Errorf("%s has styles of its own", name)
		}
	}
	if css := s.css.String(); svgColour.MatchString(css) || !strings.Contains(css, "var(--s0)") {
		t.Errorf("the style sheet is %s", css)
	}
}

// TestSeriesDifferWithoutColours: any two series differ in their marks or their lines.
func TestSeriesDifferWithoutColours(t *testing.T) {
	w := wardrobe{targets: []string{"a", "b", "c", "d", "e", "f"}, versions: []string{"1", "1.1", "2"}}
	seen := map[look]string{}
	for _, target := range w.targets {
		for _, version := range w.versions {
			l := w.look(target, version)
			l.shade = ""
			if other, twice := seen[l]; twice {
				t.Errorf("%s %s looks like %s", target, version, other)
			}
			seen[l] = target + " " + version
		}
	}
}

// TestPaletteHasNames: no two shades are the same, and each has its night side.
func TestPaletteHasNames(t *testing.T) {
	seen := map[shade]bool{}
	for _, tone := range tones() {
		if seen[tone.light] || tone.light == tone.dark && tone.name != "paper" {
			t.Errorf("%s is not told apart", tone.name)
		}
		seen[tone.light] = true
	}
}
