package apiscript

import (
	"errors"
	"fmt"
	"slices"
)

// A directive says how the words of a line are read and what they do.
type directive struct {
	verb     string
	min, max int  // words; max < 0: any number
	tail     bool // the last of max words is the rest of the line, blanks and all, and may be empty
	raw      bool // the words are not expanded: the directive does that itself
	check    bool // it looks at the last answer, and the script goes on when it fails
	loop     bool // a block follows, up to end
	requests int  // it sends, for counting what a row covers
	do       func(*run, step, []string) error
}

// directives is the language, but for the head of a script.
var directives = []directive{
	{verb: "with", min: 1, max: 2, tail: true, do: (*run).with},
	{verb: "without", min: 1, max: -1, do: (*run).without},
	{verb: "client", max: 1, do: (*run).client},
	{verb: "project", max: 1, tail: true, do: (*run).project},
	{verb: "status-only", do: (*run).statusOnly},
	{verb: "request", min: 2, max: 3, tail: true, raw: true, requests: 1, do: (*run).request},
	{verb: "post", min: 2, max: 3, tail: true, requests: 1, do: (*run).post},

	{verb: "status", min: 1, max: -1, check: true, do: (*run).status},
	{verb: "header", min: 2, max: 2, tail: true, check: true, do: (*run).headerIs},
	{verb: "spelled", min: 1, max: -1, check: true, do: (*run).spelled},
	{verb: "no-header", min: 1, max: -1, check: true, do: (*run).noHeader},
	{verb: "body", max: 1, tail: true, check: true, do: (*run).body},
	{verb: "body-has", max: 1, tail: true, check: true, do: (*run).bodyHas},
	{verb: "json", min: 2, max: 2, tail: true, check: true, do: (*run).json},
	{verb: "json-list", min: 2, max: 2, tail: true, check: true, do: (*run).jsonList},
	{verb: "json-like", min: 2, max: 2, tail: true, check: true, do: (*run).jsonLike},
	{verb: "json-len", min: 2, max: 2, check: true, do: (*run).jsonLen},
	{verb: "json-range", min: 2, max: 2, check: true, do: (*run).jsonRange},
	{verb: "json-ago", min: 2, max: 2, check: true, do: (*run).jsonAgo},
	{verb: "json-keys", min: 1, max: -1, check: true, do: (*run).jsonKeys},
	{verb: "json-type", min: 2, max: 2, check: true, do: (*run).jsonType},
	{verb: "json-absent", min: 1, max: 1, check: true, do: (*run).jsonAbsent},

	{verb: "save", min: 3, max: 4, tail: true, do: (*run).save},
	{verb: "set", min: 1, max: 2, tail: true, do: (*run).set},
	{verb: "for", min: 3, max: -1, loop: true, do: (*run).loopFor},
	{verb: "each", min: 2, max: 2, loop: true, do: (*run).loopEach},
	{verb: "repeat", min: 1, max: 1, loop: true, do: (*run).loopRepeat},
	{verb: "advance", min: 1, max: 1, do: (*run).advance},
	{verb: "store", min: 1, max: -1, do: (*run).store},
	{verb: "row", min: 2, max: 2, tail: true, raw: true, do: (*run).row},
}

// directiveOf finds a directive. A word in capitals is the method of a request.
func directiveOf(verb string) (directive, error) {
	name := verb
	if verb != "" && 'A' <= verb[0] && verb[0] <= 'Z' {
		name = "request"
	}
	at := slices.IndexFunc(directives, func(d directive) bool { return d.verb == name })
	if at < 0 || verb == "request" {
		return directive{}, fmt.Errorf("there is no directive %q", verb)
	}
	return directives[at], nil
}

// parse takes a line apart into the directive's words, and notices mistakes before anything runs.
func (d directive) parse(rest string) ([]string, error) {
	max := d.max
	if d.tail {
		max--
	}
	words, err := splitWords(rest, max, d.tail)
	switch {
	case err != nil:
		return nil, err
	case len(words) < d.min:
		return nil, fmt.Errorf("%s wants %d words", d.verb, d.min)
	case d.max >= 0 && len(words) > d.max:
		return nil, fmt.Errorf("%s wants at most %d words", d.verb, d.max)
	}
	if d.verb == "for" && !slices.Contains(words[1:], "in") {
		return nil, errors.New("a loop is: for NAME in WORDS")
	}
	return words, nil
}
