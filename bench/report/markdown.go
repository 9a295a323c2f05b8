package report

import (
	"bytes"
	"fmt"
	"strings"
)

// markdown makes the report as text: the verdict, the table at the top, and where the charts are.
func (s *study) markdown(sections []section) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s\n\n", escape(s.headline().String()))
	fmt.Fprintf(&out, "Plan `%s`, %s%s.\n\n", s.experiment.Plan, s.experiment.Started.UTC().Format("2006-01-02 15:04 UTC"), with(", ", escape(s.where())))
	for _, v := range s.verdict() {
		fmt.Fprintf(&out, "- %s\n", escape(v.String()))
	}
	out.WriteString("\n| workload | target | carried | at | p50 | p99 | ledger |\n|---|---|--:|--:|--:|--:|---|\n")
	for _, g := range s.summary() {
		for _, d := range g.rows {
			fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n", escape(g.workload), escape(d.who), d.carried, d.at, latency(d.p50), latency(d.p99), d.state)
		}
	}
	for _, sec := range sections {
		fmt.Fprintf(&out, "\n## %s\n\n", sec.view.Title)
		writeSection(&out, sec)
	}
	return out.Bytes()
}

func writeSection(out *bytes.Buffer, sec section) {
	v := sec.view
	for _, text := range []string{v.Account, v.Empty} {
		if text != "" {
			fmt.Fprintf(out, "%s\n\n", escape(text))
		}
	}
	for _, f := range sec.figures {
		fmt.Fprintf(out, "![%s](charts/%s.svg)\n\n%s [Numbers](charts/%s.csv)\n\n", escape(f.chart.title), f.name, escape(f.caption), f.name)
	}
	for _, t := range v.Tables {
		if !t.Folded {
			writeTable(out, t)
		}
	}
	for _, f := range v.Facts {
		fmt.Fprintf(out, "- %s: %s\n", f.Name, escape(f.Value))
	}
	if v.Code != "" {
		fmt.Fprintf(out, "```\n%s\n```\n", v.Code)
	}
}

func writeTable(out *bytes.Buffer, t tableView) {
	if t.Title != "" {
		fmt.Fprintf(out, "### %s\n\n", t.Title)
	}
	var names, rules []string
	for _, h := range t.Head {
		names = append(names, escape(h.Text))
		rules = append(rules, map[bool]string{true: "--:", false: "---"}[h.Numeric])
	}
	fmt.Fprintf(out, "| %s |\n|%s|\n", strings.Join(names, " | "), strings.Join(rules, "|"))
	for _, r := range t.Rows {
		fields := make([]string, len(r))
		for i, f := range r {
			if fields[i] = escape(f.Text); f.Link != "" {
				fields[i] = fmt.Sprintf("[%s](%s)", escape(f.Text), f.Link)
			}
		}
		fmt.Fprintf(out, "| %s |\n", strings.Join(fields, " | "))
	}
	out.WriteString("\n")
}

// escape keeps text from being taken for markup.
func escape(text string) string {
	return strings.NewReplacer("\\", "\\\\", "|", "\\|", "<", "\\<", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace(text)
}

// with puts something before a text, if there is one.
func with(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}
