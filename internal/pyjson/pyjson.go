// Package pyjson writes JSON as Python's json.dumps(json.loads(text)) does, byte for byte: blanks after colons and
// commas, ASCII only, floats as repr prints them, of duplicate keys the first one's place and the last one's value.
package pyjson

import (
	"math"
	"strconv"
)

// Append adds the Python form of one valid JSON value to dst. Text that is no valid JSON gives an unspecified result.
func Append(dst, text []byte) []byte {
	w := writer{text: text, out: dst}
	w.value()
	return w.out
}

type writer struct {
	text []byte
	at   int
	out  []byte
}

func (w *writer) peek() byte {
	for w.at < len(w.text) {
		switch c := w.text[w.at]; c {
		case ' ', '\t', '\r', '\n':
			w.at++
		default:
			return c
		}
	}
	return 0
}

func (w *writer) value() {
	switch w.peek() {
	case '{':
		w.object()
	case '[':
		w.array()
	case '"':
		w.string()
	default:
		w.word()
	}
}

func (w *writer) array() {
	w.at++
	w.out = append(w.out, '[')
	for first := true; w.peek() != ']' && w.at < len(w.text); first = false {
		if !first {
			w.at++ // the comma
			w.out = append(w.out, ", "...)
		}
		w.value()
	}
	w.at++
	w.out = append(w.out, ']')
}

// object keeps members apart until all are read: a key that comes again changes a value that was read before.
func (w *writer) object() {
	type member struct{ key, value string }
	var members []member
	place := map[string]int{}
	w.at++
	for w.peek() != '}' && w.at < len(w.text) {
		if w.peek() == ',' {
			w.at++
			w.peek()
		}
		key := w.apart(w.string)
		w.peek()
		w.at++ // the colon
		value := w.apart(w.value)
		if i, known := place[key]; known {
			members[i].value = value
			continue
		}
		place[key] = len(members)
		members = append(members, member{key, value})
	}
	w.at++
	w.out = append(w.out, '{')
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ", "...)
		}
		w.out = append(append(append(w.out, m.key...), ": "...), m.value...)
	}
	w.out = append(w.out, '}')
}

// apart gives what write adds to the output, and takes it back.
func (w *writer) apart(write func()) string {
	start := len(w.out)
	write()
	text := string(w.out[start:])
	w.out = w.out[:start]
	return text
}

func (w *writer) word() {
	start := w.at
	for w.at < len(w.text) && !ends(w.text[w.at]) {
		w.at++
	}
	if w.at == start {
		w.at++ // not JSON: go on, so as to end
		return
	}
	w.out = appendWord(w.out, string(w.text[start:w.at]))
}

func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ':', ' ', '\t', '\r', '\n':
		return true
	}
	return false
}

func appendWord(out []byte, word string) []byte {
	if word == "-0" {
		return append(out, '0') // Python has one integer zero
	}
	if c := word[0]; c != '-' && (c < '0' || c > '9') {
		return append(out, word...) // true, false, null
	}
	for i := range len(word) {
		if c := word[i]; c == '.' || c == 'e' || c == 'E' {
			f, _ := strconv.ParseFloat(word, 64) // out of range is an infinity, in Python too
			return appendFloat(out, f)
		}
	}
	return append(out, word...)
}

func appendFloat(out []byte, f float64) []byte {
	switch size := math.Abs(f); {
	case math.IsInf(f, 1):
		return append(out, "Infinity"...)
	case math.IsInf(f, -1):
		return append(out, "-Infinity"...)
	case size != 0 && (size < 1e-4 || size >= 1e16):
		return strconv.AppendFloat(out, f, 'e', -1, 64)
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, 'f', -1, 64)
	for _, c := range out[start:] {
		if c == '.' {
			return out
		}
	}
	return append(out, ".0"...)
}
