package faultproxy

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// RESP cuts what a Redis server says into replies, of either version of its protocol. A message of a subscription counts
// as one.
func RESP(data []byte, _ bool) (advance int, token []byte, err error) {
	n, err := respLength(data)
	if n == 0 || err != nil {
		return 0, nil, err
	}
	return n, data[:n], nil
}

// respLength is how long the reply is that data begins with; 0 if its end is not there yet.
func respLength(data []byte) (int, error) {
	line := bytes.IndexByte(data, '\n') + 1
	if line == 0 {
		return 0, nil
	}
	kind, text := data[0], bytes.TrimRight(data[1:line], "\r\n")
	switch kind {
	case '$', '=', '!':
		return bulk(data, line, text)
	case '*', '~', '>':
		return nested(data, line, text, 1, 0)
	case '%':
		return nested(data, line, text, 2, 0)
	case '|': // attributes stand before what they belong to
		return nested(data, line, text, 2, 1)
	case '+', '-', ':', '_', ',', '#', '(':
		return line, nil
	}
	return 0, fmt.Errorf("a reply begins with %q", kind)
}

func bulk(data []byte, line int, text []byte) (int, error) {
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return line, nil
	}
	if end := line + n + 2; end <= len(data) {
		return end, nil
	}
	return 0, nil
}

func nested(data []byte, line int, text []byte, each, more int) (int, error) {
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, err
	}
	end := line
	for range max(n, 0)*each + more {
		inner, err := respLength(data[end:])
		if inner == 0 || err != nil {
			return 0, err
		}
		end += inner
	}
	return end, nil
}

// told are the replies to log-ins, of which servers before 7.2 don't know all, to questions of how servers stand to each other, and to signs
// of life; and what comes unasked. What a script says looks otherwise.
var told = regexp.MustCompile(`^(?:>|%|-ERR [Uu]nknown subcommand|\+OK\r|\+PONG\r|\*3\r\n\$6\r\nmaster\r|\*3\r\n\$5\r\nslave\r|\*\d+\r\n\*\d+\r\n:|\*\d+\r\n%)`)

// Answer is for [Line.CountOnly]: it reports whether Redis answers a call, rather than a log-in or a question of the client's own.
func Answer(_ string, reply []byte) bool { return !told.Match(reply) }
