package report

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
)

var (
	svgHead   = regexp.MustCompile(`(?s)^.*?<svg width="([0-9.]+)pt" height="([0-9.]+)pt"[^>]*>\n`)
	svgStyle  = regexp.MustCompile(`\s*style="([^"]*)"`)
	svgData   = regexp.MustCompile(` d="[^"]*"`)
	svgNumber = regexp.MustCompile(`-?\d+\.\d+`)
	svgText   = regexp.MustCompile(`(?s)<text( [^>]*font-weight:(\w+);[^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
	svgColour = regexp.MustCompile(`#[0-9A-F]{6}`)
)

// fontFamily stands where the fonts of charts are not installed: it has the same widths.
const fontFamily = "'Liberation Sans',Arial,Helvetica,sans-serif"

// standalone makes a drawing a file that says what it shows.
func standalone(drawing []byte, title, says string) []byte {
	size := svgHead.FindSubmatch(drawing)
	rest := bytes.ReplaceAll(fitted(drawing[len(size[0]):]), []byte("font-family:Liberation Sans;font-variant:normal;"), []byte("font-family:"+fontFamily+";"))
	head := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\" role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n",
		size[1], size[2], size[1], size[2], html.EscapeString(title), html.EscapeString(says))
	return append([]byte(head), rest...)
}

// fitted gives every text the width that it was laid out with: with another font, too, nothing runs into its neighbour.
func fitted(drawing []byte) []byte {
	return svgText.ReplaceAllFunc(drawing, func(element []byte) []byte {
		found := svgText.FindSubmatch(element)
		size, err := strconv.ParseFloat(string(found[3]), 64)
		if err != nil {
			return element
		}
		style := lettering(vg.Length(size), ink)
		if string(found[2]) == "bold" {
			style = bold(style)
		}
		width := style.Width(html.UnescapeString(string(found[4]))).Points()
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s`, width, element[len("<text"):])
	})
}

// A styler gives every style that drawings use a class, so that one style sheet colours them all, by day and by night.
type styler struct {
	classes map[string]string // by style
	css     strings.Builder
}

// class gives the class of a style.
func (s *styler) class(style string) string {
	if known, some := s.classes[style]; some {
		return known
	}
	name := "k" + strconv.Itoa(len(s.classes))
	s.classes[style] = name
	fmt.Fprintf(&s.css, ".%s{%s}", name, svgColour.ReplaceAllStringFunc(withoutFont(style), func(colour string) string {
		return "var(--" + toneOf(shade(colour)) + ")"
	}))
	return name
}

// withoutFont leaves the family of fonts to the page.
func withoutFont(style string) string {
	var kept []string
	for _, p := range strings.Split(style, ";") {
		switch name, value, _ := strings.Cut(p, ":"); {
		case name == "font-family", name == "font-variant", name == "font-style", name == "font-weight" && value == "normal":
		default:
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";")
}

// inline makes a drawing part of a page: with classes for styles, and no more digits than a screen shows.
func (s *styler) inline(drawing []byte, id, title, says string) string {
	size := svgHead.FindSubmatch(drawing)
	rest := svgData.ReplaceAllFunc(fitted(drawing[len(size[0]):]), func(d []byte) []byte { return svgNumber.ReplaceAllFunc(d, shorter) })
	rest = svgStyle.ReplaceAllFunc(rest, func(style []byte) []byte {
		return []byte(` class="` + s.class(string(svgStyle.FindSubmatch(style)[1])) + `"`)
	})
	return fmt.Sprintf(`<svg class="chart" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`+"\n",
		size[1], size[2], id, id, id, html.EscapeString(title), id, html.EscapeString(says)) + string(rest)
}

// shorter cuts a number behind its first digit after the point.
func shorter(number []byte) []byte {
	at := bytes.IndexByte(number, '.')
	return number[:min(at+2, len(number))]
}
