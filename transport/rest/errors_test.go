package rest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Everything that can go wrong looks the same; this file is what users may count on.
func TestGoldenErrors(t *testing.T) {
	c := &call{api: &api{buffers: newBuffers()}, place: place{node: &node{allow: "GET, PUT"}}}
	var b strings.Builder
	for _, err := range []error{
		errNoPath, errSigned, errMethod, errNoMethod, errFormType, errNotAcceptable, errNoClient, errNoProject, errEmptyProject, errNoIDs, errBug, errClaimGone,
		badParameter("limit", "an integer"),
		marconi.Refuse("client-id", "a client ID is a UUID"), marconi.Refuse("queue-name", "a \"name\" <b>"), marconi.Refuse("project-length", "long"),
		marconi.Refuse(dialect.CodeBody, "the body is wrong"), marconi.Refuse("limit-range", "limit has to be from 1 to 20"), marconi.Refuse("new-code", "é is wrong"),
		fmt.Errorf("get message 7 at postgres://secret: %w", marconi.ErrNoMessage), marconi.ErrNoQueue, marconi.ErrNoClaim,
		marconi.ErrClaimed, marconi.ErrNotOwner, marconi.ErrNotClaimed,
		&marconi.Error{Kind: marconi.Conflict, Code: "taken", Text: "the name is taken"},
		&marconi.Error{Kind: marconi.Unauthenticated, Code: "token", Text: "the token is not valid"},
		&marconi.Error{Kind: marconi.Forbidden, Code: "policy", Text: "you are not authorized to complete this action"},
		&marconi.Error{Kind: marconi.Exhausted, Code: "quota", Text: "the quota is used up"},
		&marconi.Error{Kind: marconi.Internal, Code: "oops", Text: "secret"},
		marconi.ErrUnavailable, errors.New("secret"),
	} {
		rep := c.refusal(err)
		fmt.Fprintf(&b, "%d %s", rep.status, rep.body)
		for name, value := range map[string]string{"Allow": rep.allow, "Retry-After": rep.retryAfter} {
			if value != "" {
				fmt.Fprintf(&b, " %s: %s", name, value)
			}
		}
		if rep.vary != "Accept" {
			t.Errorf("%v varies by %q", err, rep.vary)
		}
		b.WriteByte('\n')
	}
	if strings.Contains(b.String(), "secret") {
		t.Error("an error gave away what is for the log")
	}
	golden(t, "errors.txt", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// With the stores gone everything that needs them is 503, with a body but for three old resources.
func TestStoresGone(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.AdminMode = true })
	s.want(201, "PUT", "/v1/queues/q", "")
	s.closeStores()
	message, claim := `[{"ttl": 60, "body": 1}]`, `{"ttl": 60, "grace": 60}`
	for _, tt := range []struct {
		method, target, body string
		bare                 bool
	}{
		{"GET", "/v1/queues", "", false}, {"PUT", "/v1/queues/p", "", false}, {"DELETE", "/v1/queues/q", "", false},
		{"GET", "/v1/queues/q", "", false}, {"GET", "/v1/queues/q/metadata", "", false}, {"PUT", "/v1/queues/q/metadata", "{}", false}, {"GET", "/v1/queues/q/stats", "", false},
		{"GET", "/v1/queues/q/messages", "", false}, {"POST", "/v1/queues/q/messages", message, false}, {"DELETE", "/v1/queues/q/messages?ids=a", "", false},
		{"GET", "/v1/queues/q/messages/a", "", false}, {"DELETE", "/v1/queues/q/messages/a", "", false},
		{"POST", "/v1/queues/q/claims", claim, false}, {"GET", "/v1/queues/q/claims/a", "", false}, {"PATCH", "/v1/queues/q/claims/a", claim, false}, {"DELETE", "/v1/queues/q/claims/a", "", false},
		{"GET", "/v1/health", "", true},
		{"GET", "/v1.1/ping", "", true},
		{"GET", "/v1.1/health", "", false}, {"GET", "/v1.1/queues/q", "", false}, {"DELETE", "/v1.1/queues/q/messages?pop=1", "", false},
		{"POST", "/v1.1/queues/new/messages", `{"messages": [{"body": 1}]}`, false},
	} {
		a := s.want(503, tt.method, tt.target, tt.body)
		if a.header.Get("Retry-After") != "30" || a.header["Location"] != nil {
			t.Errorf("%s %s: retry after %q, location %q", tt.method, tt.target, a.header["Retry-After"], a.header["Location"])
		}
		if tt.bare != (a.body == "") || !tt.bare && a.title(t) != "Service temporarily unavailable" {
			t.Errorf("%s %s: body %q", tt.method, tt.target, a.body)
		}
	}
	s.want(204, "HEAD", "/v1/health", "")
	s.want(204, "HEAD", "/v1.1/ping", "")
	if a := s.want(503, "GET", "/v1/queues/q/messages?limit=3", ""); a.header.Get("Content-Location") != "/v1/queues/q/messages?limit=3" {
		t.Errorf("a list that failed is at %q", a.header["Content-Location"])
	}
}

// A bug ends the request it hit, in words that tell nothing, and is in the log.
func TestPanic(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Admit = func(_ context.Context, c marconi.Caller, _ marconi.Operation) error {
			if c.Project == "cursed" {
				panic("a secret")
			}
			return nil
		}
	})
	a := s.want(500, "GET", "/v1/queues", "", "X-Project-ID: cursed")
	if a.title(t) != "Internal server error" || strings.Contains(a.body, "secret") {
		t.Errorf("a panic shows as %s", a.body)
	}
	log := s.log.String()
	id := a.header.Get("X-Openstack-Request-Id")
	if !strings.Contains(log, `"msg":"panic in a handler","request_id":"`+id+`","panic":"a secret","stack":`) {
		t.Errorf("a panic of request %s is logged as %s", id, log)
	}
	s.want(204, "GET", "/v1/queues", "")
}

// http.ErrAbortHandler is no bug: the connection is given up as its thrower wished.
func TestAbortHandler(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Admit = func(context.Context, marconi.Caller, marconi.Operation) error { panic(http.ErrAbortHandler) }
	})
	conn := s.dial()
	defer conn.Close()
	fmt.Fprint(conn, "GET /v1/queues HTTP/1.1\r\nHost: h\r\n\r\n")
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("an aborted request got %d bytes", n)
	}
}

// What the operator's own check says comes through, whoever the caller is known to be.
func TestAdmission(t *testing.T) {
	var got marconi.Caller
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Admit = func(_ context.Context, c marconi.Caller, op marconi.Operation) error {
			got = c
			return &marconi.Error{Kind: marconi.Forbidden, Code: "policy", Text: "not you for " + string(op)}
		}
	})
	a := s.want(403, "GET", "/v1.1/queues/q", "")
	if want := `{"title":"Not authorized","description":"Not you for queues:get."}`; a.body != want {
		t.Errorf("a caller that isn't admitted is told %s, want %s", a.body, want)
	}
	want := marconi.Caller{Project: "p1", Client: testClient, RequestID: a.header.Get("X-Openstack-Request-Id")}
	if got != want {
		t.Errorf("the caller was %v, want %v", got, want)
	}
}
