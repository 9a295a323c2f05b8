package config

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// Print writes the configuration as a file that [Load] reads: each option with its meaning, its value, and where that
// comes from. What nobody set is there as a comment, so that it stays unset for a reader of the file too. Secrets are
// hidden.
func (c *Config) Print(w io.Writer) error {
	var b bytes.Buffer
	defaults := Default().groups()
	for i, g := range c.groups() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "[%s]\n", g.name)
		comment(&b, g.help)
		for j, o := range g.options {
			b.WriteByte('\n')
			c.printOption(&b, g.name, o, defaults[i].options[j])
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (c *Config) printOption(b *bytes.Buffer, group string, o, byDefault option) {
	comment(b, o.help)
	at, set := c.origins[key{group, o.name}]
	mark, note := "#", o.note()
	if set {
		mark = ""
		note += " Default: " + cmp.Or(byDefault.value.shown(), "none") + "."
	}
	comment(b, note)
	comment(b, "From: "+at.String())
	fmt.Fprintf(b, "%s%s =%s\n", mark, o.name, fileText(o.value.shown(), set))
}

// note is what the table knows of an option beside its meaning and its default.
func (o option) note() string {
	note := strings.ToUpper(o.value.kind[:1]) + o.value.kind[1:] + "."
	if len(o.older) > 0 {
		names := make([]string, len(o.older))
		for i, k := range o.older {
			names[i] = k.String()
		}
		note += " Once called " + strings.Join(names, ", ") + "."
	}
	if o.later {
		note += " Without effect in this version."
	}
	return note
}

// fileText writes a value, from behind the equals sign to the end of its last line, so that reading it gives it back. A
// value in a comment has all its lines there.
func fileText(text string, active bool) string {
	if text == "" {
		return ""
	}
	first, further, many := strings.Cut(escape(text), "\n")
	if trim(first) != first || unquote(first) != first {
		first = `"` + first + `"`
	}
	if !many {
		return " " + first
	}
	indent := "\n    "
	if !active {
		indent = "\n#    "
	}
	return " " + first + indent + strings.ReplaceAll(further, "\n", indent)
}

// lineWidth is where comments are broken.
const lineWidth = 110

// comment writes text as lines of comment.
func comment(b *bytes.Buffer, text string) {
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > lineWidth && line != "#" {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
