package client

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name, base string
		version    Version
	}{
		{"nothing", "", ""},
		{"another scheme", "ftp://h", ""},
		{"no host", "http:///v1", ""},
		{"no scheme", "localhost:8888", ""},
		{"a query", "http://h/?a=b", ""},
		{"a fragment", "http://h/#a", ""},
		{"credentials", "http://u:hunter2@h", ""},
		{"a broken URL", "http://u:hunter2@h:port", ""},
		{"an unknown version", "http://h", "2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(tt.base, Config{Version: tt.version})
			if err == nil {
				t.Fatalf("New(%q) = %v, want an error", tt.base, c)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v shows the password", err)
			}
		})
	}
}

func TestClientID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := newClient(t, play(), Config{}), newClient(t, play(), Config{})
	if !form.MatchString(a.ID()) || !form.MatchString(b.ID()) {
		t.Errorf("IDs %q and %q are no UUIDs of version 4", a.ID(), b.ID())
	}
	if a.ID() == b.ID() {
		t.Errorf("two clients have the ID %q", a.ID())
	}
	if c := newClient(t, play(), Config{ClientID: "mine"}); c.ID() != "mine" || c.Version() != V11 {
		t.Errorf("ID, Version = %q, %q; want mine, %s", c.ID(), c.Version(), V11)
	}
}

func TestHeaders(t *testing.T) {
	s := play(reply{status: 204})
	post := func(c *Client) { c.Queue("jobs").UpdateClaim(t.Context(), cid1, ClaimUpdate{}) }
	full := newClient(t, s, Config{
		Project: "p1", ClientID: "c1", UserAgent: "worker/1",
		Token: func(context.Context) (string, error) { return "t1", nil },
		Prepare: func(r *http.Request) error {
			r.Header.Set("Traceparent", "00-1")
			r.Header.Add("Accept", "text/x")
			r.Header.Set("Content-Type", "text/y")
			return nil
		},
	})
	post(full)
	post(full) // what Prepare did to the first request must not show in the second
	c, err := New("http://h", Config{ClientID: "c1", Transport: s, Token: func(context.Context) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	post(c)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}

	withAll := http.Header{
		"Accept": {"application/json", "text/x"}, "User-Agent": {"worker/1"}, "Client-Id": {"c1"}, "X-Project-Id": {"p1"},
		"X-Auth-Token": {"t1"}, "Content-Type": {"text/y"}, "Traceparent": {"00-1"},
	}
	withLeast := http.Header{"Accept": {"application/json"}, "User-Agent": {"marconi-client"}, "Client-Id": {"c1"}, "Content-Type": {"application/json"}}
	withoutBody := withLeast.Clone()
	withoutBody.Del("Content-Type")
	if diff := cmp.Diff([]http.Header{withAll, withAll, withLeast, withoutBody}, s.headers); diff != "" {
		t.Errorf("headers differ (-want +got):\n%s", diff)
	}
}

func TestHooksCanRefuse(t *testing.T) {
	locked := errors.New("the key store is locked")
	for name, config := range map[string]Config{
		"Token":   {Token: func(context.Context) (string, error) { return "", locked }},
		"Prepare": {Prepare: func(*http.Request) error { return locked }},
	} {
		config.Observe = func(context.Context, Exchange) { t.Errorf("%s refused, but a request was observed", name) }
		config.Retry = Retry{Attempts: 3}
		s := play(reply{status: 204})
		if err := newClient(t, s, config).Ping(t.Context()); !errors.Is(err, locked) {
			t.Errorf("%s refused: Ping = %v, want %v", name, err, locked)
		}
		if len(s.asked) > 0 {
			t.Errorf("%s refused, but %q was sent", name, s.asked)
		}
	}
}

func TestObserve(t *testing.T) {
	var answers = map[string]string{"/v1.1/queues/a/stats": `{"messages": {"free": 0, "claimed": 0, "total": 0}}`}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, found := answers[r.URL.Path]
		if !found {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte(body))
	})
	type key struct{}
	var seen []Exchange
	c := server.client(t, Config{
		Retry: Retry{Attempts: 2, Wait: time.Millisecond},
		Observe: func(ctx context.Context, x Exchange) {
			if ctx.Value(key{}) != "mine" {
				t.Error("the context is not that of the call")
			}
			seen = append(seen, x)
		},
	})
	ctx := context.WithValue(t.Context(), key{}, "mine")
	if _, err := c.Queue("a").Stats(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Queue("b").UpdateClaim(ctx, cid1, ClaimUpdate{}); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("UpdateClaim = %v, want %v", err, ErrUnavailable)
	}

	for i, x := range seen {
		if x.Connected <= 0 || x.Head < x.Connected || x.Total < x.Head || x.Start.IsZero() {
			t.Errorf("times of exchange %d are out of order: %+v", i, x)
		}
		if failed := x.Status == 503; failed != errors.Is(x.Err, ErrUnavailable) {
			t.Errorf("exchange %d has status %d and error %v", i, x.Status, x.Err)
		}
		seen[i].Start, seen[i].Connected, seen[i].Head, seen[i].Total, seen[i].Err = time.Time{}, 0, 0, 0, nil
	}
	want := []Exchange{
		{Operation: OpGetStats, Method: "GET", Route: "/queues/{queue}/stats", Queue: "a", Attempt: 1, Status: 200,
			Received: int64(len(answers["/v1.1/queues/a/stats"])), Connections: 1},
		{Operation: OpUpdateClaim, Method: "PATCH", Route: "/queues/{queue}/claims/{id}", Queue: "b", Attempt: 1, Status: 503, Sent: 2, Connections: 1, Reused: true},
		{Operation: OpUpdateClaim, Method: "PATCH", Route: "/queues/{queue}/claims/{id}", Queue: "b", Attempt: 2, Status: 503, Sent: 2, Connections: 1, Reused: true},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("exchanges differ (-want +got):\n%s", diff)
	}
}

func TestObserveWithoutAnswer(t *testing.T) {
	var seen []Exchange
	c := newClient(t, play(reply{err: errReset}), Config{Observe: func(_ context.Context, x Exchange) { seen = append(seen, x) }})
	c.Ping(t.Context())
	if len(seen) != 1 || seen[0].Status != 0 || seen[0].Head != 0 || !errors.Is(seen[0].Err, errReset) {
		t.Errorf("observed %+v, want one exchange without an answer", seen)
	}
}
