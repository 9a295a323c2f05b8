package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// read is a file's settings and errors, a line each.
func read(content string) []string {
	settings, errs := readINI("f", content)
	var lines []string
	for _, s := range settings {
		lines = append(lines, fmt.Sprintf("%d %s.%s=%q", s.at.Line, s.key.group, s.key.name, s.text))
	}
	for _, e := range errs {
		lines = append(lines, e.Error())
	}
	return lines
}

// What oslo.config 9.0 makes of a file, and we as well.
func TestReadINI(t *testing.T) {
	const (
		noGroup      = ": no group has begun yet, such as [DEFAULT]"
		continuation = ": the line begins with a blank, so it goes on with a value, but there is none above it"
	)
	tests := []struct {
		name, content string
		want          []string
	}{
		{"equals sign", "[DEFAULT]\na = 1\n", []string{`2 DEFAULT.a="1"`}},
		{"colon", "[DEFAULT]\na: 1\n", []string{`2 DEFAULT.a="1"`}},
		{"the first of both divides", "[g]\na = x:y\nb:x=y\n", []string{`2 g.a="x:y"`, `3 g.b="x=y"`}},
		{"no blanks, many blanks", "[g]\na=1\nb   =\t 1 \t\n", []string{`2 g.a="1"`, `3 g.b="1"`}},
		{"no value", "[g]\na =\n", []string{`2 g.a=""`}},
		{"last line without an end", "[g]\na = 1", []string{`2 g.a="1"`}},
		{"comments have lines to themselves", "# c\n[g]\n; d = 1\na = x # c ; d\n", []string{`4 g.a="x # c ; d"`}},
		{"an indented comment is no comment", "[g]\na = 1\n  # e\n", []string{`2 g.a="1\n# e"`}},
		{"a value goes on", "[g]\na = 1\n  b\n\tc = 2\n", []string{`2 g.a="1\nb\nc = 2"`}},
		{"a value begins below", "[g]\na =\n  b\n  c\n", []string{`2 g.a="\nb\nc"`}},
		{"a blank line ends a value", "[g]\na = 1\n\n  b\n", []string{`2 g.a="1"`, "f:4" + continuation}},
		{"so does a line of blanks", "[g]\na = 1\n   \n  b\n", []string{`2 g.a="1"`, "f:4" + continuation}},
		{"so does a comment", "[g]\na = 1\n# c\n  b\n", []string{`2 g.a="1"`, "f:4" + continuation}},
		{"an indented group goes on with a value", "[g]\na = 1\n [h]\nb = 2\n", []string{`2 g.a="1\n[h]"`, `4 g.b="2"`}},
		{"an indented assignment without a value above", "[g]\n a = 1\n", []string{"f:2" + continuation}},
		{"no backslash joins lines", "[g]\na = 1\\\nb = 2\n", []string{`2 g.a="1\\"`, `3 g.b="2"`}},
		{"quotes round the value", "[g]\na = \"x y \"\nb = 'x'\nc = ''\n", []string{`2 g.a="x y "`, `3 g.b="x"`, `4 g.c=""`}},
		{"quotes that differ or stand alone", "[g]\na = \"x\nb = 'x\"\nc = \"\n", []string{`2 g.a="\"x"`, `3 g.b="'x\""`, `4 g.c=""`}},
		{"quotes round several words", "[g]\na = \"x\" \"y\"\n", []string{`2 g.a="x\" \"y"`}},
		{"quotes on the first line only", "[g]\na = \"x\"\n  \"y\"\n", []string{`2 g.a="x\n\"y\""`}},
		{"backticks are no quotes", "[g]\na = `x`\n", []string{"2 g.a=\"`x`\""}},
		{"a key twice", "[g]\na = 1\na = 2\n", []string{`2 g.a="1"`, `3 g.a="2"`}},
		{"a group twice", "[g]\na = 1\n[h]\nb = 2\n[g]\na = 3\n", []string{`2 g.a="1"`, `4 h.b="2"`, `6 g.a="3"`}},
		{"groups with colons", "[drivers:transport:wsgi]\nport = 1\n", []string{`2 drivers:transport:wsgi.port="1"`}},
		{"the last bracket ends a group", "[x]y]\na=1\n[ a b ]\nc=2\n", []string{`2 x]y.a="1"`, `4  a b .c="2"`}},
		{"case", "[Drivers:X]\nURI = 1\n[Default]\na = 2\n", []string{`2 drivers:x.uri="1"`, `4 DEFAULT.a="2"`}},
		{"hyphens in names", "[g]\nexternal-port = 1\n", []string{`2 g.external_port="1"`}},
		{"blanks in names", "[g]\na b = 1\n", []string{`2 g.a b="1"`}},
		{"other ends of lines", "[g]\r\na = 1\r\n b\r\n\rc = 2\rd = 3", []string{`2 g.a="1\nb"`, `5 g.c="2"`, `6 g.d="3"`}},
		{"white space of all kinds", "[g]\na\x1c=\u00a0x\u00a0\n\fq = 2\u2003\n", []string{`2 g.a="x"`, `3 g.q="2"`}},
		{"a byte-order mark", "\ufeff[g]\na = 1\n", []string{`2 g.a="1"`}},

		{"no equals sign", "[g]\nabc\n", []string{"f:2: the line has no = or :"}},
		{"no name", "[g]\n= 1\n", []string{"f:2: there is no name in front of the ="}},
		{"no name before a colon", "[g]\n:1\n", []string{"f:2: there is no name in front of the :"}},
		{"no group", "a = 1\nb = 2\n[g]\nc = 3\n", []string{`4 g.c="3"`, "f:1" + noGroup}},
		{"no end of a group", "[g\na = 1\n[h]\nb = 2\n", []string{`4 h.b="2"`, "f:1: the name of a group ends with ]"}},
		{"a comment behind a group", "[g] ; c\na = 1\n\nb = 2\n", []string{"f:1: the name of a group ends with ]"}},
		{"no name of a group", "[]\n", []string{"f:1: the group has no name"}},
		{"not UTF-8", "[g]\na = \xff\nb = 1\n", []string{`3 g.b="1"`, "f:2: the line is not UTF-8 text"}},
		{"one error for a broken value", "[g]\nabc\n def\n ghi\n", []string{"f:2: the line has no = or :"}},
		{"every error", "[g]\nabc\na = 1\n[h\n[]\n", []string{`3 g.a="1"`, "f:2: the line has no = or :",
			"f:4: the name of a group ends with ]", "f:5: the group has no name"}},
	}
	for _, tt := range tests {
		if got := read(tt.content); !slices.Equal(got, tt.want) {
			t.Errorf("%s: read(%q):\n got %q\nwant %q", tt.name, tt.content, got, tt.want)
		}
	}
}

func TestReadINIGivesUp(t *testing.T) {
	if _, errs := readINI("f", strings.Repeat("rubbish\n", 1000)); len(errs) != maxFileErrors {
		t.Errorf("a file of 1000 bad lines gave %d errors, want %d", len(errs), maxFileErrors)
	}
}

func FuzzReadINI(f *testing.F) {
	for _, name := range []string{"icehouse.conf", "newton.conf", "default.conf"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	f.Add("[g]\na = \"x\n  y\r\n\rb:1\n[h\n = \xff")
	f.Fuzz(func(t *testing.T, content string) {
		lines := strings.Count(content, "\n") + strings.Count(content, "\r") + 1
		settings, errs := readINI("f", content)
		for _, s := range settings {
			if s.key.group == "" || s.key.name == "" || s.at.Line < 1 || s.at.Line > lines {
				t.Errorf("readINI(%q) gave %+v", content, s)
			}
		}
		for _, e := range errs {
			if e.At.Line < 1 || e.At.Line > lines || e.Text == "" {
				t.Errorf("readINI(%q): error %+v is not at a line", content, e)
			}
		}
	})
}
