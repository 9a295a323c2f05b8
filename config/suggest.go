package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi/internal/spelling"
)

// unknown is the sentence about a name that nothing has, with the one that might have been meant, if there is one.
func unknown(text, near string) string {
	if near == "" {
		return text
	}
	return text + "; did you mean " + near + "?"
}

// nearest is the known option whose name is most like that of k: one of the same group that is not too far off, else the
// only one of just that name elsewhere, else "".
func (x *index) nearest(k key) string {
	var near string
	var elsewhere []key
	best := spelling.Tolerance(k.name) + 1
	for _, name := range x.sortedNames() {
		switch d := spelling.Distance(k.name, name.name); {
		case name.group == k.group && d < best:
			best, near = d, x.names[name][0].String()
		case d == 0:
			elsewhere = append(elsewhere, x.names[name]...)
		}
	}
	if near == "" && len(elsewhere) == 1 {
		return elsewhere[0].String()
	}
	return near
}

// nearestGroup is the known group whose name is most like the one given, else "".
func (x *index) nearestGroup(name string) string {
	var near string
	best := spelling.Tolerance(name) + 1
	for _, g := range x.groups {
		if d := spelling.Distance(name, strings.ToLower(g.name)); d < best {
			best, near = d, "["+g.name+"]"
		}
	}
	return near
}

// nearestEnv is the environment variable that is most like the one given, else "".
func (x *index) nearestEnv(name string) string {
	var near string
	best := spelling.Tolerance(name) + 1
	for _, env := range slices.Sorted(maps.Keys(x.env)) {
		if d := spelling.Distance(name, env); d < best {
			best, near = d, x.names[x.env[env]][0].env()
		}
	}
	return near
}

func (x *index) sortedNames() []key {
	return slices.SortedFunc(maps.Keys(x.names), func(a, b key) int { return strings.Compare(a.String(), b.String()) })
}
