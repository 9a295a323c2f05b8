package config

import (
	"maps"
	"slices"
	"strings"
)

// list is items with commas between them. With words, each item is one of those.
func list(p *[]string, def []string, words ...string) value {
	kind := "a list with commas"
	if len(words) > 0 {
		kind = "a list with commas, of " + strings.Join(words, ", ")
	}
	return value{
		kind:  kind,
		reset: func() { *p = slices.Clone(def) },
		text:  func() string { return strings.Join(*p, ",") },
		lines: true,
		set: func(text string) bool {
			items := splitList(text)
			for _, item := range items {
				// An item over several lines is a list whose comma was forgotten.
				if strings.Contains(item, "\n") || len(words) > 0 && !slices.Contains(words, item) {
					return false
				}
			}
			*p = items
			return true
		},
	}
}

// splitList splits at commas. Blanks around an item and commas at the end don't count; quotes have no meaning. The
// result is never nil: an empty list differs from none.
func splitList(text string) []string {
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = trim(items[i])
	}
	for len(items) > 0 && items[len(items)-1] == "" {
		items = items[:len(items)-1]
	}
	return items
}

// many is one item a line; a key that is repeated adds an item.
func many(p *[]string, def ...string) value {
	return value{
		kind:  "text of one line; the option may be repeated, and each adds a value",
		reset: func() { *p = slices.Clone(def) },
		text:  func() string { return strings.Join(*p, "\n") },
		lines: true,
		many:  true,
		set: func(text string) bool {
			*p = slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
			return true
		},
	}
}

// dict is pairs of a name and a value.
func dict(p *map[string]string, def map[string]string) value {
	return value{
		kind:  "pairs such as name:value, with commas; a value with a comma in it stands in quotes",
		reset: func() { *p = maps.Clone(def) },
		text:  func() string { return joinDict(*p) },
		lines: true,
		set: func(text string) bool {
			pairs, ok := splitDict(text)
			if ok {
				*p = pairs
			}
			return ok
		},
	}
}

// splitDict reads name:value pairs. A comma ends a pair only where a whole pair stands before it, so that a quoted
// value may have commas, and so may, as in oslo.config, a name.
func splitDict(text string) (pairs map[string]string, ok bool) {
	pairs = map[string]string{}
	if trim(text) == "" {
		return pairs, true
	}
	pieces := strings.Split(text, ",")
	for len(pieces) > 0 {
		taken := 0
		var name, val string
		for n := 1; n <= len(pieces) && taken == 0; n++ {
			if name, val, ok = splitPair(strings.Join(pieces[:n], ",")); ok {
				taken = n
			}
		}
		if _, known := pairs[name]; taken == 0 || name == "" || known {
			return nil, false
		}
		pairs[name] = val
		pieces = pieces[taken:]
	}
	return pairs, true
}

// splitPair reads one name:value. A value that begins with a quote has to end with it.
func splitPair(text string) (name, val string, ok bool) {
	name, val, ok = strings.Cut(text, ":")
	name, val = trim(name), trim(val)
	if !ok || val == "" || val[0] != '"' && val[0] != '\'' {
		return name, val, ok
	}
	if len(val) < 2 || val[len(val)-1] != val[0] {
		return "", "", false
	}
	return name, val[1 : len(val)-1], true
}

// joinDict writes pairs as splitDict reads them.
func joinDict(pairs map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		texts = append(texts, joinPair(name, pairs[name]))
	}
	return strings.Join(texts, ",")
}

// joinPair tries which quotes a value needs. Some always do: the value was read from such a text.
func joinPair(name, val string) string {
	for _, quote := range []string{"", "'", `"`} {
		pair := name + ":" + quote + val + quote
		if back, ok := splitDict(pair); ok && len(back) == 1 && back[name] == val {
			return pair
		}
	}
	return name + ":" + val
}
