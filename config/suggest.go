package config

import (
	"maps"
	"slices"
	"strings"
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
	best := tolerance(k.name) + 1
	for _, name := range x.sortedNames() {
		switch d := distance(k.name, name.name); {
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
	best := tolerance(name) + 1
	for _, g := range x.groups {
		if d := distance(name, strings.ToLower(g.name)); d < best {
			best, near = d, "["+g.name+"]"
		}
	}
	return near
}

// nearestEnv is the environment variable that is most like the one given, else "".
func (x *index) nearestEnv(name string) string {
	var near string
	best := tolerance(name) + 1
	for _, env := range slices.Sorted(maps.Keys(x.env)) {
		if d := distance(name, env); d < best {
			best, near = d, x.names[x.env[env]][0].env()
		}
	}
	return near
}

func (x *index) sortedNames() []key {
	return slices.SortedFunc(maps.Keys(x.names), func(a, b key) int { return strings.Compare(a.String(), b.String()) })
}

// tolerance is how far a name may be off to be worth a suggestion.
func tolerance(name string) int { return max(2, len(name)/3) }

// distance counts the characters to insert, to drop, to change, or to swap with their neighbour between two names.
func distance(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
