package dialect

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
)

var update = flag.Bool("update", false, "write the golden files anew")

func someMessages(n int) []marconi.Message {
	messages := make([]marconi.Message, n)
	for i := range messages {
		messages[i] = marconi.Message{
			ID:      marconi.MessageID(fmt.Sprintf("m%d", i+1)),
			TTL:     300,
			Age:     marconi.Seconds(n - i),
			Created: time.Date(2015, 3, 1, 11, 0, i, 999e6, time.FixedZone("CET", 3600)),
			Body:    []byte(`{"job": "<é>"}`),
		}
	}
	return messages
}

// Each version, word by word.
func TestEncode(t *testing.T) {
	one := someMessages(1)
	two := someMessages(2)
	two[0].Claim, two[0].ClaimCount = "c1", 1
	two[1].Checksum = "MD5:00"
	claim := marconi.Claim{ID: "c1", TTL: 100, Age: 7, Messages: two[:1]}
	stats := marconi.Stats{Free: 1, Claimed: 2, Total: 3, Oldest: &two[0], Newest: &two[1]}
	q := []marconi.Queue{
		{QueueRef: marconi.QueueRef{QueueKey: marconi.QueueKey{Name: "a"}}, Metadata: marconi.Metadata(`{}`)},
		{QueueRef: marconi.QueueRef{QueueKey: marconi.QueueKey{Name: "b"}}, Metadata: marconi.Metadata(`{"colour": "red"}`)},
	}
	d1, d11 := v1(), v11()
	const p1, p11 = "/v1/queues/q", "/v1.1/queues/q"

	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"1.0 message", d1.AppendMessageSeen(nil, p1, &one[0]),
			`{"href":"/v1/queues/q/messages/m1","ttl":300,"age":1,"body":{"job": "<é>"}}`},
		{"1.0 claimed message", d1.AppendMessageSeen(nil, p1, &two[0]),
			`{"href":"/v1/queues/q/messages/m1","ttl":300,"age":2,"body":{"job": "<é>"}}`},
		{"1.0 checksum", d1.AppendMessageSeen(nil, p1, &two[1]),
			`{"href":"/v1/queues/q/messages/m2","ttl":300,"age":1,"body":{"job": "<é>"}}`},
		{"1.1 message", d11.AppendMessageSeen(nil, p11, &one[0]),
			`{"id":"m1","href":"/v1.1/queues/q/messages/m1","ttl":300,"age":1,"body":{"job": "<é>"}}`},
		{"1.1 claimed message", d11.AppendMessageSeen(nil, p11, &two[0]),
			`{"id":"m1","href":"/v1.1/queues/q/messages/m1?claim_id=c1","ttl":300,"age":2,"body":{"job": "<é>"}}`},
		{"1.1 checksum", d11.AppendMessageSeen(nil, p11, &two[1]),
			`{"id":"m2","href":"/v1.1/queues/q/messages/m2","ttl":300,"age":1,"body":{"job": "<é>"},"checksum":"MD5:00"}`},

		{"1.0 page", d1.AppendPage(nil, p1, two, "/next"),
			`{"messages":[{"href":"/v1/queues/q/messages/m1","ttl":300,"age":2,"body":{"job": "<é>"}},` +
				`{"href":"/v1/queues/q/messages/m2","ttl":300,"age":1,"body":{"job": "<é>"}}],"links":[{"rel":"next","href":"/next"}]}`},
		{"1.1 empty page", d11.AppendPage(nil, p11, nil, ""), `{"messages":[],"links":[]}`},
		{"1.0 found", d1.AppendFound(nil, p1, one),
			`[{"href":"/v1/queues/q/messages/m1","ttl":300,"age":1,"body":{"job": "<é>"}}]`},
		{"1.1 found", d11.AppendFound(nil, p11, one),
			`{"messages":[{"id":"m1","href":"/v1.1/queues/q/messages/m1","ttl":300,"age":1,"body":{"job": "<é>"}}]}`},

		{"1.0 claimed", d1.AppendClaimed(nil, p1, &claim),
			`[{"href":"/v1/queues/q/messages/m1?claim_id=c1","ttl":300,"age":2,"body":{"job": "<é>"}}]`},
		{"1.1 claimed", d11.AppendClaimed(nil, p11, &claim),
			`{"messages":[{"id":"m1","href":"/v1.1/queues/q/messages/m1?claim_id=c1","ttl":300,"age":2,"body":{"job": "<é>"}}]}`},
		{"1.0 claim", d1.AppendClaim(nil, p1, p1+"/claims/c1", &claim),
			`{"age":7,"ttl":100,"href":"/v1/queues/q/claims/c1","messages":[{"href":"/v1/queues/q/messages/m1?claim_id=c1","ttl":300,"age":2,"body":{"job": "<é>"}}]}`},
		{"1.1 claim", d11.AppendClaim(nil, p11, p11+"/claims/c1", &claim),
			`{"age":7,"ttl":100,"href":"/v1.1/queues/q/claims/c1","messages":[{"id":"m1","href":"/v1.1/queues/q/messages/m1?claim_id=c1","ttl":300,"age":2,"body":{"job": "<é>"}}]}`},

		{"1.0 posted", d1.AppendPosted(nil, p1, []marconi.MessageID{"m1", "m2"}),
			`{"resources":["/v1/queues/q/messages/m1","/v1/queues/q/messages/m2"],"partial":false}`},
		{"1.1 posted", d11.AppendPosted(nil, p11, []marconi.MessageID{"m1"}), `{"resources":["/v1.1/queues/q/messages/m1"]}`},
		{"popped", AppendPopped(nil, two),
			`{"messages":[{"id":"m1","ttl":300,"age":2,"body":{"job": "<é>"},"claim_count":1,"claim_id":null},` +
				`{"id":"m2","ttl":300,"age":1,"body":{"job": "<é>"},"claim_count":0,"claim_id":null,"checksum":"MD5:00"}]}`},
		{"popped nothing", AppendPopped(nil, nil), `{"messages":[]}`},

		{"queues", AppendQueues(nil, "/v1/queues", q, false, "/next"),
			`{"queues":[{"name":"a","href":"/v1/queues/a"},{"name":"b","href":"/v1/queues/b"}],"links":[{"rel":"next","href":"/next"}]}`},
		{"queues in detail", AppendQueues(nil, "/v1.1/queues", q, true, "/next"),
			`{"queues":[{"name":"a","href":"/v1.1/queues/a","metadata":{}},{"name":"b","href":"/v1.1/queues/b","metadata":{"colour": "red"}}],"links":[{"rel":"next","href":"/next"}]}`},
		{"no queues", AppendQueues(nil, "/v1.1/queues", nil, false, ""), `{"queues":[],"links":[]}`},
		{"stats", AppendStats(nil, p1, stats),
			`{"messages":{"claimed":2,"free":1,"total":3,"oldest":{"href":"/v1/queues/q/messages/m1","age":2,"created":"2015-03-01T10:00:00Z"},` +
				`"newest":{"href":"/v1/queues/q/messages/m2","age":1,"created":"2015-03-01T10:00:01Z"}}}`},
		{"stats of nothing", AppendStats(nil, p1, marconi.Stats{}), `{"messages":{"claimed":0,"free":0,"total":0}}`},
		{"volume", AppendVolume(nil, marconi.Volume{Free: 1, Claimed: 2, Total: 3}), `{"claimed":2,"free":1,"total":3}`},
	} {
		if diff := cmp.Diff(tt.want, string(tt.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if !json.Valid(tt.got) {
			t.Errorf("%s is not JSON: %s", tt.name, tt.got)
		}
	}
}

func TestAppendString(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{``, `""`},
		{`a <b> & c`, `"a <b> & c"`},
		{`"quoted" \`, `"\"quoted\" \\"`},
		{"a\n\x00\x1f\x7f", `"a\u000a\u0000\u001f` + "\x7f\""},
		{"é汉\u2028", "\"é汉\u2028\""},
		{"a\xffb", "\"a\uFFFDb\""},
	} {
		if got := string(AppendString(nil, tt.text)); got != tt.want {
			t.Errorf("AppendString(%q) = %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestGoldenDocuments(t *testing.T) {
	documents := map[string][]byte{"versions": VersionsDocument()}
	for _, d := range New(All) {
		for suffix, admin := range map[string]bool{"": false, "-admin": true} {
			home, err := d.HomeDocument(admin)
			if err != nil {
				t.Fatal(err)
			}
			documents["home-"+d.Name+suffix] = home
		}
	}
	for name, document := range documents {
		var v any
		if err := json.Unmarshal(document, &v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		pretty, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", append(pretty, '\n'))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// What a set of versions leaves out is not there, and the others come oldest first.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		set  Version
		want []string
	}{
		{0, nil}, {V1, []string{"/v1"}}, {V11, []string{"/v1.1"}}, {All, []string{"/v1", "/v1.1"}}, {All | Discovery, []string{"", "/v1", "/v1.1"}},
	} {
		var got []string
		for _, d := range New(tt.set) {
			got = append(got, d.Prefix)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("New(%b) (-want +got):\n%s", tt.set, diff)
		}
	}
}
