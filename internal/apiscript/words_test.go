package apiscript

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplitWords(t *testing.T) {
	tests := []struct {
		line string
		max  int
		tail bool
		want []string
	}{
		{"", -1, false, nil},
		{"  a  b\tc ", -1, false, []string{"a", "b", "c"}},
		{"'a b' '' 'it''s' c'd", -1, false, []string{"a b", "", "it's", "c'd"}},
		{"a b  c 'd' ", 2, true, []string{"a", "b", "c 'd'"}},
		{"a b", 2, true, []string{"a", "b", ""}},
		{"a", 2, true, []string{"a"}},
	}
	for _, tt := range tests {
		got, err := splitWords(tt.line, tt.max, tt.tail)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("splitWords(%q, %d, %v) = %q, %v, want %q", tt.line, tt.max, tt.tail, got, err, tt.want)
		}
	}
	if got, err := splitWords("a 'b c", -1, false); err == nil {
		t.Errorf("splitWords of a quote without end = %q, want an error", got)
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"V": "/v1.1", "id_2": "x y"}
	tests := []struct{ text, want string }{
		{"$V/queues/${id_2}s", "/v1.1/queues/x ys"},
		{"#$%^&Apple costs 5$", "#$%^&Apple costs 5$"},
		{"$$V ^$V$", "$V ^/v1.1$"},
		{"${i*4}|${ab*2}|${[*3}|${$id_2,*2}", "iiii|abab|[[[|x y,x y,"},
		{"${hex:c3A4}", "ä"},
		{"${}", "${}"},
	}
	for _, tt := range tests {
		got, err := expand(tt.text, vars)
		if err != nil || got != tt.want {
			t.Errorf("expand(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"$unknown", "${unknown}", "${hex:abc}", "${x*99999999999999999999}"} {
		if got, err := expand(text, vars); err == nil {
			t.Errorf("expand(%q) = %q, want an error", text, got)
		}
	}
}

func TestExpandBodyFillsToTheByte(t *testing.T) {
	vars := map[string]string{"word": "säue", "size": "5"}
	tests := []struct {
		text string
		want string
	}{
		{`["$word", "${fill:20}"]`, `["säue", "xxxxxxx"]`},
		{`[]${blanks:5}`, `[]   `},
		{`[]${blanks:2}`, `[]`},
		{`[]${fill:$size}`, `[]xxx`},
		{`{"a": 1}`, `{"a": 1}`},
	}
	for _, tt := range tests {
		got, err := expandBody(tt.text, vars)
		if err != nil || got != tt.want {
			t.Errorf("expandBody(%q) = %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{`[]${blanks:1}`, `${fill:99999999999999999999}`, `$unknown${fill:30}`, `${fill:$unknown}`, `${fill:30}$unknown`} {
		if got, err := expandBody(text, vars); err == nil {
			t.Errorf("expandBody(%q) = %q, want an error", text, got)
		}
	}
}

func TestClipShowsNoControlCharacters(t *testing.T) {
	if got := clip([]byte("a\x1b[0m\xff\n")); got != "a·[0m�\n" {
		t.Errorf("clip = %q", got)
	}
	if got := clip([]byte(strings.Repeat("y", 4000))); !strings.HasSuffix(got, "y… (4000 bytes)") || len(got) > 2000 {
		t.Errorf("clip of 4000 bytes ends in %q", got[len(got)-30:])
	}
}
