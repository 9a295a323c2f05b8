package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
)

// A figure is a chart with all that makes it readable without eyes for it: words, a table, a file of numbers.
type figure struct {
	name    string // of its files
	chart   *chart
	caption string // how it is read
	says    string // the text alternative
	table   table
	out     []string // cells that are not drawn, with the reason
	zoom    *zoom    // nil: it has no other form
}

// A table is what a chart shows, in numbers.
type table struct {
	head []string
	rows [][]field
	wide bool // numbers by the second: the page has a digest of them, the file all
}

// A field of a table.
type field struct {
	text    string
	raw     string // as programs read it; empty: as text
	numeric bool
	class   string // of its style
	link    string
}

// word is a field with a word in it.
func word(s string) field { return field{text: s} }

// num is one with a number.
func num(text, raw string) field { return field{text: text, raw: raw, numeric: true} }

func count(n int64) field { return num(grouped(n), rawInt(n)) }

func percentile(ns *int64) field { return num(latency(ns), rawNS(ns)) }

func span(ns int64) field { return num(duration(float64(ns)), rawInt(ns)) }

func (t *table) add(fields ...field) { t.rows = append(t.rows, fields) }

// digest is the table as the page shows it.
func (t table) digest() table {
	const most = 400
	if len(t.rows) <= most {
		return t
	}
	t.rows = t.rows[:most]
	return t
}

// csv is the table as a file.
func (t table) csv() ([]byte, error) {
	var out bytes.Buffer
	lines := [][]string{t.head}
	for _, r := range t.rows {
		fields := make([]string, len(r))
		for i, f := range r {
			if fields[i] = f.raw; f.raw == "" && f.text != none {
				fields[i] = f.text
			}
		}
		lines = append(lines, fields)
	}
	if err := csv.NewWriter(&out).WriteAll(lines); err != nil {
		return nil, fmt.Errorf("table: %w", err)
	}
	return out.Bytes(), nil
}

// fileName makes a name of a file out of words.
func fileName(parts ...string) string {
	clean := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}
	return strings.Map(clean, strings.Join(parts, "-"))
}

// keys are the entries of a legend for the series of cells.
func (s *study) keys(cells []*cell, line bool) (all []entry) {
	for _, l := range lines(cells) {
		all = append(all, entry{look: s.look(l[0].Config), line: line, text: who(l[0].Config)})
	}
	return all
}

// names are the rows of cells: what they are of, and their level if there are several.
func names(cells []*cell) []string {
	several := len(levels(cells)) > 1
	all := make([]string, len(cells))
	for i, c := range cells {
		if all[i] = who(c.Config); several {
			all[i] += " · " + level(c.Config.Level)
		}
	}
	return all
}

// rowsHeight is that of a panel with so many rows.
func rowsHeight(rows, slots int) float64 { return 34 + float64(rows)*(8+9*float64(slots)) }
