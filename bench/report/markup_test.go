package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	rawText = regexp.MustCompile(`(?s)(<(?:script|style)\b[^>]*>).*?(</(?:script|style)>)`) // whose text is not markup
	void    = regexp.MustCompile(`<((?:meta|link|br|hr|img|input|col)\b[^>]*[^/>])>`)
)

// titled are those that their text names.
var titled = []string{"a", "summary", "th", "h1", "h2", "h3", "h4", "button", "input", "select"}

// An element is one of a page, with those that it is in.
type element struct {
	name  string
	attrs map[string]string
	in    []string // from the outermost to its parent
	first bool     // of its parent's
	text  string   // of those that it names
}

// elements reads a page as strictly as XML is read, which HTML that is written with care can be: every tag has its end, every
// attribute its quotes, and < and & are escaped.
func elements(page string) (all []*element, err error) {
	page = rawText.ReplaceAllString(page, "$1$2")
	page = void.ReplaceAllString(page, "<$1/>")
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	var open []*element
	children := map[*element]int{}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attrs[a.Name.Local]; twice && a.Name.Space == "" {
					return all, fmt.Errorf("<%s> has the attribute %s twice", e.name, a.Name.Local)
				}
				e.attrs[a.Name.Local] = a.Value
			}
			for _, outer := range open {
				e.in = append(e.in, outer.name)
			}
			if len(open) > 0 {
				parent := open[len(open)-1]
				children[parent]++
				e.first = children[parent] == 1
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				if slices.Contains(titled, e.name) {
					e.text += string(token)
				}
			}
		}
	}
}

// parents are those that an element of a name has to be in directly.
var parents = map[string][]string{
	"li": {"ol", "ul"}, "dt": {"dl"}, "dd": {"dl"}, "tr": {"thead", "tbody"}, "td": {"tr"}, "th": {"tr"}, "thead": {"table"}, "tbody": {"table"},
	"figcaption": {"figure"}, "summary": {"details"}, "meta": {"head"}, "title": {"head", "svg", "g", "rect", "path"},
}

// phrasing are those in which no block may stand.
var (
	phrasing = []string{"p", "h1", "h2", "h3", "span", "summary", "a", "pre", "code"}
	blocks   = []string{"p", "div", "table", "ul", "ol", "dl", "section", "figure", "details", "h1", "h2", "h3", "pre"}
)

// markupFaults says what is wrong with a page that a browser would put up with, and a reader with a screen reader might not.
func markupFaults(page string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !strings.HasPrefix(strings.TrimSpace(page), "<!DOCTYPE html>") {
		fault("it does not begin as HTML")
	}
	all, err := elements(page)
	if err != nil {
		fault("it is not well formed: %v", err)
		return faults
	}
	ids, count := map[string]int{}, map[string]int{}
	for _, e := range all {
		count[e.name]++
		if id, has := e.attrs["id"]; has {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 || id == "" || strings.ContainsAny(id, " \t\n") {
			fault("the id %q is there %d times", id, n)
		}
	}
	if count["h1"] != 1 || count["main"] != 1 || count["title"] == 0 {
		fault("it has %d h1, %d main and %d title", count["h1"], count["main"], count["title"])
	}
	level := 0
	for _, e := range all {
		faults = append(faults, e.faults(ids)...)
		if len(e.name) == 2 && e.name[0] == 'h' && e.name[1] >= '1' && e.name[1] <= '6' {
			if now := int(e.name[1] - '0'); now > level+1 {
				fault("%s %q follows h%d", e.name, e.text, level)
			} else {
				level = now
			}
		}
	}
	return faults
}

// faults says what is wrong with an element.
func (e *element) faults(ids map[string]int) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	parent := ""
	if len(e.in) > 0 {
		parent = e.in[len(e.in)-1]
	}
	if want, bound := parents[e.name]; bound && !slices.Contains(want, parent) {
		fault("<%s> is in <%s>", e.name, parent)
	}
	for _, outer := range e.in {
		if slices.Contains(phrasing, outer) && slices.Contains(blocks, e.name) {
			fault("<%s> is within <%s>", e.name, outer)
		}
		if e.name == "a" && outer == "a" {
			fault("a link is within a link")
		}
	}
	labels := strings.Fields(e.attrs["aria-labelledby"])
	labelled := len(labels) > 0 && !slices.ContainsFunc(labels, func(id string) bool { return ids[id] != 1 })
	hasName := e.attrs["aria-label"] != "" || labelled
	switch e.name {
	case "html":
		if e.attrs["lang"] == "" {
			fault("no language is named")
		}
	case "svg":
		if e.attrs["role"] == "img" && !hasName || e.attrs["role"] != "img" && e.attrs["aria-hidden"] != "true" {
			fault("a drawing is neither named nor hidden: %v", e.attrs)
		}
	case "img":
		if _, has := e.attrs["alt"]; !has {
			fault("a picture has no alt")
		}
	case "nav":
		if !hasName {
			fault("the navigation has no name")
		}
	case "th":
		if e.attrs["scope"] == "" {
			fault("the head %q has no scope", e.text)
		}
	case "summary":
		if !e.first || strings.TrimSpace(e.text) == "" {
			fault("the summary %q does not come first", e.text)
		}
	case "a":
		target, inside := strings.CutPrefix(e.attrs["href"], "#")
		if inside && ids[target] != 1 || e.attrs["href"] == "" || strings.TrimSpace(e.text) == "" {
			fault("the link %q leads to %q", e.text, e.attrs["href"])
		}
	case "button", "input", "select":
		if strings.TrimSpace(e.text) == "" && !hasName {
			fault("a %s has no label", e.name)
		}
	}
	return faults
}

func isValid(t *testing.T, page string) {
	t.Helper()
	for _, fault := range markupFaults(page) {
		t.Error(fault)
	}
}

// What looks for faults finds them.
func TestFaultsOfMarkupAreSeen(t *testing.T) {
	const sound = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>t</title><style>a > b { }</style></head><body>` +
		`<nav aria-label="Contents"><ol><li><a href="#x">x</a></li></ol></nav><main><h1>1 &lt; 2</h1><h2 id="x">x</h2><details><summary>s</summary></details>` +
		`<svg role="img" aria-label="a chart"></svg><table><tbody><tr><th scope="row">h</th></tr></tbody></table></main><script>if (1 < 2 && 3) {}</script></body></html>`
	if faults := markupFaults(sound); len(faults) > 0 {
		t.Fatalf("a sound page has faults: %q", faults)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"no end":            {"</h2>", "", "not well formed"},
		"not escaped":       {"1 &lt; 2", "1 < 2", "not well formed"},
		"an open ampersand": {"1 &lt; 2", "1 & 2", "not well formed"},
		"no quotes":         {`scope="row"`, `scope=row`, "not well formed"},
		"an id twice":       {"<h1>", `<h1 id="x">`, `"x" is there 2 times`},
		"a dead link":       {"#x", "#y", `leads to "#y"`},
		"a nameless chart":  {` aria-label="a chart"`, "", "neither named nor hidden"},
		"a bare picture":    {"<h2", `<img src="x"><h2`, "no alt"},
		"no language":       {` lang="en"`, "", "no language"},
		"no scope":          {` scope="row"`, "", "no scope"},
		"a skipped level":   {`<h2 id="x">x</h2>`, `<h3 id="x">x</h3>`, "h3 \"x\" follows h1"},
		"a stray row":       {"<tbody><tr>", "<tr>", "not well formed"},
		"a block in a line": {"x</h2>", "x<div></div></h2>", "<div> is within <h2>"},
		"two heads":         {"<h2 id=\"x\">x</h2>", "<h1 id=\"x\">x</h1>", "2 h1"},
		"a late summary":    {"<details>", "<details><b>b</b>", "does not come first"},
		"no doctype":        {"<!DOCTYPE html>", "", "does not begin"},
	} {
		page := strings.Replace(sound, c.old, c.new, 1)
		if got := strings.Join(markupFaults(page), "; "); page == sound || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
