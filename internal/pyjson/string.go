package pyjson

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string writes a string unit by unit: a lone surrogate stays one, and a pair a pair.
func (w *writer) string() {
	w.at++
	w.out = append(w.out, '"')
	for w.at < len(w.text) && w.text[w.at] != '"' {
		if w.text[w.at] == '\\' {
			w.out = appendUnit(w.out, w.escape())
			continue
		}
		r, size := utf8.DecodeRune(w.text[w.at:])
		w.at += size
		if r <= 0xFFFF {
			w.out = appendUnit(w.out, uint16(r))
			continue
		}
		high, low := utf16.EncodeRune(r)
		w.out = appendUnit(appendUnit(w.out, uint16(high)), uint16(low))
	}
	w.at++
	w.out = append(w.out, '"')
}

func (w *writer) escape() uint16 {
	if w.at+1 >= len(w.text) {
		w.at = len(w.text)
		return utf8.RuneError
	}
	c := w.text[w.at+1]
	w.at += 2
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		end := min(w.at+4, len(w.text))
		unit, _ := strconv.ParseUint(string(w.text[w.at:end]), 16, 16)
		w.at = end
		return uint16(unit)
	}
	return uint16(c)
}

func appendUnit(out []byte, u uint16) []byte {
	switch u {
	case '"':
		return append(out, `\"`...)
	case '\\':
		return append(out, `\\`...)
	case '\b':
		return append(out, `\b`...)
	case '\f':
		return append(out, `\f`...)
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	if ' ' <= u && u <= '~' {
		return append(out, byte(u))
	}
	const hex = "0123456789abcdef"
	return append(out, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
}
