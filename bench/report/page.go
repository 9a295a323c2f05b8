package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

//go:embed page uplot
var files embed.FS

// asset is an embedded file.
func asset(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic("report: " + err.Error()) // it is embedded above
	}
	return string(text)
}

// A page is what the template of report.html shows.
type page struct {
	Plan, When, Where, Generator, License, Policy string

	Headline template.HTML
	Verdict  []template.HTML
	Summary  []groupView
	Sections []sectionView
	Courses  []*zoom

	Style           template.CSS
	Library, Script template.JS
}

type groupView struct {
	Workload string
	Rows     []digestView
}

type digestView struct {
	Who, Carried, At, P50, P99, State, Class string
	Span, Spark                              template.HTML
}

type sectionView struct {
	ID, Title, Short, Lead, Account, Empty string
	Quiet                                  bool // there is nothing in it
	Figures                                []figureView
	Tables                                 []tableView
	Facts                                  []fact
	Code, Source                           string
	Links                                  []string
}

type fact struct{ Name, Value string }

type figureView struct {
	Name, Caption, Out string
	Drawing            template.HTML
	Table              tableView
}

type tableView struct {
	Title, Lead string
	Folded      bool
	Head        []headView
	Rows        [][]fieldView
	Rest        string
}

type headView struct {
	Text    string
	Numeric bool
}

type fieldView struct{ Text, Class, Link string }

// view is a table for the page.
func (t table) view() tableView {
	d := t.digest()
	v := tableView{Head: make([]headView, len(d.head))}
	for i, h := range d.head {
		v.Head[i].Text = h
	}
	for _, r := range d.rows {
		fields := make([]fieldView, len(r))
		for i, f := range r {
			fields[i] = fieldView{Text: f.text, Class: f.class, Link: f.link}
			if f.numeric {
				fields[i].Class = strings.TrimSpace("n " + f.class)
				v.Head[i].Numeric = true
			} else if len(f.text) > 60 {
				fields[i].Class = strings.TrimSpace("long " + f.class)
			}
		}
		v.Rows = append(v.Rows, fields)
	}
	if rest := len(t.rows) - len(d.rows); rest > 0 {
		v.Rest = fmt.Sprintf("… and %s more rows, which stand in the CSV file.", grouped(int64(rest)))
	}
	return v
}

func (t table) titled(title, lead string) tableView {
	v := t.view()
	v.Title, v.Lead = title, lead
	return v
}

// long is how many rows a table has that is folded away.
const long = 20

// foldedIfLong is a table that is shown at once, or when it is asked for if it is long.
func (t table) foldedIfLong(title, lead string) tableView {
	v := t.titled(title, lead)
	if v.Folded = len(t.rows) > long; v.Folded {
		v.Title = fmt.Sprintf("%s: %d rows", title, len(t.rows))
	}
	return v
}

// folded is a table that is shown when it is asked for.
func (t table) folded(title, lead string) tableView {
	v := t.titled(title, lead)
	v.Folded = true
	return v
}

// policy lets the page run its own scripts and load nothing at all.
func policy(scripts ...template.JS) string {
	var hashes strings.Builder
	for _, s := range scripts {
		sum := sha256.Sum256([]byte(s))
		fmt.Fprintf(&hashes, " 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src" + hashes.String()
}

// html makes the page of a study and its drawings.
func (s *study) html(drawings map[string][]byte, sections []section) ([]byte, error) {
	styles := &styler{classes: map[string]string{}}
	p := page{
		Plan: s.experiment.Plan, When: s.experiment.Started.UTC().Format("2 January 2006, 15:04 UTC"), Where: s.where(), Generator: s.environment.Generator,
		License: asset("uplot/LICENSE"), Headline: s.headline().HTML(),
		Library: template.JS(asset("uplot/uPlot.iife.min.js")), Script: template.JS(asset("page/report.js")), //nolint:gosec // our own
	}
	p.Policy = policy(p.Library, p.Script)
	for _, v := range s.verdict() {
		p.Verdict = append(p.Verdict, v.HTML())
	}
	p.Summary = summaryView(s.summary())
	for _, sec := range sections {
		v := sec.view
		for _, f := range sec.figures {
			says := f.chart.title + ". " + f.says
			drawing := template.HTML(styles.inline(drawings[f.name], "fig-"+f.name, f.chart.title, says)) //nolint:gosec // all text in it is escaped
			v.Figures = append(v.Figures, figureView{
				Name: f.name, Caption: f.caption, Out: strings.Join(f.out, ", "), Drawing: drawing, Table: f.table.view(),
			})
			if f.zoom != nil {
				p.Courses = append(p.Courses, f.zoom)
			}
		}
		p.Sections = append(p.Sections, v)
	}
	p.Style = template.CSS(s.style(styles)) //nolint:gosec // our own
	made, err := template.New("report.gohtml").ParseFS(files, "page/report.gohtml")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	var out bytes.Buffer
	if err := made.Execute(&out, p); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return out.Bytes(), nil
}

// style is the sheet of the page: the palette by day and by night, ours, uPlot's, and the classes of the drawings.
func (s *study) style(drawings *styler) string {
	light := variables(func(t tone) shade { return t.light }) + "--link:#0B5CAD;--good:#1A7F4B;--warn:#8A5A00;"
	dark := variables(func(t tone) shade { return t.dark }) + "--link:#7CB8F2;--good:#5CCB92;--warn:#E3B341;"
	return ":root{" + light + "}\n@media (prefers-color-scheme:dark){@media screen{:root{" + dark + "}}}\n" +
		asset("uplot/uPlot.min.css") + "\n" + asset("page/report.css") + drawings.css.String()
}

func summaryView(groups []group) (all []groupView) {
	low, high := rangeOf(groups)
	for _, g := range groups {
		v := groupView{Workload: g.workload}
		for _, d := range g.rows {
			v.Rows = append(v.Rows, digestView{
				Who: d.who, Carried: d.carried, At: d.at, P50: latency(d.p50), P99: latency(d.p99), State: d.state, Class: d.class,
				Span: d.span(low, high), Spark: d.spark(),
			})
		}
		all = append(all, v)
	}
	return slices.DeleteFunc(all, func(g groupView) bool { return len(g.Rows) == 0 })
}

// where is the machine, in a few words.
func (s *study) where() string {
	e := s.environment
	var parts []string
	if e.CPU != "" {
		parts = append(parts, e.CPU)
	}
	if e.Cores > 0 {
		parts = append(parts, fmt.Sprintf("%d cores", e.Cores))
	}
	if e.Memory > 0 {
		parts = append(parts, volume(float64(e.Memory)))
	}
	return strings.Join(parts, ", ")
}
