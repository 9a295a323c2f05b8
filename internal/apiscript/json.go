package apiscript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// parseJSON reads one value. Numbers keep their spelling.
func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("parse JSON %s: %w", clip(text), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse JSON %s: something follows the value", clip(text))
	}
	return v, nil
}

// showJSON is a value as text, keys sorted.
func showJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprintf("%v (%v)", v, err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// show is showJSON for a failure's text.
func show(v any) string { return clip([]byte(showJSON(v))) }

// plain is a string as it is, and any other value as JSON.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return showJSON(v)
}

var errAbsent = errors.New("nothing is there")

// lookup gives the values at a path such as .messages.*.body. There is always at least one: a star that stands for
// nothing is absent, lest a check of all elements should pass for want of any.
func lookup(doc any, path string) ([]any, error) {
	rest, found := strings.CutPrefix(path, ".")
	if !found {
		return nil, fmt.Errorf("a path begins with a dot: %s", path)
	}
	values := []any{doc}
	if rest == "" {
		return values, nil
	}
	for _, key := range strings.Split(rest, ".") {
		var next []any
		for _, v := range values {
			below, err := descend(v, key)
			if err != nil {
				return nil, fmt.Errorf("%s, at %s: %w", path, key, err)
			}
			next = append(next, below...)
		}
		if len(next) == 0 {
			return nil, fmt.Errorf("%s, at %s: %w", path, key, errAbsent)
		}
		values = next
	}
	return values, nil
}

func descend(v any, key string) ([]any, error) {
	switch v := v.(type) {
	case map[string]any:
		if key == "*" {
			return valuesByKey(v), nil
		}
		if below, found := v[key]; found {
			return []any{below}, nil
		}
	case []any:
		if key == "*" {
			return v, nil
		}
		i, err := strconv.Atoi(key)
		if err != nil {
			return nil, errors.New("this is an array")
		}
		if 0 <= i && i < len(v) {
			return v[i : i+1], nil
		}
	}
	return nil, errAbsent
}

func valuesByKey(m map[string]any) []any {
	var values []any
	for _, k := range sortedKeys(m) {
		values = append(values, m[k])
	}
	return values
}

// typeOf names the JSON type of a value, and integers apart.
func typeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return "integer"
		}
		return "number"
	}
	return "null"
}

func isType(v any, want string) bool {
	got := typeOf(v)
	return got == want || want == "number" && got == "integer"
}

// A span is a range of integers, both ends included; a nil end is open.
type span struct{ lo, hi *int64 }

// parseSpan reads 5, 1..20, 0.. or ..9.
func parseSpan(text string) (span, error) {
	lo, hi, isRange := strings.Cut(text, "..")
	if !isRange {
		hi = lo
	}
	var s span
	for _, end := range []struct {
		text string
		to   **int64
	}{{lo, &s.lo}, {hi, &s.hi}} {
		if end.text == "" && isRange {
			continue
		}
		n, err := strconv.ParseInt(end.text, 10, 64)
		if err != nil {
			return span{}, fmt.Errorf("a range is 5, 1..20, 0.. or ..9, not %q", text)
		}
		*end.to = &n
	}
	return s, nil
}

func (s span) has(n int64) bool {
	return (s.lo == nil || *s.lo <= n) && (s.hi == nil || n <= *s.hi)
}
