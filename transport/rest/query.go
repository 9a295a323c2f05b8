package rest

import (
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi/broker"
)

// A query is the query string of a request as it was sent, read by rules of its own (API contract §1.11): of several
// values the last counts, a comma makes a list unless it is encoded, a parameter without a value is not there, and
// nothing is wrong but a value of the wrong type. It is looked through anew for each parameter; there are few of both.
type query string

// cut takes the first parameter off, still encoded. Where there was only a part of one, value is empty.
func (q query) cut() (name, value string, rest query) {
	field, after, _ := strings.Cut(string(q), "&")
	name, value, _ = strings.Cut(field, "=")
	return name, value, query(after)
}

// has reports whether a parameter is there. It may still be an empty list.
func (q query) has(name string) bool {
	for q != "" {
		var n, value string
		n, value, q = q.cut()
		if value != "" && unescape(n) == name {
			return true
		}
	}
	return false
}

// elements gives the values of a parameter in order, those of its lists one by one.
func (q query) elements(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := q; rest != ""; {
			var n, list string
			n, list, rest = rest.cut()
			if unescape(n) != name {
				continue
			}
			for element := range strings.SplitSeq(list, ",") {
				if element != "" && !yield(unescape(element)) {
					return
				}
			}
		}
	}
}

// text is the last value of a parameter. The error is a list with nothing in it.
func (q query) text(name string) (value string, given bool, err error) {
	listed := false
	for q != "" {
		var n, list string
		n, list, q = q.cut()
		if list == "" || unescape(n) != name {
			continue
		}
		listed = true
		if list = strings.TrimRight(list, ","); list != "" {
			value, given = list[strings.LastIndexByte(list, ',')+1:], true
		}
	}
	if listed && !given {
		return "", false, badParameter(name, "a value, not an empty list")
	}
	return unescape(value), given, nil
}

// integer is the last value of a parameter that has to be an integer. One too large for the machine is the largest.
func (q query) integer(name string) (broker.Optional[int], error) {
	text, given, err := q.text(name)
	if err != nil || !given {
		return broker.Optional[int]{}, err
	}
	n, isInteger := parseInteger(text)
	if !isInteger {
		return broker.Optional[int]{}, badParameter(name, "an integer")
	}
	return broker.Some(n), nil
}

// boolean is the last value of a parameter that has to say yes or no, in one of the spellings that clients have.
func (q query) boolean(name string) (value, given bool, err error) {
	text, given, err := q.text(name)
	if err != nil || !given {
		return false, false, err
	}
	switch text {
	case "true", "True", "t", "yes", "y", "1", "on":
		return true, true, nil
	case "false", "False", "f", "no", "n", "0", "off":
		return false, true, nil
	}
	return false, false, badParameter(name, "true or false")
}

// parseInteger reads blanks, a sign and digits, however many.
func parseInteger(text string) (n int, isInteger bool) {
	text = strings.Trim(text, " \t\n\r\v\f")
	digits := text
	if text != "" && (text[0] == '-' || text[0] == '+') {
		digits = text[1:]
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	// Out of range gives the nearest integer that there is.
	n64, _ := strconv.ParseInt(text, 10, 64)
	return int(min(max(n64, math.MinInt), math.MaxInt)), true
}

// unescape decodes a part of a query. Escapes that are none stay as they are, and what is no UTF-8 becomes U+FFFD.
func unescape(text string) string {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		decoded = append(decoded, c)
	}
	return strings.ToValidUTF8(string(decoded), "\uFFFD")
}

// appendEscaped encodes a value for a link: all but the unreserved characters of RFC 3986.
func appendEscaped(dst []byte, value string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(value) {
		c := value[i]
		if isUnreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0x0f + 9
}
