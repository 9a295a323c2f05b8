package upstream

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

func TestToJSON(t *testing.T) {
	for packed, want := range map[string]string{
		"\xc0": "null", "\xc2": "false", "\xc3": "true",
		"\x00": "0", "\x7f": "127", "\xe0": "-32", "\xff": "-1",
		"\xcc\xff": "255", "\xcd\x01\x00": "256", "\xce\xff\xff\xff\xff": "4294967295", "\xcf" + strings.Repeat("\xff", 8): "18446744073709551615",
		"\xd0\x80": "-128", "\xd1\x80\x00": "-32768", "\xd2\x80\x00\x00\x00": "-2147483648", "\xd3\x80" + strings.Repeat("\x00", 7): "-9223372036854775808",
		"\xca\x3f\x80\x00\x00": "1.0", "\xca\x3d\xcc\xcc\xcd": "0.1",
		"\xcb\x3f\xf8" + strings.Repeat("\x00", 6):  "1.5",
		"\xcb\x80" + strings.Repeat("\x00", 7):      "-0.0",
		upstreamtest.Pack(1e22):                     "1e+22",
		upstreamtest.Pack(5e-324):                   "5e-324",
		upstreamtest.Pack(123456789012345.0):        "123456789012345.0",
		"\xa0":                                      `""`,
		"\xa5\"\\\n\x00\x7f":                        `"\"\\\u000a\u0000` + "\x7f" + `"`,
		"\xd9\x02\xc3\xbc":                          `"ü"`,
		"\xda\x00\x01a":                             `"a"`,
		"\xdb\x00\x00\x00\x01a":                     `"a"`,
		"\xc4\x01a":                                 `"a"`, // as Python 2 wrote it
		"\xc5\x00\x01a":                             `"a"`,
		"\xc6\x00\x00\x00\x01a":                     `"a"`,
		"\x90":                                      "[]",
		"\xdc\x00\x02\x01\x02":                      "[1,2]",
		"\xdd\x00\x00\x00\x01\xc0":                  "[null]",
		"\x80":                                      "{}",
		"\x82\xa1b\x01\xa1a\x91\x80":                `{"b":1,"a":[{}]}`,
		"\xde\x00\x01\xa0\xc0":                      `{"":null}`,
		"\xdf\x00\x00\x00\x01\xa1x\xc3":             `{"x":true}`,
		strings.Repeat("\x91", deepest) + "\x00":    strings.Repeat("[", deepest) + "0" + strings.Repeat("]", deepest),
		upstreamtest.Pack(strings.Repeat("a", 7e4)): `"` + strings.Repeat("a", 7e4) + `"`,
	} {
		got, err := toJSON(packed)
		if err != nil || string(got) != want {
			t.Errorf("toJSON(%.40q) = %.80s, %v, want %.80s", packed, got, err, want)
		}
	}
}

func TestWhatIsNoJSON(t *testing.T) {
	for packed, want := range map[string]string{
		"": "cut off", "\xa5abc": "cut off", "\x92\x01": "cut off", "\x81\xa1a": "cut off", "\xcd\x01": "cut off", "\xd3": "cut off", "\xda\x01": "cut off",
		"\xdd\xff\xff\xff\xff": "cut off", "\xdb\xff\xff\xff\xff": "cut off", "\xca\x00": "cut off", "\xcb\x00": "cut off", "\xc6\x00": "cut off",
		"\x01\x02": "1 bytes follow", `{"a": 1}`: "7 bytes follow",
		"\xa1\xff": "UTF-8", "\xc4\x01\xff": "UTF-8", "\xa3\xed\xa0\x80": "UTF-8", // half of a pair
		"\x81\x01\x02": "a key that is no text", "\x81\xc0\x02": "a key that is no text", "\x81\x90\x02": "a key that is no text",
		"\xc1": "0xc1", "\xd4\x01a": "0xd4", "\xc7\x01\x01a": "0xc7",
		upstreamtest.Pack(math.NaN()): "a number that JSON has not", upstreamtest.Pack(math.Inf(-1)): "a number that JSON has not",
		strings.Repeat("\x91", deepest+1) + "\x00": "too deep",
	} {
		got, err := toJSON(packed)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("toJSON(%.40q) = %.80s, %v; want an error with %q", packed, got, err, want)
		}
	}
}

// Whatever the bytes are, what comes is JSON, or an error.
func FuzzToJSON(f *testing.F) {
	for _, seed := range []any{nil, 1, -70000, 0.5, "ü", []any{true, "x"}, map[string]any{"a": map[string]any{"b": []any{}}}} {
		f.Add([]byte(upstreamtest.Pack(seed)))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		text, err := toJSON(string(packed))
		if err == nil && !json.Valid(text) {
			t.Errorf("toJSON(%q) = %s, which is no JSON", packed, text)
		}
	})
}

// What Python's library would write comes back as the value that it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add(`{"a": [1, -1, 2.5, "x", null, true], "": {}}`)
	f.Add(`[18446744073709551615, 1e300, "\u0000"]`)
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			return
		}
		got, err := toJSON(upstreamtest.Pack(value))
		if err != nil {
			t.Fatalf("toJSON of %s: %v", text, err)
		}
		var back any
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("toJSON of %s gives %s: %v", text, got, err)
		}
		want, _ := json.Marshal(value)
		if again, _ := json.Marshal(back); string(again) != string(want) {
			t.Errorf("toJSON of %s gives %s", want, again)
		}
	})
}
