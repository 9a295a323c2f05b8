package client

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"
)

// What is valid is for encoding/json to say.
func FuzzValidJSON(f *testing.F) {
	for _, value := range []string{
		`{"a": "text", "b": [1, "", null, "more text"]}`, `"plain"`, `""`, `"`, `"open`, `"a"b"`, `"\"\\é\n"`, `"a\`, `"bad \x escape"`,
		"\"control \x01\"", "\"line\nbreak\"", `{"a": "b" "c"}`, `{"a" "b"}`, `["x",]`, ` "a" `, `"a" 1`, `nul`, `01`, ``, " ", "\"\xff\"", `"a\u12"`,
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		if got, want := validJSON(value), json.Valid(value); got != want {
			t.Errorf("validJSON(%q) = %v, want %v", value, got, want)
		}
		if !bytes.Equal(value, before) {
			t.Errorf("validJSON(%q) changed the value to %q", before, value)
		}
	})
}

func BenchmarkValidJSON(b *testing.B) {
	for _, size := range []int{100, 1000, 10_000} {
		value := []byte(`{"n": 1, "text": "` + string(bytes.Repeat([]byte("x"), size)) + `"}`)
		for name, valid := range map[string]func([]byte) bool{"ours": validJSON, "standard": json.Valid} {
			b.Run(strconv.Itoa(size)+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(value)))
				for b.Loop() {
					if !valid(value) {
						b.Fatal("it is valid")
					}
				}
			})
		}
	}
}
