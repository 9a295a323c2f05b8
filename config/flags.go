package config

import "strings"

// A Flag is an option that has a flag of its own on the command line.
type Flag struct {
	Name string // without the hyphens in front: "admin-mode"
	Help string
	Bool bool // it may stand without a value, which means true
}

// flagGroups are the groups whose options have flags of their own. The first one that has a name gets it.
var flagGroups = []string{"marconi", "DEFAULT"}

// Flags lists them: the options of the groups marconi and DEFAULT, but for those without effect yet. What was given of
// them goes into [Sources.Flags].
func Flags() []Flag {
	x := newIndex(Default().groups())
	var flags []Flag
	for _, name := range flagGroups {
		for _, g := range x.groups {
			if g.name == name {
				flags = append(flags, flagsOf(g)...)
			}
		}
	}
	return flags
}

func flagsOf(g group) []Flag {
	var flags []Flag
	for _, o := range g.options {
		if !o.later {
			name := strings.ReplaceAll(o.name, "_", "-")
			flags = append(flags, Flag{name, o.help, o.value.kind == boolKind})
		}
	}
	return flags
}

// flag is the option that a flag sets: group/option, or the name of an option of one of the groups with flags.
func (x *index) flag(name string) key {
	if group, option, nested := strings.Cut(name, "/"); nested {
		return key{groupName(group), optionName(option)}
	}
	for _, group := range flagGroups {
		if k := (key{group, optionName(name)}); len(x.names[k]) > 0 {
			return k
		}
	}
	return key{flagGroups[0], optionName(name)}
}
