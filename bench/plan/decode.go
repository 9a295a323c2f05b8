package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A decoder fills a plan from YAML and gathers what is wrong, so that one reading tells all of it.
type decoder struct {
	file    string
	lines   []string
	preset  preset
	errs    Errors
	at      map[string]pos // where what was read stands, by its path: workloads[1].messages.size
	secrets []string
}

// A setter sets a field from its text.
type setter func(text string) error

// A key of a mapping. Keys are read in the order of their table, not of the file: some need what others said.
type key struct {
	name string
	read func(d *decoder, path string, n node)
	set  setter // of those that are a single value
}

// value is a key whose value fits on a line.
func value(name string, set setter) key {
	return key{name: name, set: set, read: func(d *decoder, path string, n node) {
		text, ok := n.oneLine()
		if !ok {
			d.fail(n.pos, fmt.Sprintf("%s is %s, but has to be a value", last(path), n.kind))
			return
		}
		d.failIf(n.pos, set(text))
	}}
}

// list is a key with a list of values; one value is a list of one. begin empties what was there by default.
func list(name string, begin func(), add setter) key {
	return key{name: name, read: func(d *decoder, path string, n node) {
		items := n.items
		switch n.kind {
		case scalar:
			items = []node{n}
		case nothing, mapping:
			d.fail(n.pos, fmt.Sprintf("%s is %s, but has to be a list", last(path), n.kind))
			return
		}
		begin()
		for i, item := range items {
			d.at[index(path, i)] = item.pos
			text, ok := item.oneLine()
			if !ok {
				d.fail(item.pos, fmt.Sprintf("%s has %s in it, but is a list of values", last(path), item.kind))
				continue
			}
			d.failIf(item.pos, add(text))
		}
	}}
}

// group is a key with a mapping of its own.
func group(name string, keys func() []key) key {
	return key{name: name, read: func(d *decoder, path string, n node) { d.mapping(path, n, keys()) }}
}

// each is a key with a list of mappings. begin comes before the first of them, and where there is none.
func each(name string, begin func(), read func(d *decoder, path string, n node)) key {
	return key{name: name, read: func(d *decoder, path string, n node) {
		if n.kind != sequence {
			d.fail(n.pos, fmt.Sprintf("%s is %s, but has to be a list", last(path), n.kind))
			return
		}
		begin()
		for i, item := range n.items {
			d.at[index(path, i)] = item.pos
			read(d, index(path, i), item)
		}
	}}
}

// words is a key with a mapping from any word to a value.
func words(name string, set func(key, value string) error) key {
	return key{name: name, read: func(d *decoder, path string, n node) {
		if !d.isMapping(path, n) {
			return
		}
		for _, p := range d.once(n) {
			text, ok := p.val.oneLine()
			if !ok {
				d.fail(p.val.pos, fmt.Sprintf("%s is %s, but has to be a value", p.key, p.val.kind))
				continue
			}
			d.at[path+"."+p.key] = p.val.pos
			d.failIf(p.pos, set(p.key, text))
		}
	}}
}

// mapping reads the keys of a table, and says which there are that it doesn't have.
func (d *decoder) mapping(path string, n node, table []key) {
	if !d.isMapping(path, n) {
		return
	}
	pairs := d.once(n)
	for _, p := range pairs {
		if !slices.ContainsFunc(table, func(k key) bool { return k.name == p.key }) {
			names := make([]string, len(table))
			for i, k := range table {
				names[i] = k.name
			}
			d.failIf(p.pos, unknownWord(p.key, "key", names...))
		}
	}
	for _, k := range table {
		for _, p := range pairs {
			if p.key == k.name {
				below := join(path, k.name)
				d.at[below] = p.val.pos
				k.read(d, below, p.val)
			}
		}
	}
}

func (d *decoder) isMapping(path string, n node) bool {
	if n.kind != mapping {
		d.fail(n.pos, fmt.Sprintf("%s is %s, but has to be a mapping", last(path), n.kind))
	}
	return n.kind == mapping
}

// once gives the pairs of a mapping without those whose key stood before.
func (d *decoder) once(n node) []pair {
	var pairs []pair
	seen := map[string]pos{}
	for _, p := range n.pairs {
		if first, twice := seen[p.key]; twice {
			d.fail(p.pos, fmt.Sprintf("key %q twice: it stands in line %d, too", p.key, first.line))
			continue
		}
		seen[p.key] = p.pos
		pairs = append(pairs, p)
	}
	return pairs
}

// need says that a mapping lacks a key, if it does.
func (d *decoder) need(path string, names ...string) {
	for _, name := range names {
		if !d.has(join(path, name)) {
			d.failAt(path, fmt.Sprintf("%s needs %s", last(path), name))
		}
	}
}

func (d *decoder) has(path string) bool {
	_, ok := d.at[path]
	return ok
}

func (d *decoder) fail(at pos, text string) {
	d.errs = append(d.errs, &Error{File: d.file, Line: at.line, Column: at.column, Text: text})
}

// failAt says what is wrong with what stands at the path, or, where that is a default, with what it would stand in.
func (d *decoder) failAt(path, text string) {
	for !d.has(path) && path != "" {
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	d.fail(d.at[path], text)
}

func (d *decoder) failIf(at pos, err error) {
	if err == nil {
		return
	}
	var word *wordError
	if !errors.As(err, &word) {
		d.fail(at, err.Error())
		return
	}
	d.fail(at, word.text)
	d.errs[len(d.errs)-1].Nearest = word.nearest
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// last is the end of a path, as a message names it.
func last(path string) string {
	if path == "" {
		return "the plan"
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if head, _, ok := strings.Cut(name, "["); ok {
		return "an entry of " + head
	}
	return name
}

// The setters of fields.

func text(p *string) setter {
	return func(s string) error {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%q is empty or has control characters", s)
		}
		*p = s
		return nil
	}
}

// maxName keeps the paths of results within what file systems take.
const maxName = 64

// name is a word that can be part of a path.
func name(p *string) setter {
	return func(s string) error {
		if err := checkName(s); err != nil {
			return err
		}
		*p = s
		return nil
	}
}

func checkName(s string) error {
	outside := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.+", r)
	}
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, outside) || strings.Trim(s, ".") == "" {
		return fmt.Errorf("%q can't be part of a path: a name has 1 to %d of a-z A-Z 0-9 - _ . +", s, maxName)
	}
	return nil
}

func word[T ~string](p *T, what string, known ...string) setter {
	return func(s string) error {
		if !slices.Contains(known, s) {
			return unknownWord(s, what, known...)
		}
		*p = T(s)
		return nil
	}
}

func whole(p *int, low, high int) setter {
	return func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return fmt.Errorf("%q is no whole number", s)
		}
		if n < low || n > high {
			return fmt.Errorf("%d is not from %d to %d", n, low, high)
		}
		*p = n
		return nil
	}
}

func share(p *float64) setter {
	return func(s string) error {
		x, err := parseNumber(s)
		if err != nil || x < 0 || x > 1 {
			return fmt.Errorf("%q is no number from 0 to 1", s)
		}
		*p = x
		return nil
	}
}

func span(p *Duration, low, high Duration) setter {
	return func(s string) error {
		d, err := ParseDuration(s)
		if err != nil {
			return err
		}
		if d < low || d > high {
			return fmt.Errorf("%s is not from %s to %s", s, low, high)
		}
		*p = d
		return nil
	}
}

// seconds is a span that the API takes, in whole seconds.
func seconds(p *Duration, low, high Duration) setter {
	set := span(p, low, high)
	return func(s string) error {
		if d, err := ParseDuration(s); err == nil && d%second != 0 {
			return fmt.Errorf("%s is no whole number of seconds", s)
		}
		return set(s)
	}
}

func parsed[T any](p *T, parse func(string) (T, error)) setter {
	return func(s string) error {
		v, err := parse(s)
		if err != nil {
			return err
		}
		*p = v
		return nil
	}
}

func added[T any](p *[]T, parse func(string) (T, error)) setter {
	return func(s string) error {
		v, err := parse(s)
		if err != nil {
			return err
		}
		*p = append(*p, v)
		return nil
	}
}
