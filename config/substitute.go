package config

import (
	"errors"
	"regexp"
	"strings"
)

// reference is what a $ may begin: another $, a name, or a name in braces. A $ before anything else is just a $.
var reference = regexp.MustCompile(`\$(?:(\$)|([A-Za-z_][A-Za-z0-9_.]*)|\{([A-Za-z_][A-Za-z0-9_.]*)\})`)

// expand puts the values of other options in the place of $name, ${name} and $group.name, and a $ in that of $$ and \$.
func expand(text string, lookup func(name string) (string, error)) (string, error) {
	text = strings.ReplaceAll(text, `\$`, "$$")
	var out strings.Builder
	done := 0
	for _, at := range reference.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[done:at[0]])
		done = at[1]
		if at[2] >= 0 {
			out.WriteByte('$')
			continue
		}
		from, to := at[4], at[5]
		if from < 0 {
			from, to = at[6], at[7]
		}
		val, err := lookup(text[from:to])
		if err != nil {
			return "", err
		}
		out.WriteString(val)
	}
	out.WriteString(text[done:])
	return out.String(), nil
}

// escape writes text so that expand gives it back. Behind a backslash $$ would be read otherwise.
func escape(text string) string {
	var out strings.Builder
	for i := range len(text) {
		switch {
		case text[i] != '$':
			out.WriteByte(text[i])
		case i > 0 && text[i-1] == '\\':
			out.WriteString(`\$`)
		default:
			out.WriteString("$$")
		}
	}
	return out.String()
}

// What can be wrong with a reference.
var (
	errNoReference = errors.New("a $ with a name behind it stands for the value of another option, but there is none of that name; a plain $ is written $$")
	errLoop        = errors.New("the value refers back to itself")
	errReferred    = errors.New("the value it refers to is in error")
)

// A resolver finds the final texts of options, each once.
type resolver struct {
	index *index
	given func(k key) (text string, literal, ok bool)
	texts map[key]*resolved
}

type resolved struct {
	text string
	err  error
	busy bool // its text is being found: whoever asks for it meanwhile is in a loop
}

// text is the option's final text: what it was given or its default, with references replaced.
func (r *resolver) text(k key) (string, error) {
	if r.texts[k] == nil {
		res := &resolved{busy: true}
		r.texts[k] = res
		res.text, res.err = r.find(k)
		res.busy = false
	}
	return r.texts[k].text, r.texts[k].err
}

func (r *resolver) find(k key) (string, error) {
	text, literal, ok := r.given(k)
	switch {
	case !ok:
		return r.index.options[k].value.text(), nil
	case literal:
		return text, nil
	}
	return expand(text, func(name string) (string, error) { return r.refer(k.group, name) })
}

// refer finds what a name stands for in a value of the group: an option of that group, else one of DEFAULT, or
// group.option.
func (r *resolver) refer(group, name string) (string, error) {
	candidates := []key{{group, name}, {"DEFAULT", name}}
	if of, option, dotted := strings.Cut(name, "."); dotted {
		candidates = []key{{groupName(of), option}}
	}
	for _, k := range candidates {
		if r.index.options[k] == nil {
			continue
		}
		if res := r.texts[k]; res != nil && res.busy {
			return "", errLoop
		}
		text, err := r.text(k)
		if err != nil {
			return "", errReferred
		}
		return text, nil
	}
	return "", errNoReference
}
