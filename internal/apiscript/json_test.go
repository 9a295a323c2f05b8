package apiscript

import (
	"errors"
	"testing"
)

func TestLookup(t *testing.T) {
	doc, err := parseJSON([]byte(`{"a": [{"b": 1}, {"b": 2.0}], "none": [], "o": {"y": "Y", "x": null}, "rel/q": true}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{".a.0.b", `[1]`},
		{".a.*.b", `[1,2.0]`},
		{".o.*", `[null,"Y"]`},
		{".rel/q", `[true]`},
		{".none", `[[]]`},
	}
	for _, tt := range tests {
		got, err := lookup(doc, tt.path)
		if err != nil || showJSON(got) != tt.want {
			t.Errorf("lookup(%s) = %s, %v, want %s", tt.path, showJSON(got), err, tt.want)
		}
	}
	for _, path := range []string{".b", ".a.2", ".a.-1", ".none.*", ".none.*.b", ".o.y.z", ".a.0.b.c"} {
		if got, err := lookup(doc, path); !errors.Is(err, errAbsent) {
			t.Errorf("lookup(%s) = %v, %v, want absent", path, got, err)
		}
	}
	for _, path := range []string{"", "a", ".a.b"} {
		if got, err := lookup(doc, path); err == nil || errors.Is(err, errAbsent) {
			t.Errorf("lookup(%s) = %v, %v, want a mistake in the path", path, got, err)
		}
	}
}

func TestParseJSONWantsOneValue(t *testing.T) {
	for _, text := range []string{"", "{", "{} {}", "[1,]", "NaN"} {
		if v, err := parseJSON([]byte(text)); err == nil {
			t.Errorf("parseJSON(%q) = %v, want an error", text, v)
		}
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		text    string
		in, out []int64
	}{
		{"5", []int64{5}, []int64{4, 6}},
		{"1..20", []int64{1, 20}, []int64{0, 21}},
		{"0..", []int64{0, 1 << 60}, []int64{-1}},
		{"..-9", []int64{-9, -1 << 60}, []int64{-8}},
	}
	for _, tt := range tests {
		s, err := parseSpan(tt.text)
		if err != nil {
			t.Errorf("parseSpan(%q): %v", tt.text, err)
			continue
		}
		for _, n := range tt.in {
			if !s.has(n) {
				t.Errorf("%s does not have %d", tt.text, n)
			}
		}
		for _, n := range tt.out {
			if s.has(n) {
				t.Errorf("%s has %d", tt.text, n)
			}
		}
	}
	for _, text := range []string{"", "x", "1..x", "1.5"} {
		if _, err := parseSpan(text); err == nil {
			t.Errorf("parseSpan(%q) has no error", text)
		}
	}
}

func TestIsType(t *testing.T) {
	doc, err := parseJSON([]byte(`{"object": {}, "array": [], "string": "1", "boolean": false, "integer": -7, "number": 1.0, "null": null}`))
	if err != nil {
		t.Fatal(err)
	}
	names := sortedKeys(doc.(map[string]any))
	for _, name := range names {
		for _, want := range names {
			got := isType(doc.(map[string]any)[name], want)
			if fits := name == want || want == "number" && name == "integer"; got != fits {
				t.Errorf("isType(%s, %s) = %v", name, want, got)
			}
		}
	}
}
