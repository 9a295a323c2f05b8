package report

import (
	"fmt"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
)

// A shade is a colour of a chart, as #RRGGBB. Charts have no colours but those of the palette, so that a page can give
// each another one in the dark.
type shade string

// RGBA makes it a colour.
func (s shade) RGBA() (r, g, b, a uint32) {
	n, err := strconv.ParseUint(string(s[1:]), 16, 32)
	if err != nil {
		panic("report: colour " + string(s)) // a bug: all are constants
	}
	wide := func(b uint64) uint32 { return uint32(b&0xff) * 0x101 }
	return wide(n >> 16), wide(n >> 8), wide(n), 0xffff
}

// What is not data.
const (
	paper shade = "#FFFFFF"
	ink   shade = "#1F2430" // of titles
	faint shade = "#5A6372" // of axes
	rule  shade = "#E2E6EC" // of grids
	bad   shade = "#B42318"
	calm  shade = "#F1F3F6" // what is not measured: warm-up, drain
	wound shade = "#FBE3D6" // a fault, and how long it lasted
	after shade = "#FDF3EC" // the time to recover from it
)

// series are the colours of Okabe and Ito that stand out from white, in an order in which neighbours differ most also for
// those who see two colours only.
var series = []shade{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#31363F"}

// heat goes from few to many.
var heat = []shade{"#E3EEF6", "#C3DBEC", "#9BC4E0", "#6EA8D0", "#4489BC", "#256AA0", "#124C7D", "#07305A"}

// A tone is a shade by its name in style sheets, and what stands for it in the dark.
type tone struct {
	name        string
	light, dark shade
}

// tones are all of the palette.
func tones() []tone {
	all := []tone{
		{"paper", paper, "#14181F"}, {"text", ink, "#E6EAF0"}, {"faint", faint, "#9AA5B5"}, {"rule", rule, "#2B323D"},
		{"bad", bad, "#FF8A7A"}, {"calm", calm, "#1D232C"}, {"wound", wound, "#4A2A1A"}, {"after", after, "#2E221C"},
	}
	dark := []shade{"#58B0EA", "#F58A47", "#35C79A", "#E3A0C4", "#F2BC4B", "#A3D8FA", "#C9D1DC"}
	for i, s := range series {
		all = append(all, tone{"s" + strconv.Itoa(i), s, dark[i]})
	}
	dark = []shade{"#16283A", "#17395A", "#1B4D7C", "#2766A0", "#3F86C2", "#66A8DC", "#97C9F0", "#D3EAFC"}
	for i, s := range heat {
		all = append(all, tone{"h" + strconv.Itoa(i), s, dark[i]})
	}
	return all
}

// variables are the palette as CSS, of one side.
func variables(side func(tone) shade) string {
	var css strings.Builder
	for _, t := range tones() {
		fmt.Fprintf(&css, "--%s:%s;", t.name, side(t))
	}
	return css.String()
}

// A mark is the form of a point.
type mark int

// The marks.
const (
	disc mark = iota
	triangle
	square
	diamond
	down // a triangle on its head
	cross
	marks // how many there are
)

// A look tells one series from the others thrice: by colour, by the dashes of its line, and by its mark.
type look struct {
	shade  shade
	dash   int // of dashes
	mark   mark
	hollow bool
}

// dashes are those of lines; the first is none.
var dashes = [][]vg.Length{nil, {5, 2.5}, {1.5, 2}, {7, 2, 1.5, 2}}

// A wardrobe gives targets and versions of the API the same look in all charts: colour and mark are the target's, the line
// is the version's; the newest has a solid one and full marks.
type wardrobe struct {
	targets, versions []string // sorted
}

func (w wardrobe) look(target, version string) look {
	l := look{}
	for i, t := range w.targets {
		if t == target {
			l.shade, l.mark = series[i%len(series)], mark(i)%marks
			l.dash = i / len(series)
		}
	}
	if l.shade == "" {
		l.shade = ink
	}
	for i, v := range w.versions {
		if v == version {
			age := len(w.versions) - 1 - i
			l.dash, l.hollow = (l.dash+age)%len(dashes), age > 0
		}
	}
	return l
}
