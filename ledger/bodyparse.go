package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
)

// What can be wrong with a body.
var (
	errNotBody  = errors.New("the body is not one of the ledger's")
	errChecksum = errors.New("the body's checksum is wrong")
)

// ParseBody reads a body, and fails if it is none, or if its checksum is wrong. The filler stays part of data.
//
// It reads by hand what it wrote by hand: encoding/json takes ten times as long, on every delivery of a load run.
func ParseBody(data []byte) (Body, error) {
	p := parser{rest: data}
	if !p.object() {
		return Body{}, errNotBody
	}
	var room [256]byte
	if p.body.checksum(p.body.appendHead(room[:0])) != p.sum {
		return Body{}, errChecksum
	}
	return p.body, nil
}

// A parser reads a body. Its methods report whether it goes on.
type parser struct {
	rest []byte
	body Body
	sum  uint32
}

// members are all that a body has, each a bit of the set of those that were read.
const members = "rpqnbiktxd"

func (p *parser) object() bool {
	read := 0
	for open := byte('{'); p.next(open); open = ',' {
		name, ok := p.quoted(1)
		if !ok || !p.next(':') {
			return false
		}
		bit := 1 << max(strings.IndexByte(members, name[0]), 0)
		if read&bit != 0 || !p.member(name[0]) {
			return false
		}
		read |= bit
	}
	return p.next('}') && read == 1<<len(members)-1 && !p.more()
}

func (p *parser) member(name byte) (ok bool) {
	var n uint64
	b := &p.body
	switch name {
	case 'r':
		var text []byte
		text, ok = p.text()
		b.Run = string(text)
	case 'd':
		b.Filler, ok = p.text()
	case 'q':
		b.Queue, ok = p.hex(16)
	case 'x':
		n, ok = p.hex(8)
		p.sum = uint32(n)
	case 'p':
		n, ok = p.number(math.MaxUint32)
		b.Producer = uint32(n)
	case 'n':
		n, ok = p.number(maxNumber)
		b.Number = uint32(n)
	case 'b':
		n, ok = p.number(maxNumber)
		b.Batch = uint32(n)
	case 'i':
		n, ok = p.number(maxBatch)
		b.Index = int(n)
	case 'k':
		n, ok = p.number(maxBatch)
		b.Size = int(n)
	case 't':
		n, ok = p.number(math.MaxInt64)
		b.Intended = time.Duration(n)
	}
	return ok
}

// more reports whether anything but blanks follows, and skips those.
func (p *parser) more() bool {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\t' || p.rest[0] == '\r') {
		p.rest = p.rest[1:]
	}
	return len(p.rest) > 0
}

// next skips blanks and c, if that is what follows.
func (p *parser) next(c byte) bool {
	if !p.more() || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// number reads a whole number up to most, without a sign or leading zeros.
func (p *parser) number(most uint64) (n uint64, ok bool) {
	if !p.more() {
		return 0, false
	}
	digits := 0
	for ; digits < len(p.rest) && '0' <= p.rest[digits] && p.rest[digits] <= '9'; digits++ {
		digit := uint64(p.rest[digits] - '0')
		if n > (most-digit)/10 {
			return 0, false
		}
		n = 10*n + digit
	}
	if digits == 0 || p.rest[0] == '0' && digits > 1 {
		return 0, false
	}
	p.rest = p.rest[digits:]
	return n, true
}

// hex reads a string of so many lower-case hexadecimal digits.
func (p *parser) hex(digits int) (v uint64, ok bool) {
	text, ok := p.quoted(digits)
	if !ok {
		return 0, false
	}
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// quoted reads a string of n bytes that needs no escapes.
func (p *parser) quoted(n int) ([]byte, bool) {
	if !p.next('"') || len(p.rest) <= n || p.rest[n] != '"' {
		return nil, false
	}
	text := p.rest[:n]
	p.rest = p.rest[n+1:]
	return text, true
}

// text reads a string; one without escapes stays where it is.
func (p *parser) text() ([]byte, bool) {
	if !p.next('"') {
		return nil, false
	}
	end := bytes.IndexByte(p.rest, '"')
	if end < 0 {
		return nil, false
	}
	if bytes.IndexByte(p.rest[:end], '\\') >= 0 {
		return p.escaped()
	}
	text := p.rest[:end]
	p.rest = p.rest[end+1:]
	return text, true
}

// escaped reads the rest of a string that has escapes: a service may have written it so.
func (p *parser) escaped() ([]byte, bool) {
	for end := 0; end < len(p.rest); end++ {
		switch p.rest[end] {
		case '\\':
			end++
		case '"':
			var text string
			quoted := append([]byte{'"'}, p.rest[:end+1]...)
			p.rest = p.rest[end+1:]
			err := json.Unmarshal(quoted, &text)
			return []byte(text), err == nil
		}
	}
	return nil, false
}
