package apiscript

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Row is a test that some script has to cover: the section of the list and its name there.
type Row struct{ Section, Name string }

// A RowList is the tests that have to be covered.
type RowList struct {
	Rows     []Row
	versions map[string][]string // by section
}

// ParseRows reads a list of rows: sections, each a line "14.3 v1" with the versions it is about, and below it its rows,
// indented. A row whose name holds ×5 has five data sets and wants five requests.
func ParseRows(text []byte) (*RowList, error) {
	l := &RowList{versions: map[string][]string{}}
	section := ""
	for _, line := range contentLines(text) {
		name, isRow := cutIndent(line)
		switch {
		case !isRow:
			words := strings.Fields(line)
			if len(words) < 2 {
				return nil, fmt.Errorf("a section is a number and versions: %q", line)
			}
			section, l.versions[words[0]] = words[0], words[1:]
		case section == "":
			return nil, fmt.Errorf("a row stands in no section: %q", line)
		case slices.Contains(l.Rows, Row{section, name}):
			return nil, fmt.Errorf("a row is there twice: %s %s", section, name)
		default:
			l.Rows = append(l.Rows, Row{section, name})
		}
	}
	return l, nil
}

// ParseLater reads the rows that are not to be covered yet: lines of a reason, a section and a name.
func ParseLater(text []byte) (map[Row]string, error) {
	later := map[Row]string{}
	for _, line := range contentLines(text) {
		words, err := splitWords(line, 2, true)
		if err != nil || len(words) != 3 || words[2] == "" {
			return nil, fmt.Errorf("a row for later is a reason, a section and a name: %q", line)
		}
		later[Row{words[1], words[2]}] = words[0]
	}
	return later, nil
}

// contentLines are the lines that say something.
func contentLines(text []byte) []string {
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line := strings.TrimRight(s.Text(), " \t\r")
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func cutIndent(line string) (string, bool) {
	name := strings.TrimLeft(line, " \t")
	return name, name != line
}

var times = regexp.MustCompile(`×([0-9]+)`)

// wants is how many requests a row takes at least: one for each data set.
func (r Row) wants() int {
	n := 0
	for _, m := range times.FindAllStringSubmatch(r.Name, -1) {
		if k, err := strconv.Atoi(m[1]); err == nil {
			n += k
		}
	}
	return max(n, 1)
}

// Coverage says in words what is wrong between the list, the rows left for later and the scripts: a row that no script
// covers with enough requests in a version of its section, a row for later that is covered after all, a name that is not
// in the list.
func (l *RowList) Coverage(scripts []*Script, later map[Row]string) []string {
	covered := l.count(scripts)
	var wrong []string
	for _, row := range l.Rows {
		reason, isLater := later[row]
		got, want := covered[row], row.wants()
		switch {
		case isLater && got > 0:
			wrong = append(wrong, fmt.Sprintf("%s %s: covered after all, and still listed for later (%s)", row.Section, row.Name, reason))
		case !isLater && got == 0:
			wrong = append(wrong, fmt.Sprintf("%s %s: no script covers this row", row.Section, row.Name))
		case !isLater && got < want:
			wrong = append(wrong, fmt.Sprintf("%s %s: %d requests where at least %d are wanted", row.Section, row.Name, got, want))
		}
		delete(covered, row)
	}
	for row := range covered {
		wrong = append(wrong, fmt.Sprintf("%s %s: a script names this row, which is not in the list", row.Section, row.Name))
	}
	for row, reason := range later {
		if !slices.Contains(l.Rows, row) {
			wrong = append(wrong, fmt.Sprintf("%s %s: listed for later (%s), but not in the list", row.Section, row.Name, reason))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// count sums the requests that scripts make under each row, in the versions of the row's section.
func (l *RowList) count(scripts []*Script) map[Row]int {
	sum := map[Row]int{}
	for _, s := range scripts {
		for _, version := range s.Versions {
			c := counter{version: version, factor: 1, sum: map[Row]int{}}
			c.steps(s.steps)
			for row, n := range c.sum {
				known := slices.Contains(l.Rows, row)
				if !known || slices.Contains(l.versions[row.Section], version) {
					sum[row] += n
				}
			}
		}
	}
	return sum
}

// A counter walks a script as a run would, without sending. Rows named one after the other share what follows.
type counter struct {
	version string
	open    []Row // the rows that requests count for
	fed     bool  // a step came since the last row
	factor  int   // how often the loops round this step go round
	sum     map[Row]int
}

func (c *counter) steps(steps []step) {
	for _, s := range steps {
		if !s.holds(c.version) {
			continue
		}
		if s.verb == "row" {
			c.row(Row{s.args[0], s.args[1]})
			continue
		}
		c.fed = true
		for _, row := range c.open {
			c.sum[row] += s.requests * c.factor
		}
		rounds := s.rounds()
		c.factor *= rounds
		c.steps(s.block)
		c.factor /= rounds
	}
}

func (c *counter) row(row Row) {
	if c.fed {
		c.open, c.fed = nil, false
	}
	c.open = append(c.open, row)
	c.sum[row] += 0
}

// rounds is how often a loop goes round, as far as the script shows it.
func (s step) rounds() int {
	switch s.verb {
	case "for":
		in := slices.Index(s.args, "in")
		return max((len(s.args)-in-1)/max(in, 1), 1)
	case "repeat":
		n, err := strconv.Atoi(s.args[0])
		if err == nil && n > 0 {
			return n
		}
	}
	return 1
}
