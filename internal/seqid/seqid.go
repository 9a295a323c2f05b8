// Package seqid makes sequence numbers that a restart, a failover or a new beginning never turns back, and the texts
// that carry them: identifiers (epoch and sequence) and positions.
package seqid

import (
	"strconv"
)

// Next is the sequence number that follows last at the given time in Unix milliseconds: at least now × 1024, so that
// numbers begun anew are above all earlier ones as long as clocks agree. It stays below 2^53 until the year 2248.
func Next(last, nowMillis int64) int64 { return max(last+1, nowMillis<<10) }

// epochBits of an epoch are in an identifier: enough to tell epochs of one name apart.
const epochBits = 40

// Length is how long an identifier is.
const Length = 24

const hexDigits = "0123456789abcdef"

// Format makes an identifier of 24 lower-case hexadecimal digits: 10 of the epoch's low bits, 14 of the sequence.
func Format(epoch, seq int64) string {
	var room [Length]byte
	return string(Append(room[:0], epoch, seq))
}

// Append appends the identifier that [Format] makes.
func Append(dst []byte, epoch, seq int64) []byte {
	var b [Length]byte
	e, s := uint64(epoch)&(1<<epochBits-1), uint64(seq)
	for i := 9; i >= 0; i-- {
		b[i] = hexDigits[e&15]
		e >>= 4
	}
	for i := 23; i >= 10; i-- {
		b[i] = hexDigits[s&15]
		s >>= 4
	}
	return append(dst, b[:]...)
}

// Parse reads an identifier of the given epoch. Anything else, of another epoch or of another form, is not ok.
func Parse(epoch int64, id string) (seq int64, ok bool) {
	if len(id) != Length {
		return 0, false
	}
	var e, s uint64
	for i := range len(id) {
		v := unhex(id[i])
		if v > 15 {
			return 0, false
		}
		if i < 10 {
			e = e<<4 | uint64(v)
		} else {
			s = s<<4 | uint64(v)
		}
	}
	return int64(s), e == uint64(epoch)&(1<<epochBits-1)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// Position is the text of a place in a sequence: decimal digits.
func Position(seq int64) string { return strconv.FormatInt(seq, 10) }

// ParsePosition reads a position. "" is the start, 0. Anything that [Position] cannot have made is not ok.
func ParsePosition(text string) (seq int64, ok bool) {
	if text == "" {
		return 0, true
	}
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 0 || strconv.FormatInt(seq, 10) != text {
		return 0, false
	}
	return seq, true
}
