package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestErrorOfAnAnswer(t *testing.T) {
	const json = "Content-Type: application/json\n"
	tests := []struct {
		name   string
		answer reply
		want   *Error
		is     error
		text   string
	}{
		{"of the API", reply{status: 403, headers: json, body: `{"title": "Unable to delete", "description": "The message is claimed."}`},
			&Error{Status: 403, Title: "Unable to delete", Description: "The message is claimed."}, ErrForbidden,
			"ping: 403 Unable to delete: The message is claimed."},
		{"with a request's ID", reply{status: 500, headers: json + "X-Openstack-Request-Id: req-1", body: `{"title": "Internal server error"}`},
			&Error{Status: 500, Title: "Internal server error", RequestID: "req-1"}, ErrInternal,
			"ping: 500 Internal server error (request req-1)"},
		{"with another's request ID", reply{status: 409, headers: "X-Request-Id: 7"}, &Error{Status: 409, Title: "Conflict", RequestID: "7"}, ErrConflict,
			"ping: 409 Conflict (request 7)"},
		{"without a body", reply{status: 503, headers: "Retry-After: 30"},
			&Error{Status: 503, Title: "Service Unavailable", RetryAfter: 30 * time.Second}, ErrUnavailable, "ping: 503 Service Unavailable"},
		{"of a gateway, as text", reply{status: 502, headers: "Content-Type: text/plain; charset=utf-8", body: "no\x1b[31m backend\n"},
			&Error{Status: 502, Title: "Bad Gateway", Description: "no [31m backend"}, ErrUnavailable, "ping: 502 Bad Gateway: no [31m backend"},
		{"of a gateway, as a page", reply{status: 504, headers: "Content-Type: text/html", body: "<html>"},
			&Error{Status: 504, Title: "Gateway Timeout"}, ErrUnavailable, "ping: 504 Gateway Timeout"},
		{"of another form", reply{status: 401, headers: json, body: `{"error": {"code": 401}}`}, &Error{Status: 401, Title: "Unauthorized"}, ErrUnauthorized,
			"ping: 401 Unauthorized"},
		{"a redirect", reply{status: 302, headers: "Location: http://evil.example/"}, &Error{Status: 302, Title: "Found"}, nil, "ping: 302 Found"},
		{"300 elsewhere than at the root", reply{status: 300}, &Error{Status: 300, Title: "Multiple Choices"}, nil, "ping: 300 Multiple Choices"},
		{"too many", reply{status: 429, headers: "Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\nDate: Sun, 06 Nov 1994 08:49:37 GMT"},
			&Error{Status: 429, Title: "Too Many Requests", RetryAfter: 10 * time.Second}, ErrTooManyRequests, "ping: 429 Too Many Requests"},
		{"an unknown status", reply{status: 499}, &Error{Status: 499}, nil, "ping: 499"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := play(tt.answer)
			err := newClient(t, s, Config{}).Ping(t.Context())
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("Ping = %v, want an *Error", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error differs (-want +got):\n%s", diff)
			}
			if got := errors.Unwrap(got); !errors.Is(got, tt.is) {
				t.Errorf("the error is %v, want %v", got, tt.is)
			}
			if err.Error() != tt.text {
				t.Errorf("text = %q, want %q", err, tt.text)
			}
			if len(s.asked) != 1 {
				t.Errorf("%d requests, want 1", len(s.asked))
			}
		})
	}
}

func TestErrorNamesQueue(t *testing.T) {
	_, err := newClient(t, play(reply{status: 404}), Config{}).Queue("jobs").Stats(t.Context())
	if want := "get stats: queue jobs: 404 Not Found"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestErrorNamesVersion(t *testing.T) {
	_, err := newClient(t, play(), Config{Version: V1}).Queue("jobs").Pop(t.Context(), 1)
	if want := "pop messages: not in this version of the API: 1.0"; err == nil || err.Error() != want {
		t.Errorf("err = %v, want %s", err, want)
	}
}

func TestTokenIsNotInErrors(t *testing.T) {
	const token = "s3cr3t-t0k3n"
	provider := func(text string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return text, nil }
	}
	tests := []struct {
		name      string
		token     string
		transport http.RoundTripper
	}{
		{"said back by a server", token, play(reply{status: 401, headers: "X-Request-Id: " + token,
			body: `{"title": "bad ` + token + `", "description": "\u00733cr3t-t0k3n ` + strings.Repeat("x", longestText) + `"}`})},
		{"said back as text", token, play(reply{status: 500, headers: "Content-Type: text/plain", body: "X-Auth-Token: " + token})},
		{"refused by net/http", token + "\n", NewTransport()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := newClient(t, tt.transport, Config{Token: provider(tt.token)}).Ping(t.Context())
			if err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("err = %v, want one without the token", err)
			}
		})
	}
}

func TestLongTextsAreCut(t *testing.T) {
	err := newClient(t, play(reply{status: 400, body: `{"title": "` + strings.Repeat("é", longestText) + `"}`}), Config{}).Ping(t.Context())
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if !strings.HasSuffix(e.Title, "é…") || len(e.Title) > longestText+len("…") {
		t.Errorf("the title has %d bytes and ends in %q", len(e.Title), e.Title[len(e.Title)-10:])
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		header string
		want   time.Duration
	}{
		{"", 0},
		{"0", 0},
		{"-5", 0},
		{"120", 2 * time.Minute},
		{"99999999999999999999", 0},
		{"soon", 0},
		{"Sun, 01 Mar 2026 12:01:00 GMT", time.Minute},
		{"Sun, 01 Mar 2026 11:00:00 GMT", 0},
	}
	for _, tt := range tests {
		if got := retryAfter(http.Header{"Retry-After": {tt.header}}, now); got != tt.want {
			t.Errorf("retryAfter(%q) = %v, want %v", tt.header, got, tt.want)
		}
	}
}

func TestContextErrorIsInTheChain(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	broken := errors.New("connection broken")
	cancel(broken)
	err := noAnswer(ctx, broken)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, broken) {
		t.Errorf("%v is not both %v and %v", err, context.Canceled, broken)
	}
}
