package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// fuzzDepth is small enough for the fuzzer to reach it.
const fuzzDepth = 12

// fuzzed is a document with nothing behind its text that could be read by mistake.
func fuzzed(text []byte) Document { return Document{slices.Clip(text), fuzzDepth} }

// slowly checks a text by the rules of the API (contract §1.12), with encoding/json for the grammar.
func slowly(text []byte) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return errors.New("not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch v := token.(type) {
		case json.Delim:
			if depth++; v == ']' || v == '}' {
				depth -= 2
			}
			if depth > fuzzDepth {
				return errors.New("too deep")
			}
		case json.Number:
			if _, err := strconv.ParseInt(v.String(), 10, 64); err != nil && !strings.ContainsAny(v.String(), ".eE") {
				return err
			}
		}
	}
}

func slowObject(text []byte) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, errors.New("null")
	}
	return object, nil
}

func slowMessages(text []byte, needsTTL bool) ([]broker.Message, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	if list == nil {
		return nil, errors.New("null")
	}
	var messages []broker.Message
	for _, element := range list {
		object, err := slowObject(element)
		if err != nil {
			return nil, err
		}
		ttl, err := slowSeconds(object, "ttl")
		if err != nil {
			return nil, err
		}
		if object["body"] == nil || needsTTL && object["ttl"] == nil {
			return nil, errors.New("missing")
		}
		messages = append(messages, broker.Message{TTL: ttl.TTL, Body: object["body"]})
	}
	return messages, nil
}

// slowSeconds gives the member as the TTL of terms.
func slowSeconds(object map[string]json.RawMessage, name string) (t Terms, err error) {
	raw, found := object[name]
	if !found {
		return t, nil
	}
	var n int64
	if raw[0] == 'n' {
		return t, errors.New("null")
	}
	if err := json.Unmarshal(raw, &n); err != nil {
		return t, err
	}
	t.TTL = given(marconi.Seconds(n))
	return t, nil
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		`[{"ttl": 60, "body": {"a": [1, 2.50]}}]`, `{"messages": [{"ttl": 60, "body": null}]}`, `{"messages": [{"body": 1}, {"body": "b", "ttl": -1}]}`,
		`{"messages": ["x"], "messages": [{"body": 1}]}`, `{"m\u0065ssages": [{"\u0062ody": 1}]}`, `[{"ttl": 60, "body": "\ud800é\\\/"}]`,
		`{"messages": [{"body": [[[[[[[[[[]]]]]]]]]]}]}`, `[{"ttl": 6e1, "body": 9223372036854775808}]`, "[{\"ttl\": 60, \"body\": \"\xff\"}]", `[1]`, `{"messages": {}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := fuzzed(text)

		got, err := bareMessages(d)
		want, wantErr := slowMessages(text, true)
		compare(t, text, got, err, want, errors.Join(slowly(text), wantErr))

		got, err = wrappedMessages(d)
		object, wantErr := slowObject(text)
		if wantErr == nil {
			want, wantErr = slowMessages(object["messages"], false)
		}
		compare(t, text, got, err, want, errors.Join(slowly(text), wantErr))
	})
}

func FuzzTerms(f *testing.F) {
	for _, seed := range []string{
		`{"ttl": 300, "grace": 60}`, `{"grace": 60, "x": {}, "ttl": 1, "ttl": 300}`, `{}`, ``, `[]`, `{"ttl": 300, "grace": 60.0}`, `{"ttl": null}`, `{"\u0074tl": 1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := anyTerms(fuzzed(text))
		var want Terms
		object, wantErr := slowObject(text)
		if wantErr == nil {
			ttl, err1 := slowSeconds(object, "ttl")
			grace, err2 := slowSeconds(object, "grace")
			want, wantErr = Terms{TTL: ttl.TTL, Grace: grace.TTL}, errors.Join(err1, err2)
		}
		compare(t, text, got, err, want, errors.Join(slowly(text), wantErr))
	})
}

func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{`{}`, ` {"a": 1} `, `[]`, `null`, `{"a": "\ud800"}`, `{"a": 1e400, "a": [-0, 1E+5, 0.0]}`, "{\"\x00\": 1}", `{"a": tru}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := DecodeMetadata(fuzzed(text))
		_, wantErr := slowObject(text)
		compare(t, text, string(got), err, string(bytes.Trim(text, " \t\r\n")), errors.Join(slowly(text), wantErr))

		// A second opinion on the grammar, for texts that are JSON but for what is the API's own.
		if theirs := jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err == nil && !theirs {
			t.Errorf("%q was taken, and jsontext refuses it", text)
		}
	})
}

func compare[T any](t *testing.T, text []byte, got T, err error, want T, wantErr error) {
	t.Helper()
	if err != nil && !isBodyError(err) {
		t.Errorf("decoding %q gave an error of the wrong kind: %v", text, err)
	}
	if (err == nil) != (wantErr == nil) {
		t.Errorf("decoding %q: %v, want %v", text, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("decoding %q = %v, want %v", text, got, want)
	}
}
