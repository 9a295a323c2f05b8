package dialect

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

func doc(text string) Document { return Document{[]byte(text), DefaultDepth} }

func given(n marconi.Seconds) broker.Optional[marconi.Seconds] { return broker.Some(n) }

// isBodyError reports whether err is what decoders may give.
func isBodyError(err error) bool {
	var e *marconi.Error
	return errors.As(err, &e) && e.Kind == marconi.Invalid && e.Code == CodeBody
}

func TestDecodeMessages(t *testing.T) {
	body := func(text string) []byte { return []byte(text) }
	tests := []struct {
		name string
		text string
		v1   []broker.Message // nil: refused
		v11  []broker.Message
	}{
		{name: "one", text: `[{"ttl": 60, "body": {"a": [1, 2.50]}}]`,
			v1: []broker.Message{{TTL: given(60), Body: body(`{"a": [1, 2.50]}`)}}},
		{name: "one, wrapped", text: `{"messages": [{"ttl": 60, "body": null}]}`,
			v11: []broker.Message{{TTL: given(60), Body: body(`null`)}}},
		{name: "two, in order", text: `{"messages": [{"body": 1}, {"body": "b", "ttl": -1}]}`,
			v11: []broker.Message{{Body: body(`1`)}, {TTL: given(-1), Body: body(`"b"`)}}},
		{name: "unknown members", text: `{"x": [{}], "messages": [{"body": 1, "delay": 5, "TTL": 1, "y": {"ttl": "z"}}]}`,
			v11: []broker.Message{{Body: body(`1`)}}},
		{name: "members twice", text: `[{"ttl": 1, "body": 1, "ttl": 2, "body": 2}]`,
			v1: []broker.Message{{TTL: given(2), Body: body(`2`)}}},
		{name: "list twice, the first wrong", text: `{"messages": ["x"], "messages": [{"body": 1}]}`,
			v11: []broker.Message{{Body: body(`1`)}}},
		{name: "list twice, the second wrong", text: `{"messages": [{"body": 1}], "messages": 7}`},
		{name: "escaped names", text: `{"m\u0065ssages": [{"\u0062ody": 1}]}`,
			v11: []broker.Message{{Body: body(`1`)}}},
		{name: "bytes untouched", text: "[{\"ttl\":60,\"body\": \t{ \"b\" : 1E400 , \"a\":\"\\ud800é\\/<>&\" , \"a\": -0 } \n}]",
			v1: []broker.Message{{TTL: given(60), Body: body("{ \"b\" : 1E400 , \"a\":\"\\ud800é\\/<>&\" , \"a\": -0 }")}}},
		{name: "no messages", text: `{"messages": []}`, v11: []broker.Message{}},
		{name: "no messages, bare", text: `[]`, v1: []broker.Message{}},

		{name: "no body", text: ``},
		{name: "blank", text: `  `},
		{name: "bracket", text: `[`},
		{name: "point", text: `.`},
		{name: "string", text: `"fail"`},
		{name: "number", text: `12`},
		{name: "null", text: `null`},
		{name: "empty object", text: `{}`},
		{name: "name of the list alone", text: `["messages"]`},
		{name: "element no object", text: `{"messages": ["x"]}`},
		{name: "bare element no object", text: `[1]`},
		{name: "list no array", text: `{"messages": {"ttl": 60, "body": 1}}`},
		{name: "list null", text: `{"messages": null}`},
		{name: "no body in a message", text: `{"messages": [{"ttl": 60}]}`},
		{name: "no body in a bare message", text: `[{"ttl": 60}]`},
		{name: "no ttl in a bare message", text: `[{"body": 60}]`},
		{name: "ttl null", text: `{"messages": [{"ttl": null, "body": 1}]}`},
		{name: "ttl text", text: `{"messages": [{"ttl": "60", "body": 1}]}`},
		{name: "ttl float", text: `{"messages": [{"ttl": 60.0, "body": 1}]}`},
		{name: "ttl exponent", text: `{"messages": [{"ttl": 6e1, "body": 1}]}`},
		{name: "ttl true", text: `{"messages": [{"ttl": true, "body": 1}]}`},
		{name: "ttl object", text: `[{"ttl": {}, "body": 1}]`},
		{name: "second message wrong", text: `[{"ttl": 60, "body": 1}, {"ttl": 60}]`},
		{name: "overflow in a body", text: `[{"ttl": 60, "body": {"overflow": 9223372036854775808}}]`},
		{name: "overflow beside", text: `{"messages": [{"body": 1}], "x": -9223372036854775809}`},
		{name: "text behind", text: `[{"ttl": 60, "body": 1}] x`},
		{name: "not UTF-8", text: "[{\"ttl\": 60, \"body\": \"\xff\"}]"},
		{name: "too deep", text: `[{"ttl": 60, "body": ` + nested(DefaultDepth-1) + `}]`},
	}
	check := func(t *testing.T, d Dialect, text string, want []broker.Message) {
		got, err := d.DecodeMessages(doc(text))
		if want == nil {
			if !isBodyError(err) || got != nil {
				t.Errorf("version %s: DecodeMessages(%.80q) = %v, %v; want an error of the body", d.Name, text, got, err)
			}
			return
		}
		if err != nil || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("version %s: DecodeMessages(%q) = %v, %v; want %v", d.Name, text, got, err, want)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, v1(), tt.text, tt.v1)
			check(t, v11(), tt.text, tt.v11)
		})
	}
}

// What is 1000 deep is taken, envelope and all.
func TestDecodeDeepMessage(t *testing.T) {
	deep := nested(1000)
	got, err := wrappedMessages(doc(`{"messages": [{"body": ` + deep + `}]}`))
	if err != nil || len(got) != 1 || string(got[0].Body) != deep {
		t.Errorf("a body nested 1000 deep gave %d messages, %v", len(got), err)
	}
}

// The request's buffer is used again: what is decoded must not lie in it.
func TestDecodeCopies(t *testing.T) {
	text := []byte(`{"messages": [{"body": "mine"}]}`)
	messages, err := wrappedMessages(Document{text, 10})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := DecodeMetadata(Document{text, 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		text[i] = 'x'
	}
	if got := string(messages[0].Body); got != `"mine"` {
		t.Errorf("the body became %q when the buffer was used again", got)
	}
	if strings.Contains(string(metadata), "x") {
		t.Errorf("the metadata became %q when the buffer was used again", metadata)
	}
}

func TestDecodeTerms(t *testing.T) {
	var (
		none  = Terms{}
		both  = Terms{TTL: given(300), Grace: given(60)}
		ttl   = Terms{TTL: given(300)}
		ttl0  = Terms{TTL: given(300), Grace: given(0)}
		grace = Terms{Grace: given(60)}
	)
	tests := []struct {
		text                              string
		v1Claim, v1Update, claim11, upd11 *Terms // nil: refused
	}{
		{`{"ttl": 300, "grace": 60}`, &both, &both, &both, &both},
		{`{"grace": 60, "x": {}, "ttl": 1, "ttl": 300}`, &both, &both, &both, &both},
		{`{"ttl": 300}`, nil, &ttl0, &ttl, &ttl},
		{`{"grace": 60}`, nil, nil, &grace, &grace},
		{`{}`, nil, nil, &none, &none},
		{``, nil, nil, &none, nil},
		{` `, nil, nil, nil, nil},
		{`[]`, nil, nil, nil, nil},
		{`[`, nil, nil, nil, nil},
		{`.`, nil, nil, nil, nil},
		{`"fail"`, nil, nil, nil, nil},
		{`{"ttl": 300, "grace": 60.0}`, nil, nil, nil, nil},
		{`{"ttl": "300", "grace": 60}`, nil, nil, nil, nil},
		{`{"ttl": 300, "grace": null}`, nil, nil, nil, nil},
		{`{"ttl": 10000000000000000000, "grace": 60}`, nil, nil, nil, nil},
		{`{"ttl": 300, "grace": 60}}`, nil, nil, nil, nil},
	}
	for _, tt := range tests {
		for _, how := range []struct {
			name   string
			decode func(Document) (Terms, error)
			want   *Terms
		}{
			{"claim of 1.0", v1().DecodeClaim, tt.v1Claim},
			{"update of 1.0", v1().DecodeClaimUpdate, tt.v1Update},
			{"claim of 1.1", v11().DecodeClaim, tt.claim11},
			{"update of 1.1", v11().DecodeClaimUpdate, tt.upd11},
		} {
			got, err := how.decode(doc(tt.text))
			switch {
			case how.want == nil && !isBodyError(err):
				t.Errorf("%s: decoding %q = %v, %v; want an error of the body", how.name, tt.text, got, err)
			case how.want != nil && (err != nil || got != *how.want):
				t.Errorf("%s: decoding %q = %v, %v; want %v", how.name, tt.text, got, err, *how.want)
			}
		}
	}
}

func TestDecodeMetadata(t *testing.T) {
	for _, text := range []string{`{}`, `{"a": 1}`, " {\"a\" :\"<é\\ud800>\", \"a\": 1e400 } \n", `{"_ttl": 60}`} {
		got, err := DecodeMetadata(doc(text))
		if want := strings.TrimSpace(text); err != nil || string(got) != want {
			t.Errorf("DecodeMetadata(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{``, `  `, `{`, `[]`, `.`, `null`, `"not_a_dict"`, `{} {}`, `{"a": NaN}`} {
		if got, err := DecodeMetadata(doc(text)); !isBodyError(err) || got != nil {
			t.Errorf("DecodeMetadata(%q) = %q, %v; want an error of the body", text, got, err)
		}
	}
}
