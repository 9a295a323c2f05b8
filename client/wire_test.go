package client

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSeconds(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want int64
	}{
		{0, 0},
		{1, 1},
		{time.Second, 1},
		{time.Second + 1, 2},
		{time.Minute, 60},
		{-time.Second, -1},
		{-1, 0},
		{math.MaxInt64, 9223372037},
	}
	for _, tt := range tests {
		if got := seconds(tt.d); got != tt.want {
			t.Errorf("seconds(%d) = %d, want %d", tt.d, got, tt.want)
		}
	}
}

func TestSpan(t *testing.T) {
	for s, want := range map[int64]time.Duration{
		0: 0, 60: time.Minute, -1: -time.Second,
		math.MaxInt64: 9223372036 * time.Second, math.MinInt64: -9223372036 * time.Second,
	} {
		if got := span(s); got != want {
			t.Errorf("span(%d) = %v, want %v", s, got, want)
		}
	}
}

func TestLastSegment(t *testing.T) {
	for href, want := range map[string]string{
		"":                              "",
		"id":                            "",
		"/":                             "",
		"/v1/queues/q/messages/":        "",
		"/v1/queues/q/messages/a":       "a",
		"/v1/queues/q/messages/a?b=c/d": "a",
		"http://h/messages/a%2Fb":       "a/b",
		"/messages/%zz":                 "%zz",
	} {
		if got := lastSegment(href); got != want {
			t.Errorf("lastSegment(%q) = %q, want %q", href, got, want)
		}
	}
}

func TestClaimIn(t *testing.T) {
	for query, want := range map[string]ClaimID{
		"":                   "",
		"claim_id=a":         "a",
		"claim_id=a%2Db":     "a-b",
		"x=1&claim_id=a&y=2": "a",
		"claim_id=a&x=1":     "a",
		"claim_ids=a":        "",
	} {
		if got := claimIn(query); got != want {
			t.Errorf("claimIn(%q) = %q, want %q", query, got, want)
		}
	}
}

func TestEncodeAndDecode(t *testing.T) {
	type job struct {
		Path string `json:"path"`
	}
	text, err := Encode(job{"<a>&b"})
	if err != nil || string(text) != `{"path":"<a>&b"}` {
		t.Errorf("Encode = %s, %v", text, err)
	}
	if got, err := Decode[job](text); err != nil || got.Path != "<a>&b" {
		t.Errorf("Decode = %v, %v", got, err)
	}
	if _, err := Encode(make(chan int)); err == nil || !strings.Contains(err.Error(), "encode chan int") {
		t.Errorf("Encode of a channel: %v, want an error that says so", err)
	}
	if _, err := Decode[job](raw(`"a"`)); err == nil || !strings.Contains(err.Error(), "decode into client.job") {
		t.Errorf("Decode of a text: %v, want an error that says so", err)
	}
	if _, err := Decode[job](nil); err == nil {
		t.Error("Decode of nothing: no error")
	}
}

// What is posted is what was given, in both versions, whatever the bodies.
func TestEncodedPost(t *testing.T) {
	type sent struct {
		TTL  *int64          `json:"ttl"`
		Body json.RawMessage `json:"body"`
	}
	read := map[Version]func([]byte) ([]sent, error){
		V1: func(b []byte) (list []sent, err error) { return list, json.Unmarshal(b, &list) },
		V11: func(b []byte) ([]sent, error) {
			var object struct{ Messages []sent }
			err := json.Unmarshal(b, &object)
			return object.Messages, err
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "texts")
		ttls := rapid.SliceOfN(rapid.Int64Range(1, 1209600), len(texts), len(texts)).Draw(t, "ttls")
		var messages []NewMessage
		var want []sent
		for i, text := range texts {
			body, err := Encode(map[string]string{text: text})
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, NewMessage{TTL: time.Duration(ttls[i]) * time.Second, Body: body})
			want = append(want, sent{&ttls[i], body})
		}
		for _, d := range []*dialect{v1(), v11()} {
			encoded, err := d.encodePost(messages)
			if err != nil {
				t.Fatal(err)
			}
			got, err := read[d.version](encoded)
			if err != nil {
				t.Fatalf("API %s: %s: %v", d.version, encoded, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("API %s: the post differs (-want +got):\n%s", d.version, diff)
			}
		}
	})
}

// FuzzUsualPosted holds the quick reader of answers to posts against the one of the library.
func FuzzUsualPosted(f *testing.F) {
	for _, seed := range []string{
		`{"resources":["/v1.1/queues/q/messages/a"]}`,
		`{"resources":["/v1/queues/q/messages/a","/v1/queues/q/messages/b"],"partial":false}`,
		`{"resources": ["/v1/queues/q/messages/a", "/v1/queues/q/messages/b"], "partial": false}`,
		`{"resources":["a" "b"]}`, `{"resources":["a",]}`, `{"resources":[,"a"]}`, `{"resources":[]}`, `{"resources":["\u0061"]}`,
		"{\"resources\":[\"\xff\"]}", "{\"resources\":[\"\n\"]}", `{"resources":["a"]}}`, `{"resources":["a"]`, `{"resources":["a`, `{"resources":`,
	} {
		f.Add([]byte(seed), 1)
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, body []byte, posted int) {
		got, usual := usualPosted(body, posted)
		if !usual {
			return
		}
		var want struct{ Resources []string }
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q is no JSON (%v), and is read as %q", body, err, got)
		}
		if !slices.Equal(got, want.Resources) {
			t.Fatalf("%q is read as %q, not as %q", body, got, want.Resources)
		}
	})
}

// What servers write is read the quick way.
func TestUsualPosted(t *testing.T) {
	for _, body := range []string{
		`{"resources":["/m/a","/m/é"]}`, `{"resources":["/m/a","/m/é"],"partial":false}`, `{"resources": ["/m/a", "/m/é"], "partial": false}`,
	} {
		if hrefs, usual := usualPosted([]byte(body), 2); !usual || !slices.Equal(hrefs, []string{"/m/a", "/m/é"}) {
			t.Errorf("%s is read as %q, %v", body, hrefs, usual)
		}
		if hrefs, usual := usualPosted([]byte(body), 3); usual {
			t.Errorf("%s is read as three: %q", body, hrefs)
		}
	}
}

// FuzzAnswers gives one answer to every operation of both versions. None may panic, hang, or make a message without an ID.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []struct {
		status        int
		location, doc string
	}{
		{200, "", `{"messages": [{"id": "a", "href": "/v1/queues/q/messages/a?claim_id=b", "ttl": 60, "age": 1, "body": null}], "links": [{"rel": "next", "href": "/v1/queues/q/messages?marker=1"}]}`},
		{200, "", `[{"href": "/v1/queues/q/messages/a", "ttl": 60, "age": 1, "body": {"a": [1e400]}}]`},
		{200, "", `{"queues": [{"name": "a", "href": "/v1/queues/a", "metadata": {}}], "links": []}`},
		{200, "", `{"messages": {"claimed": 0, "free": 1, "total": 1, "oldest": {"href": "/a/b", "age": 1, "created": "2015-03-01T10:00:00Z"}}}`},
		{201, "/v1/queues/q/claims/c", `{"resources": ["/v1/queues/q/messages/a"], "partial": false}`},
		{201, "%", `{"messages": [{}]}`},
		{200, "", `{"age": 1, "ttl": 60, "href": "/x", "messages": []}`},
		{200, "", `{"catalog_reachable": true, "p": {"storage_reachable": true}}`},
		{404, "", `{"title": "Not found", "description": "no"}`},
		{300, "", `{"versions": [{"id": "1", "links": [{"rel": "self"}]}]}`},
		{204, "", ``},
	} {
		f.Add(seed.status, seed.location, []byte(seed.doc))
	}
	f.Fuzz(func(t *testing.T, status int, location string, body []byte) {
		fixed := fix(status, location, body)
		for _, v := range []Version{V1, V11} {
			c, err := New("http://h", Config{Version: v, Transport: fixed})
			if err != nil {
				t.Fatal(err)
			}
			callAll(t, c)
		}
	})
}

// A fixedAnswer is a transport that answers always the same, and costs next to nothing.
type fixedAnswer struct {
	status int
	header http.Header
	body   []byte
}

func fix(status int, location string, body []byte) *fixedAnswer {
	return &fixedAnswer{status, http.Header{"Location": {location}}, body}
}

func (f *fixedAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: f.status, Header: f.header, Body: io.NopCloser(bytes.NewReader(f.body)), ContentLength: int64(len(f.body)), Request: req,
	}, nil
}

func callAll(t *testing.T, c *Client) {
	t.Helper()
	ctx, q := t.Context(), c.Queue("q")
	c.Ping(ctx)
	c.Home(ctx)
	c.Versions(ctx)
	c.Health(ctx)
	q.Create(ctx, raw("{}"))
	q.Exists(ctx)
	q.Stats(ctx)
	q.Post(ctx, NewMessage{})
	if m, err := q.Metadata(ctx); err == nil && !json.Valid(m) {
		t.Errorf("metadata %q are no JSON", m)
	}
	for range c.Queues(ctx, QueueListing{}) {
	}
	one, err := q.Message(ctx, "a")
	wantIDs(t, err, one)
	many, err := q.MessagesByID(ctx, "a")
	wantIDs(t, err, many...)
	popped, err := q.Pop(ctx, 1)
	wantIDs(t, err, popped...)
	for m, err := range q.Messages(ctx, MessageListing{}) {
		wantIDs(t, err, m)
	}
	if claim, err := q.Claim(ctx, ClaimRequest{}); err == nil {
		wantIDs(t, err, claim.Messages...)
		if len(claim.Messages) > 0 && claim.ID == "" {
			t.Error("a claim without an ID holds messages")
		}
	}
	if claim, err := q.ClaimByID(ctx, "a"); err == nil {
		wantIDs(t, err, claim.Messages...)
	}
}

func wantIDs(t *testing.T, err error, messages ...Message) {
	t.Helper()
	for _, m := range messages {
		if err == nil && m.ID == "" {
			t.Errorf("a message without an ID: %+v", m)
		}
	}
}

// BenchmarkPost is the client's own share of a post, without the transport.
func BenchmarkPost(b *testing.B) {
	const ack = `{"resources": ["/v1.1/queues/jobs/messages/` + id1 + `"]}`
	body := raw(`{"filler": "` + strings.Repeat("x", 1000) + `"}`)
	q := newClient(b, fix(201, "", []byte(ack)), Config{}).Queue("jobs")
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := q.Post(b.Context(), NewMessage{TTL: time.Minute, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClaim is the client's own share of a claim of ten messages of 1 kB.
func BenchmarkClaim(b *testing.B) {
	one := `{"id": "` + id1 + `", "href": "/v1.1/queues/jobs/messages/` + id1 + `?claim_id=` + cid1 + `", "ttl": 300, "age": 1, "body": "` + strings.Repeat("x", 1000) + `"}`
	doc := []byte(`{"messages": [` + strings.Repeat(one+",", 9) + one + `]}`)
	q := newClient(b, fix(201, "/v1.1/queues/jobs/claims/"+cid1, doc), Config{}).Queue("jobs")
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := q.Claim(b.Context(), ClaimRequest{}); err != nil {
			b.Fatal(err)
		}
	}
}
