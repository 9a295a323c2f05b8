package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

const (
	noClient  = "Client-ID"
	noProject = "X-Project-ID"
)

// The first check that fails is the answer (API contract §1.2): each row fails in one more than the next.
func TestOrderOfChecks(t *testing.T) {
	s := serve(t)
	form := []string{"Content-Type: application/x-www-form-urlencoded", "Content-Length: 0"}
	badAccept, signed := "Accept: application/xml", "URL-Signature: 00"
	for _, tt := range []struct {
		path    string
		headers []string
		status  int
		title   string
	}{
		{"/v1.1/nowhere", append(form, signed, badAccept, noClient, noProject), 404, "404 Not Found"},
		{"/v1.1/queues/a@b", append(form, signed, badAccept, noClient, noProject), 404, "Not found"},
		{"/v1.1/queues/a@b", append(form, badAccept, noClient, noProject), 400, "Invalid Content-Type"},
		{"/v1.1/queues/a@b", []string{badAccept, noClient, noProject}, 406, "All answers of this API are JSON"},
		{"/v1.1/queues/a@b", []string{noClient, noProject}, 400, "Missing header value"},
		{"/v1.1/queues/a@b", []string{"Client-ID: 1234", noProject}, 400, "Wrong UUID value"},
		{"/v1.1/queues/a@b", []string{noProject}, 400, "Project-Id Missing"},
		{"/v1.1/queues/a@b", []string{"X-Project-ID:"}, 400, "Empty project header not allowed"},
		{"/v1.1/queues/a@b", nil, 400, "Invalid queue identification"},
		{"/v1.1/queues/ab", []string{"URL-Signature:", "Extra-Spec: nonsense"}, 405, "405 Method Not Allowed"},
	} {
		a := s.want(tt.status, "PATCH", tt.path, "", tt.headers...)
		if got := a.title(t); got != tt.title {
			t.Errorf("PATCH %s with %q: title %q, want %q", tt.path, tt.headers, got, tt.title)
		}
	}
}

func TestCallerHeaders(t *testing.T) {
	s := serve(t)
	long := "X-Project-ID: " + strings.Repeat("p", 257)
	for _, tt := range []struct {
		path    string
		headers []string
		status  int
	}{
		{"/v1/queues", []string{noClient, noProject}, 204},
		{"/v1/queues", []string{"Client-ID:"}, 400},
		{"/v1/queues", []string{"Client-ID: {urn:uuid:3381AF922B9E11E3B19171861300734C}"}, 204},
		{"/v1/queues", []string{"Client-ID: ten-letters"}, 400},
		{"/v1/queues", []string{"X-Project-ID:"}, 400},
		{"/v1/queues", []string{long}, 204}, // unchecked where there is no queue
		{"/v1/queues/q", []string{long}, 400},
		{"/v1/queues/q", []string{"X-Project-ID: " + strings.Repeat("é", 256)}, 404},
		{"/v1/queues/q/messages", []string{noClient}, 400},
		{"/v1/queues/q/messages?ids=a", []string{noClient}, 204},

		{"/v1.1/ping", []string{noClient}, 400},
		{"/v1.1/", []string{noProject}, 400},
		{"/v1.1/queues", []string{"Client-ID:"}, 400},
		{"/v1.1/queues", []string{long}, 200},
		{"/v1.1/queues/q", []string{long}, 400},

		{"/", []string{noClient, noProject}, 300},
		{"/", []string{"Client-ID: 1234"}, 400},
		{"/", []string{"X-Project-ID:"}, 300},
		{"/", []string{"Accept: text/html"}, 406},
	} {
		s.want(tt.status, "GET", tt.path, "", tt.headers...)
	}
}

// Free text as a client ID is the operator's to allow, but not in v1.0.
func TestAnyClientID(t *testing.T) {
	s := serve(t, func(_ *Config, b *broker.Config) {
		b.Limits = broker.New(*b).Limits()
		b.Limits.ClientIDs.AnyText = true
	})
	s.want(200, "GET", "/v1.1/queues", "", "Client-ID: ten-letters")
	a := s.want(400, "GET", "/v1.1/queues", "", "Client-ID: too-short")
	if got := a.title(t); got != "Wrong UUID value" {
		t.Errorf("a short client ID: title %q", got)
	}
	s.want(400, "GET", "/v1/queues", "", "Client-ID: ten-letters")
}

// Two spellings of a UUID are one client: it doesn't see its own messages.
func TestClientSpellings(t *testing.T) {
	s := serve(t)
	s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}]}`)
	a := s.want(200, "GET", "/v1.1/queues/q/messages", "", "Client-ID: {3381AF922B9E11E3B19171861300734C}")
	if a.body != `{"messages":[],"links":[]}` {
		t.Errorf("a client found its own messages under another spelling: %s", a.body)
	}
}

// A project's name is the same in both encodings that headers have had.
func TestProjectEncodings(t *testing.T) {
	s := serve(t)
	s.want(201, "PUT", "/v1.1/queues/q", "", "X-Project-ID: caf\u00e9*(+^")
	s.want(204, "PUT", "/v1.1/queues/q", "", "X-Project-ID: caf\xe9*(+^")
	s.want(201, "PUT", "/v1.1/queues/q", "", "X-Project-ID: cafe*(+^")
}

func TestFormContentType(t *testing.T) {
	s := serve(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	s.want(201, "PUT", "/v1/queues/q", "", form)
	s.want(400, "PUT", "/v1/queues/q", "", form, "Content-Length: 0")
	s.want(400, "POST", "/v1/queues/q/messages", `[{"ttl": 60, "body": 1}]`, "Content-Type: Application/X-WWW-Form-URLencoded")
	s.want(201, "POST", "/v1/queues/q/messages", `[{"ttl": 60, "body": 1}]`, form+"; charset=utf-8")
	s.want(201, "POST", "/v1/queues/q/messages", `[{"ttl": 60, "body": 1}]`, "Content-Type: text/plain")
}

func TestMethods(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.AdminMode = true })
	for _, tt := range []struct{ path, allow string }{
		{"/", "GET"},
		{"/v1/", "GET"},
		{"/v1.1/", "GET"},
		{"/v1/queues", "GET"},
		{"/v1/queues/q", "DELETE, GET, HEAD, PUT"},
		{"/v1.1/queues/q", "DELETE, GET, PUT"},
		{"/v1/queues/q/metadata", "GET, PUT"},
		{"/v1/queues/q/stats", "GET"},
		{"/v1.1/queues/q/messages", "DELETE, GET, POST"},
		{"/v1.1/queues/q/messages/m", "DELETE, GET"},
		{"/v1/queues/q/claims", "POST"},
		{"/v1.1/queues/q/claims/c", "DELETE, GET, PATCH"},
		{"/v1/health", "GET, HEAD"},
		{"/v1.1/health", "GET"},
		{"/v1.1/ping", "GET, HEAD"},
	} {
		a := s.want(200, "OPTIONS", tt.path, "")
		if got := a.header.Get("Allow"); got != tt.allow || a.body != "" || a.header["Content-Type"] != nil {
			t.Errorf("OPTIONS %s: Allow %q, type %q, body %q; want Allow %q alone", tt.path, got, a.header["Content-Type"], a.body, tt.allow)
		}
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE", "MKCOL"} {
			if slices.Contains(strings.Split(tt.allow, ", "), method) {
				continue
			}
			a := s.want(405, method, tt.path, "")
			if got, want := a.header.Get("Allow"), tt.allow+", OPTIONS"; got != want {
				t.Errorf("%s %s: Allow %q, want %q", method, tt.path, got, want)
			}
			if method == "HEAD" && a.body != "" {
				t.Errorf("HEAD %s has the body %q", tt.path, a.body)
			} else if method != "HEAD" && a.body != `{"title":"405 Method Not Allowed"}` {
				t.Errorf("%s %s: body %q", method, tt.path, a.body)
			}
		}
		if a := s.want(400, "BREW", tt.path, ""); a.title(t) != "Bad request" {
			t.Errorf("BREW %s: title %q", tt.path, a.title(t))
		}
	}
}

// OPTIONS never fails; where a request would, it says nothing.
func TestOptionsNeverFail(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		path    string
		headers []string
	}{
		{"/nowhere", nil}, {"/v1.1/queues/a@b", nil}, {"/v1.1/queues", []string{noClient}}, {"/v1.1/queues", []string{noProject}},
		{"/v1/queues", []string{"Accept: application/xml"}}, {"/v1.1/health", nil},
	} {
		a := s.want(200, "OPTIONS", tt.path, "", tt.headers...)
		if a.body != "" || a.header["Allow"] != nil {
			t.Errorf("OPTIONS %s with %q: Allow %q, body %q", tt.path, tt.headers, a.header["Allow"], a.body)
		}
	}
}

func TestPaths(t *testing.T) {
	s := serve(t)
	s.want(201, "PUT", "/v1/queues/q", "")
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"/", 300}, {"/v1", 200}, {"/v1/", 200}, {"/v1.1", 200}, {"/v1.1/", 200},
		{"/v1/queues/", 200}, {"/v1/queues/q/", 204}, {"/v1/queues/q/stats/", 200}, {"/v1/queues/q/messages/", 204}, {"/v1.1/queues/q/messages/", 200},
		{"/v1/queues/%71", 204}, {"/v1/%71ueues", 200},
		{"http://elsewhere.example/v1/queues", 200},
		{"/v1/queues/q/messages//", 404},                  // a message with an empty name
		{"/v1/queues//", 400}, {"/v1/queues//stats", 400}, // a queue with an empty name
		{"/v1/queues/a%2Fb", 404}, {"/v1/queues/q%2Fstats", 200}, // an encoded slash is a slash
		{"/v1/queues/.", 400}, {"/v1/queues/..", 400}, {"/v1/queues/q/../q", 404}, {"/v1//queues", 404}, {"//v1/queues", 404}, // nothing is cleaned
		{"/v1/queues/q%0A", 400}, {"/v1/queues/%E6%B1%89", 400}, {"/v1/queues/\xc4", 400}, {"/v1/queues/" + strings.Repeat("v", 65), 400},
		{"/v1/queues/" + strings.Repeat("v", 64), 404}, {"/v1/queues/a.b", 404},
		{"/v1//", 404}, {"/v1.0/queues", 404}, {"/v2/queues", 404}, {"/queues", 404}, {"/v1/queue", 404}, {"/v1/queues/q/messages/m/x", 404}, {"/v1x", 404},
		{"/v1/ping", 404}, {"/v1.1/queues/q/metadata", 404}, {"/v1/pools", 404}, {"/v1.1/health", 404},
	} {
		a := s.want(tt.status, "GET", tt.path, "")
		if a.header["Location"] != nil {
			t.Errorf("GET %q leads to %q", tt.path, a.header["Location"])
		}
	}
}

// A version that is off is nowhere; only the list of versions still has it.
func TestVersionsOff(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.Versions = dialect.V11 })
	s.want(404, "GET", "/v1/", "")
	s.want(404, "GET", "/v1/queues/a@b", "", "Accept: application/xml")
	s.want(200, "GET", "/v1.1/", "")
	a := s.want(http.StatusMultipleChoices, "GET", "/", "")
	if a.body != string(dialect.VersionsDocument()) {
		t.Errorf("GET / = %s", a.body)
	}
}
