package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

//go:embed markdown_intro.md
var markdownIntro string

// Markdown writes the page of documentation about all options.
func Markdown(w io.Writer) error {
	b := bytes.NewBufferString(markdownIntro)
	for _, g := range Default().groups() {
		fmt.Fprintf(b, "\n## [%s]\n\n%s\n\n| option | default | meaning |\n|---|---|---|\n", g.name, g.help)
		for _, o := range g.options {
			fmt.Fprintf(b, "| `%s` | %s | %s %s |\n", o.name, code(o.value.shown()), cell(o.help), cell(o.note()))
		}
	}
	b.WriteString("\n## What is passed over\n\nExisting files may hold these options. They have no effect, and no warning comes of them.\n\n| group | options | why |\n|---|---|---|\n")
	for _, i := range ignoredOptions {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", i.group, "`"+strings.Join(i.names, "`, `")+"`", cell(i.why))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func code(text string) string {
	if text == "" {
		return "–"
	}
	return "`" + cell(text) + "`"
}

// cell keeps text from ending a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
