package pyjson

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestAppend(t *testing.T) {
	// The right column is what Python 3.11 prints for json.dumps(json.loads(left)).
	for _, row := range []struct{ text, want string }{
		{`{"a":1,"b":[1,2,{"c":null}]}`, `{"a": 1, "b": [1, 2, {"c": null}]}`},
		{` [ ] `, `[]`},
		{`{ }`, `{}`},
		{`{"a":1,"b":2,"a":3}`, `{"a": 3, "b": 2}`},
		{`-0`, `0`},
		{`-0.0`, `-0.0`},
		{`1e400`, `Infinity`},
		{`-1e400`, `-Infinity`},
		{`1.50`, `1.5`},
		{`1E5`, `100000.0`},
		{`1e16`, `1e+16`},
		{`123456789012345.6`, `123456789012345.6`},
		{`0.0001`, `0.0001`},
		{`0.00001`, `1e-05`},
		{`9007199254740993`, `9007199254740993`},
		{`"caf\u00e9 é \/ \ud83d\ude00 😀"`, `"caf\u00e9 \u00e9 / \ud83d\ude00 \ud83d\ude00"`},
		{`"\ud800 \u007f \u0000 \b\f\n\r\t\"\\"`, `"\ud800 \u007f \u0000 \b\f\n\r\t\"\\"`},
		{`[true,false,null]`, `[true, false, null]`},
	} {
		if got := string(Append(nil, []byte(row.text))); got != row.want {
			t.Errorf("Append(%s) = %s, want %s", row.text, got, row.want)
		}
	}
}

// FuzzAppend holds that the result says the same as the text, and that writing it again changes nothing.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x"]}`, `"\ud800"`, `[[[]]]`, `{"":{"":{}}}`, `x`, `"`, `{"a"`, `"\`, `"\u12`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Append(nil, text) // must end, whatever the text
		if !json.Valid(text) || bytes.Contains(got, []byte("Infinity")) {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("Append(%q) = %q, which is no JSON", text, got)
		}
		if again := Append(nil, got); !bytes.Equal(again, got) {
			t.Errorf("Append(%q) = %q, and of that %q", text, got, again)
		}
	})
}
