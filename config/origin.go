package config

import "strconv"

// An Origin is where something in a configuration comes from. The zero value is nowhere: the option has its default.
type Origin struct {
	Source string // a file's name, or what else it is: "environment variable MARCONI_DEFAULT__DEBUG", "flag --debug"
	Line   int    // of a file, from 1; 0: it is no file, or the file as a whole
}

// String is the source and the line.
func (o Origin) String() string {
	switch {
	case o.Source == "":
		return "default"
	case o.Line == 0:
		return o.Source
	}
	return o.Source + ":" + strconv.Itoa(o.Line)
}

// A Warning is about something that does no harm, but that its author will want to know. It holds no secret.
type Warning struct {
	At   Origin
	Text string
}

// String is the place and the sentence.
func (w Warning) String() string { return w.At.String() + ": " + w.Text }

// An Error is about something that a server must not start with. It holds no secret. [Load], [Config.Unsupported] and
// [Config.Stores] return as many of them as they find, joined, in the order of the sources.
type Error struct {
	At     Origin
	Option string // "[group] name", or "" if it is not about an option
	Text   string
}

// Error is the place, the option and the sentence.
func (e *Error) Error() string {
	if e.Option == "" {
		return e.At.String() + ": " + e.Text
	}
	return e.At.String() + ": " + e.Option + ": " + e.Text
}
