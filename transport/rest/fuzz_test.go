package rest

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// A target is the API without a socket, over a store whose clock stands, with a queue q of three messages in project p1,
// one of them claimed. What a fuzzer can't know stands in its requests as {id}, {claim} and {marker}.
type target struct {
	t      testing.TB
	api    *api
	ids    []string // of the messages; {id} is the first, which is claimed
	claim  string
	marker string // behind the first message
}

// template is the part of all targets that is costly to make, and holds nothing of a request.
func template(t testing.TB) *api {
	t.Helper()
	o := memory.New(storage.Options{})
	b := broker.New(broker.Config{Control: o.Control, Data: o.Data})
	defer func() {
		b.Close()
		_, _ = o.Data.Close(), o.Control.Close() // nothing was in them
	}()
	h, err := New(Config{Broker: b, Versions: dialect.All})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*api)
}

func newTarget(t testing.TB, from *api) *target {
	t.Helper()
	o := memory.New(storage.Options{Now: func() time.Time { return time.Unix(1_700_000_000, 0) }})
	b := broker.New(broker.Config{Control: o.Control, Data: o.Data})
	b.StopWaiting() // a request that would wait is answered at once
	t.Cleanup(func() {
		b.Close()
		if err := o.Data.Close(); err != nil {
			t.Error(err)
		}
		if err := o.Control.Close(); err != nil {
			t.Error(err)
		}
	})
	own := *from
	own.Broker = b
	g := &target{t: t, api: &own}
	g.fill()
	return g
}

func (g *target) fill() {
	g.t.Helper()
	g.ask("PUT", "/v1.1/queues/q", `{"a": 1}`)
	posted := g.ask("POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"body": {"b": [2.50]}}, {"body": "\ud800"}]}`)
	_, ids, _ := strings.Cut(sent(posted, "location"), "?ids=")
	g.ids = strings.Split(ids, ",")
	claimed := g.ask("POST", "/v1.1/queues/q/claims?limit=1", `{"ttl": 300, "grace": 60}`)
	_, g.claim, _ = strings.Cut(sent(claimed, "location"), "/claims/")
	page := g.ask("GET", "/v1.1/queues/q/messages?echo=true&include_claimed=true&limit=1", "")
	_, link, _ := strings.Cut(page.Body.String(), "&marker=")
	g.marker, _, _ = strings.Cut(link, `"`)
	if len(g.ids) != 3 || g.claim == "" || g.marker == "" {
		g.t.Fatalf("the queue has the messages %q, the claim %q, the marker %q", g.ids, g.claim, g.marker)
	}
}

// sent is a header of an answer under the name that it has on the wire.
func sent(w *httptest.ResponseRecorder, name string) string {
	return strings.Join(w.Header()[name], ", ")
}

// ask sends a request with the usual headers.
func (g *target) ask(method, target, body string) *httptest.ResponseRecorder {
	g.t.Helper()
	w := g.send(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p1\r\nContent-Length: %d\r\n\r\n%s",
		method, target, testClient, len(body), body))
	if w == nil {
		g.t.Fatalf("%s %q can't be read", method, target)
	}
	return w
}

// send gives the text of a request to the handler, or is nil where net/http would have refused it.
func (g *target) send(text string) *httptest.ResponseRecorder {
	g.t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil || !clean(r.Header) {
		return nil
	}
	w := httptest.NewRecorder()
	g.api.ServeHTTP(w, r)
	g.check(text, r, w)
	return w
}

// named puts what a fuzzer can't know into a text.
func (g *target) named(text string) string {
	id := "none"
	if len(g.ids) > 0 {
		id = g.ids[0]
	}
	return strings.NewReplacer("{id}", id, "{claim}", g.claim, "{marker}", g.marker).Replace(text)
}

// clean reports whether no value of a header has a control character.
func clean(h http.Header) bool {
	for _, values := range h {
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return false
			}
		}
	}
	return true
}

// check holds an answer to what is said of all of them.
func (g *target) check(text string, r *http.Request, w *httptest.ResponseRecorder) {
	g.t.Helper()
	body, status := w.Body.Bytes(), w.Code
	if status < 200 || status >= 500 {
		g.t.Errorf("%q: status %d, %s", text, status, body)
	}
	if !clean(w.Header()) {
		g.t.Errorf("%q: headers %q", text, w.Header())
	}
	silent := status == http.StatusNoContent || r.Method == http.MethodHead || r.Method == http.MethodOptions
	if silent && len(body) > 0 {
		g.t.Errorf("%q: status %d with the body %q", text, status, body)
	}
	if len(body) > 0 && (!json.Valid(body) || !utf8.Valid(body) || sent(w, "content-type") == "") {
		g.t.Errorf("%q: type %q, body %q", text, sent(w, "content-type"), body)
	}
	var e struct{ Title string }
	if status >= 400 && len(body) > 0 && (json.Unmarshal(body, &e) != nil || e.Title == "") {
		g.t.Errorf("%q: status %d with the body %q", text, status, body)
	}
}

// random finds UUIDs, and the part of a message's ID that differs between two stores.
var random = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{10}([0-9a-f]{14})`)

// An outward is an answer without what is random in it.
type outward struct {
	Status int
	Header http.Header
	Body   string
}

func outwardOf(w *httptest.ResponseRecorder) *outward {
	if w == nil {
		return nil
	}
	o := &outward{Status: w.Code, Header: http.Header{}, Body: random.ReplaceAllString(w.Body.String(), "ID$1")}
	for name, values := range w.Header() {
		for _, v := range values {
			o.Header[name] = append(o.Header[name], random.ReplaceAllString(v, "ID$1"))
		}
	}
	return o
}

// FuzzRequest sends any request to two servers that are alike: both give the same answer, and a well-formed one.
func FuzzRequest(f *testing.F) {
	const headers = " HTTP/1.1\r\nHost: h\r\nClient-ID: " + testClient + "\r\nX-Project-ID: p1\r\n"
	for _, line := range []string{
		"GET /", "HEAD /v1/queues/q", "PUT /v1/queues/n", "DELETE /v1.1/queues/q", "GET /v1.1/queues?detailed=true&limit=2&marker=a", "GET /v1/queues/q/metadata",
		"GET /v1.1/queues/q/stats", "GET /v1/queues/q/messages?echo=1&include_claimed=yes&marker={marker}", "GET /v1.1/queues/q/messages?ids={id},x", "GET /v1/queues/q/messages/{id}",
		"DELETE /v1/queues/q/messages/{id}?claim_id={claim}", "DELETE /v1.1/queues/q/messages?pop=2&wait=20", "DELETE /v1/queues/q/messages?ids=%00,{id}", "GET /v1.1/queues/q/claims/{claim}",
		"DELETE /v1/queues/q/claims/{claim}", "OPTIONS /v1.1/queues/q", "BREW /v1/health", "GET //v1/queues/..;/%2f%2e%00", "GET /v1/queues/%ff?&&=&limit=,", "GET http://x/v1.1/ping",
	} {
		f.Add(line + headers + "\r\n")
	}
	for _, request := range [][2]string{
		{"PUT /v1/queues/q/metadata", `{"a": 1, "a": 2}`}, {"PUT /v1.1/queues/n", `{"_max_messages_post_size": 256}`}, {"POST /v1/queues/q/messages", `[{"ttl": 60, "body": null}]`},
		{"POST /v1.1/queues/q/messages", `{"messages": [{"body": 1e400}]}`}, {"POST /v1/queues/q/claims?limit=2", `{"ttl": 60, "grace": 60}`}, {"PATCH /v1.1/queues/q/claims/{claim}", `{"ttl": 60}`},
	} {
		f.Add(request[0] + headers + "Content-Length: " + strconv.Itoa(len(request[1])) + "\r\n\r\n" + request[1])
		f.Add(request[0] + headers + "Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n")
	}
	f.Add("POST /v1/queues/q/claims" + headers + "Content-Type: Application/X-www-form-urlencoded\r\nContent-Length: 100\r\nAccept: a;q=\"\r\n\r\n{")
	from := template(f)
	f.Fuzz(func(t *testing.T, text string) {
		one, other := newTarget(t, from), newTarget(t, from)
		got, again := one.send(one.named(text)), other.send(other.named(text))
		if diff := cmp.Diff(outwardOf(got), outwardOf(again)); diff != "" {
			t.Errorf("%q is answered now so and now so:\n%s", text, diff)
		}
	})
}

// isClient reports whether text is a UUID in one of the spellings of the API (contract §1.6).
func isClient(text string) bool {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "urn:", ""), "uuid:", "")
	bytes, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(text, "{}"), "-", ""))
	return err == nil && len(bytes) == 16
}

// headerStatus is what a GET of an empty listing is answered for its headers' sake (contract §1.2).
func headerStatus(h http.Header, v11, hasQueue bool) int {
	value := func(name string) string { return strings.Join(h[name], ", ") }
	client, project := value("Client-Id"), value("X-Project-Id")
	switch {
	case value("Url-Signature") != "":
		return http.StatusNotFound
	case h["Content-Length"] != nil && h["Content-Type"] != nil && strings.EqualFold(h["Content-Type"][0], "application/x-www-form-urlencoded"):
		return http.StatusBadRequest
	case !acceptsJSON(h): // which has a table of its own
		return http.StatusNotAcceptable
	case (v11 || h["Client-Id"] != nil) && !isClient(client):
		return http.StatusBadRequest
	case (v11 || h["X-Project-Id"] != nil) && project == "":
		return http.StatusBadRequest
	case hasQueue && len([]rune(latin1(project))) > 256:
		return http.StatusBadRequest
	}
	return 0
}

// FuzzHeaders sends the headers that the API reads, and holds the answer to the order of the contract.
func FuzzHeaders(f *testing.F) {
	f.Add("Accept: */*\r\nClient-ID: "+testClient+"\r\nX-Project-ID: p1", "", "")
	f.Add("Accept: text/*;q=0.3, application/json;q=0\r\nClient-ID: {urn:uuid:3381AF922B9E11E3B19171861300734C}\r\nX-Project-ID:", "", "")
	f.Add("Client-ID: "+testClient+"\r\nClient-ID: "+testClient+"\r\nX-Project-ID: caf\xe9", "1", "")
	f.Add("Content-Type: application/X-www-form-urlencoded\r\nX-Project-ID: "+strings.Repeat("é", 257), "0", "URL-Signature: x")
	f.Add("Accept: a/b;q=\",\";q=1, \"\\\"", "", "X-Openstack-Request-Id: req-3381af92-2b9e-11e3-b191-71861300734c")
	f.Add("Transfer-Encoding: chunked\r\nExpect: 100-continue", "", "Extra-Spec: x")
	from := template(f)
	f.Fuzz(func(t *testing.T, headers, length, more string) {
		if length != "" {
			headers += "\r\nContent-Length: " + length
		}
		g := newTarget(t, from)
		for _, tt := range []struct {
			path          string
			v11, hasQueue bool
			status        int // if the headers are in order
		}{
			{"/v1/queues/absent/messages?ids=none", false, true, http.StatusNoContent},
			{"/v1.1/queues/absent/stats", true, true, http.StatusOK},
			{"/v1.1/ping", true, false, http.StatusNoContent},
			{"/v1/health", false, false, http.StatusNoContent},
		} {
			text := "GET " + tt.path + " HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n" + more + "\r\n\r\n{}"
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
			if err != nil || r.URL.String() != tt.path {
				return
			}
			want := headerStatus(r.Header, tt.v11, tt.hasQueue)
			if want == 0 {
				want = tt.status
			}
			if w := g.send(text); w != nil && w.Code != want {
				t.Errorf("%q: status %d with %s, want %d", text, w.Code, w.Body, want)
			}
		}
	})
}

// FuzzNames puts any text in the place of a marker, a message's ID and a claim's: what can't be one is not there, and that
// is all.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"{id}", "{claim}", "{marker}", "", "0", "-1", "01", "9223372036854775808", "zzz", "\x00", "\xff", "q\x00", "p", ",", "a,b", "%2F", "..", "; DROP TABLE queues", "é+ "} {
		f.Add(seed)
	}
	from := template(f)
	f.Fuzz(func(t *testing.T, name string) {
		g := newTarget(t, from)
		name = g.named(name)
		for _, version := range []string{"/v1", "/v1.1"} {
			g.checkMarkers(version, name)
			g.checkMessage(version, name)
			g.checkClaim(version, name)
		}
	})
}

// wants asks for something and complains about another status.
func (g *target) wants(status int, method, target, body string) string {
	g.t.Helper()
	w := g.ask(method, target, body)
	if w.Code != status {
		g.t.Errorf("%s %s: status %d with %s, want %d", method, target, w.Code, w.Body, status)
	}
	return w.Body.String()
}

// either is one thing in version 1.0 and another in 1.1.
func either[T any](version string, v10, v11 T) T {
	if version == "/v1" {
		return v10
	}
	return v11
}

// checkMarkers: queues are listed behind any text, messages behind what was once a marker, and behind others nothing.
func (g *target) checkMarkers(version, marker string) {
	g.t.Helper()
	escaped := url.QueryEscape(marker)
	empty := either(version, http.StatusNoContent, http.StatusOK)
	status := empty
	if strings.ToValidUTF8(marker, "\uFFFD") < "q" {
		status = http.StatusOK
	}
	g.wants(status, "GET", version+"/queues?marker="+escaped, "")

	listing := version + "/queues/q/messages?echo=true&include_claimed=true&marker=" + escaped
	n, err := strconv.ParseInt(marker, 10, 64)
	first, _ := strconv.ParseInt(g.marker, 10, 64)
	all := g.wants(http.StatusOK, "GET", version+"/queues/q/messages?echo=true&include_claimed=true", "")
	switch malformed := err != nil || n < 0 || strconv.FormatInt(n, 10) != marker; {
	case marker != "" && malformed:
		if page := g.wants(empty, "GET", listing, ""); strings.Contains(page, "body") {
			g.t.Errorf("behind the marker %q are %s", marker, page)
		}
	case n < first:
		if page := g.wants(http.StatusOK, "GET", listing, ""); strings.Count(page, `"body"`) != strings.Count(all, `"body"`) {
			g.t.Errorf("behind the marker %q are %s of %s", marker, page, all)
		}
	case n == first:
		if page := g.wants(http.StatusOK, "GET", listing, ""); strings.Count(page, `"body"`) != 2 {
			g.t.Errorf("behind the marker of the first message are %s", page)
		}
	}
}

// checkMessage: a message is found by its ID in every way, or in none.
func (g *target) checkMessage(version, id string) {
	g.t.Helper()
	known := slices.Contains(g.ids, id)
	status := func(found, not int) int {
		if known {
			return found
		}
		return not
	}
	if id != "" {
		g.wants(status(http.StatusOK, either(version, http.StatusNoContent, http.StatusNotFound)), "GET", version+"/queues/q/messages?ids="+url.QueryEscape(id), "")
	}
	if id == "" || strings.Contains(id, "/") { // another path
		return
	}
	path := version + "/queues/q/messages/" + url.PathEscape(id)
	g.wants(status(http.StatusOK, http.StatusNotFound), "GET", path, "")
	g.wants(status(http.StatusForbidden, http.StatusNoContent), "DELETE", path, "")
}

// checkClaim: a claim is found by its ID, and only its ID lets a claimed message be deleted.
func (g *target) checkClaim(version, claim string) {
	g.t.Helper()
	known := claim == g.claim
	if claim != "" && !strings.Contains(claim, "/") {
		found := http.StatusNotFound
		if known {
			found = http.StatusOK
		}
		g.wants(found, "GET", version+"/queues/q/claims/"+url.PathEscape(claim), "")
	}
	if !known {
		refused := http.StatusBadRequest
		if claim == "" {
			refused = http.StatusForbidden
		}
		g.wants(refused, "DELETE", version+"/queues/q/messages/"+g.ids[0]+"?claim_id="+url.QueryEscape(claim), "")
	}
}
