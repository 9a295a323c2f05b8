package plan

import (
	"errors"
	"strings"
)

// Parse reads a plan of YAML or JSON; file is its name in errors. The paths of other files in it are those of this process.
//
// What is wrong with it comes as [Errors]: all unknown keys, keys that stand twice, values of the wrong kind, without unit or
// out of bounds at once, and where there are none of these, all that doesn't fit together.
func Parse(file string, data []byte) (*Plan, error) {
	d := &decoder{
		file:   file,
		lines:  strings.Split(string(data), "\n"),
		preset: defaults(),
		at:     map[string]pos{"": {1, 1}},
	}
	p := d.plan(data)
	if len(d.errs) == 0 {
		d.check(p)
	}
	if len(d.errs) > 0 {
		return nil, d.failures()
	}
	d.publish(p, data)
	return p, nil
}

func (d *decoder) plan(data []byte) *Plan {
	p := d.preset.plan
	root, err := parseYAML(data)
	var wrong *misplaced
	switch {
	case errors.As(err, &wrong):
		d.fail(wrong.at, wrong.text+d.hint(wrong.at))
		return nil
	case err != nil:
		d.fail(pos{}, err.Error())
		return nil
	}
	d.mapping("", root, d.planKeys(&p))
	if root.kind == mapping {
		d.need("", "plan", "targets", "workloads")
	}
	return &p
}

// hint knows the one trap of this notation: its values in braces are YAML only in quotes, or as mappings.
func (d *decoder) hint(at pos) string {
	if at.line < 1 || at.line > len(d.lines) {
		return ""
	}
	for _, kind := range []string{"mix", "burst", "trace"} {
		if strings.Contains(d.lines[at.line-1], kind+"{") || strings.Contains(d.lines[at.line-1], kind+":{") {
			return "; put " + kind + "{…} into quotes, or write {" + kind + ": {…}}"
		}
	}
	return ""
}

func (d *decoder) failures() Errors {
	for _, e := range d.errs {
		e.Text = d.scrub(e.Text)
		e.Excerpt = d.scrub(excerpt(d.lines, pos{e.Line, e.Column}))
	}
	return sorted(d.errs)
}
