package dialect

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// A scanner reads one JSON text from front to back, as strictly as the API contract §1.12 asks for, and builds nothing:
// what is wanted of the text is taken out as sub-slices of it. Its caller steps through the parts that matter,
//
//	for s.open('{'); s.more('}'); {
//		switch name := s.name(); name {
//		case "ttl":
//			ttl = s.value()
//		default:
//			s.value()
//		}
//	}
//
// and looks at err once, at the end: after the first mistake the loops end and everything else does nothing.
//
// It is our own because the rules beyond JSON's grammar (every integer fits 64 bits, a bound on depth that is ours, lone
// surrogates pass but broken UTF-8 does not) hold for the bodies of messages, too, so that a library's decoder would have
// to go through them token by token. BenchmarkScan does that with jsontext, and takes twice the time. The fuzz targets
// hold both, and encoding/json, to the same texts.
type scanner struct {
	text  []byte
	pos   int
	room  int   // how many arrays and objects may still be opened inside this one
	first bool  // nothing has been read yet of the array or object that was opened last
	err   error // the first mistake
}

func newScanner(d Document) scanner {
	s := scanner{text: d.Text, room: d.MaxDepth}
	if !utf8.Valid(d.Text) {
		s.err = refuseBody("the body is not valid UTF-8")
	}
	return s
}

// fail notes the first mistake, and where it is.
func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = refuseBody(fmt.Sprintf("the body is not valid JSON: %s at byte %d", what, s.pos))
	}
}

// peek passes over blanks and gives the byte behind them, 0 at the end of the text. It is small enough to be inlined.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) && s.text[s.pos] > ' ' {
		return s.text[s.pos]
	}
	return s.blanks()
}

func (s *scanner) blanks() byte {
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end checks that nothing but blanks is left.
func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.text) {
		s.fail("text behind the value")
	}
	return s.err
}

// open steps into the array or object that begins with bracket.
func (s *scanner) open(bracket byte) {
	if s.peek() != bracket {
		s.fail("no " + string(bracket))
		return
	}
	if s.room--; s.room < 0 {
		s.fail("arrays and objects nested too deep")
		return
	}
	s.pos++
	s.first = true
}

// more reports whether there is another element or member, and steps out of the array or object if there is none.
func (s *scanner) more(bracket byte) bool {
	c := s.peek()
	switch {
	case s.err != nil:
		return false
	case c == bracket:
		s.pos++
		s.room++
		s.first = false
		return false
	case s.first:
		s.first = false
		return true
	case c != ',':
		s.fail("no comma or " + string(bracket))
		return false
	}
	s.pos++
	return true
}

// name reads a member's name and the colon behind it. It gives the name as the text spells it, unless that has escapes.
func (s *scanner) name() []byte {
	if s.peek() != '"' {
		s.fail("no name in quotes")
		return nil
	}
	start := s.pos
	escaped := s.str()
	quoted := s.text[start:s.pos]
	if s.peek() != ':' {
		s.fail("no colon")
	}
	if s.err != nil {
		return nil
	}
	s.pos++
	if escaped {
		return unescape(quoted)
	}
	return quoted[1 : len(quoted)-1]
}

// unescape gives the text of a quoted string that was found to be right. Lone surrogates become U+FFFD.
func unescape(quoted []byte) []byte {
	var text string
	if json.Unmarshal(quoted, &text) != nil {
		return nil
	}
	return []byte(text)
}

// value reads the next value, checks all of it, and gives its text.
func (s *scanner) value() []byte {
	s.peek()
	start := s.pos
	s.skip()
	if s.err != nil {
		return nil
	}
	return s.text[start:s.pos]
}

// skip reads over the next value. It calls itself for every level, which room bounds.
func (s *scanner) skip() {
	switch c := s.peek(); c {
	case '"':
		s.str()
	case '{':
		for s.open('{'); s.more('}'); {
			s.name()
			s.skip()
		}
	case '[':
		for s.open('['); s.more(']'); {
			s.skip()
		}
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

func (s *scanner) word(w string) {
	if len(s.text)-s.pos < len(w) || string(s.text[s.pos:s.pos+len(w)]) != w {
		s.fail("no value")
		return
	}
	s.pos += len(w)
}

// str reads over a string and reports whether it has escapes.
func (s *scanner) str() (escaped bool) {
	s.pos++
	for {
		s.pos += plain(s.text[s.pos:])
		switch {
		case s.pos == len(s.text):
			s.fail("a string without end")
			return escaped
		case s.text[s.pos] == '"':
			s.pos++
			return escaped
		case s.text[s.pos] != '\\':
			s.fail("a control character in a string")
			return escaped
		}
		if escaped = true; !s.escape() {
			s.fail("a wrong escape")
			return escaped
		}
	}
}

// escape reads over a backslash and what belongs to it. Surrogates need not be paired: they pass as they are.
func (s *scanner) escape() bool {
	rest := s.text[s.pos+1:]
	if len(rest) == 0 {
		return false
	}
	switch rest[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return true
	case 'u':
		if len(rest) < 5 || !isHex(rest[1]) || !isHex(rest[2]) || !isHex(rest[3]) || !isHex(rest[4]) {
			return false
		}
		s.pos += 6
		return true
	}
	return false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// plain counts the bytes at the front of b that stand for themselves in a string: all but quotes, backslashes and
// control characters. It looks at eight at a time: most of a message is such text.
func plain(b []byte) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		// A byte below a blank, or one that is zero after the exclusive or, borrows into its highest bit. Borrows run
		// towards the later bytes only, so the lowest bit that is set is never a false one.
		x := binary.LittleEndian.Uint64(b[n:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		if found := ((x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash) & highs; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// number reads over a number. One without fraction and exponent has to fit 64 bits.
func (s *scanner) number() {
	start := s.pos
	s.pass('-')
	leading := s.pos
	digits := s.digits()
	if digits == 0 || digits > 1 && s.text[leading] == '0' {
		s.fail("no value")
		return
	}
	if s.fraction() || digits <= 18 { // 18 digits fit whatever they are
		return
	}
	if _, err := strconv.ParseInt(string(s.text[start:s.pos]), 10, 64); err != nil {
		s.fail("an integer of more than 64 bits")
	}
}

// fraction reads over what makes a number a float, and reports whether there was such.
func (s *scanner) fraction() bool {
	start := s.pos
	if s.pass('.') && s.digits() == 0 {
		s.fail("no digits behind the point")
	}
	if s.pass('e') || s.pass('E') {
		if !s.pass('-') {
			s.pass('+')
		}
		if s.digits() == 0 {
			s.fail("no digits in the exponent")
		}
	}
	return s.pos > start
}

// pass reads over c if it comes next.
func (s *scanner) pass(c byte) bool {
	if s.pos < len(s.text) && s.text[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}
