package dialect

import (
	"strings"
	"testing"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

func TestScanner(t *testing.T) {
	right := []string{
		`null`, `true`, `false`, `""`, `"a"`, `0`, `-0`, `[]`, `{}`, " \t\r\n[ ] \n", `[1,2]`, `{"a":1,"b":[{}]}`,
		`"\"\\\/\b\f\n\r\t\u00e9"`,
		`"\ud800"`, `"\udc00\ud800"`, `{"\ud800": 1}`, // lone surrogates
		`"é汉"`, "\"\u2028\x7f\"", // all but control characters may stand as they are
		`9223372036854775807`, `-9223372036854775808`, `000000000000000000`[:1],
		`1e400`, `-1E-400`, `9223372036854775808.0`, `12345678901234567890e1`, `0.5`, `0e0`, `1E+5`,
		`{"a":1,"a":2}`,
		nested(100),
		`"` + strings.Repeat("x", 100) + `"`,
		`"1234567\n"`, `"12345678\n"`, `"123456789\n"`, // an escape on either side of eight bytes
	}
	for _, text := range right {
		s := newScanner(Document{[]byte(text), 100})
		if got := string(s.value()); s.end() != nil || got != strings.Trim(text, " \t\r\n") {
			t.Errorf("scanning %q gave %q, %v", text, got, s.err)
		}
	}

	wrong := []string{
		``, ` `, `nul`, `nulL`, `True`, `tru`, `NaN`, `Infinity`, `-Infinity`, `.`, `+1`, `01`, `-`, `-01`, `1.`, `.5`, `1e`, `1e+`, `0x10`,
		`"`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u`, "\"\x00\"", "\"\n\"", "\"1234567\x1f\"", "\"12345678\x1f\"",
		`[`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `]`, `[}`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{1:1}`,
		`{"a" 1}`, `{"a":1 "b":2}`, `{"a":1]`, `'a'`,
		`[] []`, `{}x`, `1 1`, `null,`, "\x00", "[]\x00", "\v[]", "\u00a0[]",
		"\ufeff[]",                                 // a byte-order mark
		"\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", // no UTF-8, the last a surrogate in the guise of it
		`9223372036854775808`, `-9223372036854775809`, `[{"a": 100000000000000000000}]`,
		nested(101), strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<20),
	}
	for _, text := range wrong {
		s := newScanner(Document{[]byte(text), 100})
		s.value()
		if s.end() == nil {
			t.Errorf("scanning %.40q found nothing wrong", text)
		}
	}
}

// The depth is counted per branch: siblings don't add up.
func TestScannerDepth(t *testing.T) {
	text := "[" + strings.Repeat(nested(9)+",", 50) + nested(9) + "]"
	s := newScanner(Document{[]byte(text), 10})
	if s.value(); s.end() != nil {
		t.Errorf("scanning 51 arrays of depth 9 in an array: %v", s.err)
	}
}

// The first mistake is the one that is told, and where it was.
func TestScannerFirstMistake(t *testing.T) {
	s := newScanner(Document{[]byte(`[1, tru, "`), 10})
	s.value()
	want := "the body is not valid JSON: no value at byte 4"
	if err := s.end(); err == nil || err.Error() != want {
		t.Errorf("scanning gave %v, want %q", err, want)
	}
}

func TestPlain(t *testing.T) {
	for size := range 20 {
		text := strings.Repeat("a", size)
		if got := plain([]byte(text)); got != size {
			t.Errorf("plain(%q) = %d, want %d", text, got, size)
		}
		for at := range size {
			for _, c := range []byte{0, '\n', 0x1f, '"', '\\'} {
				text := []byte(text)
				text[at] = c
				if got := plain(text); got != at {
					t.Errorf("plain(%q) = %d, want %d", text, got, at)
				}
			}
			for _, c := range []byte{' ', '!', '#', '[', ']', 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff} {
				text := []byte(text)
				text[at] = c
				if got := plain(text); got != size {
					t.Errorf("plain(%q) = %d, want %d", text, got, size)
				}
			}
		}
	}
}
