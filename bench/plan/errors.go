package plan

import (
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing that is wrong with a plan, and where it stands.
type Error struct {
	File    string
	Line    int // from 1; 0: nowhere in particular
	Column  int // from 1, in characters
	Text    string
	Nearest string // the word that was probably meant, if any
	Excerpt string // the line and a mark below the column, without secrets
}

// Error is a message of a line for the place and what is wrong there, and the excerpt below it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + e.Text)
	if e.Nearest != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Nearest)
	}
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// Errors are all that is wrong with a plan, in the order of its lines. [errors.As] finds the first *Error.
type Errors []*Error

// Error is one message below the other.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap gives each of them.
func (e Errors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, one := range e {
		errs[i] = one
	}
	return errs
}

// maxExcerpt is what fits on a terminal's line; a plan of JSON is often one line.
const maxExcerpt = 120

// excerpt shows a line, or what lies round the column, with a mark below that.
func excerpt(lines []string, at pos) string {
	if at.line < 1 || at.line > len(lines) {
		return ""
	}
	line := []rune(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f { // a tab would move the mark, an escape the terminal
			return ' '
		}
		return r
	}, lines[at.line-1]))
	mark := min(max(at.column, 1), len(line)+1) - 1
	if len(line) > maxExcerpt {
		from := max(0, min(mark-maxExcerpt/2, len(line)-maxExcerpt))
		line, mark = line[from:from+maxExcerpt], mark-from
	}
	head := fmt.Sprintf("%5d | ", at.line)
	return head + string(line) + "\n" + strings.Repeat(" ", len(head)-2) + "| " + strings.Repeat(" ", mark) + "^"
}

// A wordError is a word that is none of those it can be.
type wordError struct {
	text    string
	nearest string
}

func (e *wordError) Error() string {
	if e.nearest == "" {
		return e.text
	}
	return fmt.Sprintf("%s; did you mean %q?", e.text, e.nearest)
}

// unknownWord names the word that was probably meant, or else all of them.
func unknownWord(word, what string, known ...string) error {
	if n := nearest(word, known); n != "" {
		return &wordError{text: fmt.Sprintf("unknown %s %q", what, word), nearest: n}
	}
	return &wordError{text: fmt.Sprintf("unknown %s %q: there are %s", what, word, strings.Join(known, ", "))}
}

// nearest gives the known word that takes the fewest changes, if they are few enough to be slips.
func nearest(word string, known []string) string {
	best, least := "", max(1, min(3, len(word)/2))+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters are to be added, left out, changed or swapped with their neighbour to make b of a.
func distance(a, b string) int {
	const long = 64 // longer words are no slips
	s, t := []rune(a), []rune(b)
	if len(s) > long || len(t) > long {
		return long
	}
	var before []int
	row := make([]int, len(t)+1)
	for j := range row {
		row[j] = j
	}
	for i := range s {
		next := make([]int, len(t)+1)
		next[0] = i + 1
		for j := range t {
			change := 1
			if s[i] == t[j] {
				change = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+change)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(t)]
}

// sorted puts errors into the order of lines, and drops what is said twice.
func sorted(errs Errors) Errors {
	slices.SortStableFunc(errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return slices.CompactFunc(errs, func(a, b *Error) bool { return a.Line == b.Line && a.Column == b.Column && a.Text == b.Text })
}
