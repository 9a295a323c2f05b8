//go:build unix

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// hostileDeep is JSON n levels deep.
func hostileDeep(open, inner, shut string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(shut, n)
}

// hostileNoJSON is no JSON, or none that the API takes, by what is wrong with it. An object is what all bodies are.
var hostileNoJSON = map[string]string{
	"open object": `{`, "open array": `[`, "dot": `.`, "blanks": "  ", "mark of byte order": "\ufeff{}", "comma at the end": `{"a": 1,}`,
	"no UTF-8": "{\"a\": \"\xff\"}", "half of UTF-8": "{\"a\": \"\xe6\xb1\"}", "surrogate in UTF-8": "{\"a\": \"\xed\xa0\x80\"}", "NUL": "\x00", "NUL in text": "{\"a\": \"\x00\"}",
	"control character": "{\"a\": \"\x01\"}", "two values": `{} {}`, "text behind": `{}x`, "NaN": `{"a": NaN}`, "infinity": `{"a": -Infinity}`, "single quotes": `{'a': 1}`,
	"leading zero": `{"a": 01}`, "plus": `{"a": +1}`, "bad escape": `{"a": "\x41"}`, "short escape": `{"a": "\u00"}`, "short escape at the end": `{"a": "\u00`, "short escape in a name": `{"\u0`, "end after a backslash": `{"\`, "no value": `{"a"}`, "no exponent": `{"a": 1e}`,
	"comment": `{} // a`, "large integer": `{"a": 9223372036854775808}`, "small integer": `{"a": [-9223372036854775809]}`, "text": `"fail"`, "number": `12`, "null": `null`, "list": `[]`,
	"a large integer of many digits": `{"a": ` + strings.Repeat("9", 10_000) + `}`,
	"deep lists":                     `{"a": ` + hostileDeep("[", "", "]", 30_000) + `}`,
	"deep lists without an end":      `{"a": ` + strings.Repeat("[", 60_000),
	"deep objects":                   hostileDeep(`{"a":`, "1", "}", 9_000),
	"a level too many":               hostileDeep(`{"a":`, "1", "}", 1001),
}

// hostileJSON is odd, and all right.
var hostileJSON = map[string]string{
	"large float": `{"a": 1e400}`, "small float": `{"a": -1E-400}`, "minus zero": `{"a": [-0, -0.0]}`, "lone surrogate": `{"a": "\ud800"}`, "surrogates the wrong way round": `{"\udc00\ud800": ""}`,
	"escaped NUL": `{"\u0000": "\u0000"}`, "double key": `{"a": 1, "a": {"a": 2}}`, "bounds of integers": `{"a": [9223372036854775807, -9223372036854775808]}`,
	"beyond the basic plane": `{"😀": "\ud83d\ude00"}`, "separators of lines": "{\"\u2028\": \"\u2029\"}", "empty key": `{"": {}}`, "as deep as may be": hostileDeep(`{"a":`, "1", "}", 1000),
	"long float": `{"a": 0.` + strings.Repeat("1", 10_000) + `}`,
}

// Whatever a body is, and whatever the store, the answer is what the API has for it.
func TestHostileBodies(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri)
			h.want("a queue", hostileRequest("PUT /v1/queues/q", ""), http.StatusCreated)
			for name, text := range hostileNoJSON {
				for _, line := range []string{
					"PUT /v1/queues/q/metadata", "PUT /v1.1/queues/other", "POST /v1/queues/q/messages", "POST /v1.1/queues/q/messages",
					"POST /v1/queues/q/claims", "POST /v1.1/queues/q/claims", "PATCH /v1/queues/q/claims/c", "PATCH /v1.1/queues/q/claims/c",
				} {
					h.want(name, hostileRequest(line, text), http.StatusBadRequest)
				}
				h.want(name, hostileRequest("POST /v1/queues/q/messages", `[{"ttl": 60, "body": `+text+`}`), http.StatusBadRequest)
			}
			for name, text := range hostileJSON {
				h.checkJSON(name, text)
			}
			h.checkTerms()
			h.checkDepths()
			h.end(50)
		})
	}
}

// checkJSON: odd JSON is kept as it came.
func (h *hostile) checkJSON(name, text string) {
	h.t.Helper()
	h.want(name, hostileRequest("PUT /v1/queues/q/metadata", text), http.StatusNoContent)
	if got := h.want(name, hostileRequest("GET /v1/queues/q/metadata", ""), http.StatusOK); got.body != text {
		h.t.Errorf("%s: %.200q came back as %.200q", name, text, got.body)
	}
	if strings.HasPrefix(name, "as deep") { // two levels are those of the list and the message
		text = strings.TrimPrefix(strings.TrimSuffix(text, "}}"), `{"a":{"a":`)
	}
	h.want(name, hostileRequest("POST /v1/queues/q/messages", `[{"ttl": 60, "body": `+text+`}]`), http.StatusCreated)
	if got := h.want(name, hostileRequest("DELETE /v1.1/queues/q/messages?pop=1", ""), http.StatusOK); !strings.Contains(got.body, text) {
		h.t.Errorf("%s: a message with %.200q came back as %.200q", name, text, got.body)
	}
}

// checkTerms: a number of seconds is an integer in range, whatever else it looks like.
func (h *hostile) checkTerms() {
	h.t.Helper()
	for _, seconds := range []string{
		"-1", "0", "59", "1209601", "9223372036854775807", "10000000000000000000", "1e2", "60.0", "1e400", `"60"`, "null", "true", "[]", "{}", "0x3c",
	} {
		for _, text := range []string{
			hostileRequest("POST /v1/queues/q/messages", `[{"ttl": `+seconds+`, "body": 1}]`),
			hostileRequest("POST /v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"ttl": `+seconds+`, "body": 1}]}`),
			hostileRequest("POST /v1/queues/q/claims", `{"ttl": `+seconds+`, "grace": 60}`),
			hostileRequest("POST /v1.1/queues/q/claims", `{"grace": `+seconds+`}`),
			hostileRequest("PATCH /v1.1/queues/q/claims/c", `{"ttl": `+seconds+`}`),
		} {
			h.want("seconds", text, http.StatusBadRequest)
		}
	}
	if stats := h.want("stats", hostileRequest("GET /v1/queues/q/stats", ""), http.StatusOK); !strings.Contains(stats.body, `"total":0`) {
		h.t.Errorf("requests that were refused left %s", stats.body)
	}
}

// checkDepths: a body that is as large as it may be and has nothing in it but depth.
func (h *hostile) checkDepths() {
	h.t.Helper()
	const levels = 100_000
	for _, inner := range []string{hostileDeep("[", "", "]", levels), strings.Repeat("[", 2*levels), strings.Repeat(`[{"":`, levels/2), strings.Repeat("]", levels)} {
		h.want("depth", hostileRequest("POST /v1/queues/q/messages", `[{"ttl": 60, "body": `+inner+`}]`), http.StatusBadRequest)
		h.want("depth", hostileRequest("POST /v1.1/queues/q/messages", inner), http.StatusBadRequest)
		h.want("depth", hostileRequest("POST /v1/queues/q/claims", `{"ttl": `+inner), http.StatusBadRequest)
	}
	metadata := hostileDeep("[", "", "]", 30_000)
	h.want("depth", hostileRequest("PUT /v1/queues/q/metadata", `{"a": `+metadata+`}`), http.StatusBadRequest)
	h.want("depth", hostileRequest("PUT /v1.1/queues/deep", metadata), http.StatusBadRequest)
}

// hostileTargets are paths and queries with what a GET of each is answered.
var hostileTargets = map[string]int{
	"/v1/queues/..": 400, "/v1/queues/.": 400, "/v1/queues/%2e%2e": 400, "/v1/../v1/queues": 404, "/..": 404, "//": 404, "/v1//queues": 404, "//v1/queues": 404, "/v1/queues//": 400,
	"/v1/queues/a%2fb": 404, "/v1/queues/q%2Fstats": 200, "/v1/queues/%00": 400, "/v1/queues/q%00": 400, "/v1/queues/q;a=b": 400, "/v1;a/queues": 404, "/v1/queues/q%20": 400,
	"/v1/queues/q%0d%0aX:%20y": 400, "/v1/queues/%ff": 400, "/v1/queues/\xff\xfe": 400, "/v1/queues/%c0%ae%c0%ae": 400, "/v1/queues/%E6%B1%89": 400, "/v1/queues/%252e": 400,
	"/v1/queues/q/messages/%00": 404, "/v1/queues/q/messages/..": 404, "/v1/queues/q/messages/%ff": 404, "/v1/queues/q/claims/%00%0d%0a": 404, "/v1/queues/q/messages/a/b": 404,
	"/%": 400, "/%zz": 400, "/%2": 400, "/\x00": 400, "/v1/queues/\x7f": 400, "/v1/queues/a b": 400, "*": 404, "v1/queues": 400, "http://elsewhere/v1/queues": 200, "?": 400,

	"/v1/queues?limit=0": 400, "/v1/queues?limit=-1": 400, "/v1/queues?limit=1e400": 400, "/v1/queues?limit=99999999999999999999": 400, "/v1/queues?limit=0x1": 400, "/v1/queues?limit=,": 400,
	"/v1/queues?limit=%00": 400, "/v1/queues?limit=\xff": 400, "/v1/queues?limit=%EF%BC%91": 400, "/v1/queues?marker=%00": 200, "/v1/queues?marker=%ff": 204, "/v1/queues?marker=zzz": 204,
	"/v1/queues?detailed=maybe": 400, "/v1/queues?%zz=%zz&&==&": 200, "/v1/queues?\xff": 200, "/v1/queues?a=\x01": 400, "/v1/queues?;limit=x": 200, "/v1/queues?limit=1&limit=x": 400,

	"/v1/queues/q/messages?marker=9223372036854775807": 204, "/v1/queues/q/messages?marker=9223372036854775808": 204, "/v1/queues/q/messages?marker=-1": 204, "/v1/queues/q/messages?marker=%00": 204,
	"/v1.1/queues/q/messages?marker=1e400": 200, "/v1/queues/q/messages?echo=%ff": 400, "/v1/queues/q/messages?wait=-1": 400, "/v1/queues/q/messages?wait=99999999999999999999": 400,
	"/v1/queues/q/messages?ids=%00,%ff,;": 204, "/v1.1/queues/q/messages?ids=%00": 404, "/v1.1/queues/q/messages?ids=,": 400,
	"/v1/queues/q/messages?ids=" + strings.Repeat("a,", 30_000):      400,
	"/v1/queues/q/messages?ids=" + strings.Repeat("a,", 40_000):      431,
	"/v1/queues/q/messages?marker=" + strings.Repeat("9", 60_000):    204,
	"/v1/queues?" + strings.Repeat("&limit=1", 7_000):                200,
	"/v1/queues/" + strings.Repeat("v", 60_000):                      400,
	"/v1/queues/q/messages/" + strings.Repeat("/", 60_000):           404,
	"/v1/queues/q/claims/" + strings.Repeat("%00", 20_000):           404,
	"/v1/queues/q/messages?limit=" + strings.Repeat("%2C", 20_000):   400,
	"/v1/queues/q/messages?echo=" + strings.Repeat("true,", 10_000):  204,
	"/v1/queues?marker=" + strings.Repeat("%F0%9F%98%80", 5_000):     204,
	"/v1.1/queues/q/messages?marker=" + strings.Repeat("0", 60_000):  200,
	"/v1.1/queues?limit=" + strings.Repeat("0", 60_000) + "1":        200,
	"/v1.1/queues?limit=-" + strings.Repeat("9", 60_000):             400,
	"/v1.1/queues/q/messages?ids=" + strings.Repeat("%2C", 20_000):   404,
	"/v1.1/queues/q/claims/c?claim_id=" + strings.Repeat("'", 1_000): 404,
}

func TestHostileTargets(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri)
			h.want("a queue", hostileRequest("PUT /v1/queues/q", ""), http.StatusCreated)
			for target, status := range hostileTargets {
				a := h.want("a target", hostileRequest("GET "+target, ""), status)
				if a.header["X"] != nil || a.header["Location"] != nil {
					t.Errorf("GET %.100q has the headers %q", target, a.header)
				}
			}
			for _, id := range []string{"%00", "%ff", "..", "'%20OR%201=1", strings.Repeat("a", 10_000)} {
				h.want("an ID", hostileRequest("DELETE /v1/queues/q/messages/"+id, ""), http.StatusNoContent)
				h.want("an ID", hostileRequest("DELETE /v1.1/queues/q/messages?ids="+id, ""), http.StatusNoContent)
				h.want("an ID", hostileRequest("DELETE /v1.1/queues/q/claims/"+id, ""), http.StatusNoContent)
				h.want("an ID", hostileRequest("PATCH /v1.1/queues/q/claims/"+id, "{}"), http.StatusNotFound)
			}
			h.end(50)
		})
	}
}

// hostileHeaders are headers beside Host with what a PUT of a queue in version 1.1 is answered.
var hostileHeaders = []struct {
	headers string
	status  int
}{
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: \xff\xfe caf\xe9", 201}, // Latin-1, of old
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: ' OR 1=1; --", 201},
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: " + strings.Repeat("汉", 256), 201},
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: " + strings.Repeat("汉", 257), 400},
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: a\x00b", 400},
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID: a\rb", 400},
	{"Client-ID: " + hostileClient + "\r\nX-Project-ID:", 400},
	{"Client-ID: " + hostileClient + "\x00\r\nX-Project-ID: p", 400},
	{"Client-ID: " + hostileClient + "\xff\r\nX-Project-ID: p", 400},
	{"Client-ID: " + hostileClient + "\r\nClient-ID: " + hostileClient + "\r\nX-Project-ID: p", 400},
	{"Client-ID: " + strings.Repeat("urn:", 10_000) + hostileClient + "\r\nX-Project-ID: p", 201},
	{"Client-ID: " + strings.Repeat("{", 50_000) + "\r\nX-Project-ID: p", 400},
	{hostileUsual + "Accept: \xff\x80", 406},
	{hostileUsual + "Accept: " + strings.Repeat("a/b;q=0.1,", 6_000), 406},
	{hostileUsual + "Accept: " + strings.Repeat(`";\`, 20_000), 406},
	{hostileUsual + "Accept: */*;q=1e400", 201}, // a quality out of range counts as 1
	{hostileUsual + "Accept: */*;q=NaN", 201},
	{hostileUsual + "Content-Type: \xff", 201},
	{hostileUsual + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0", 400},
	{hostileUsual + "X-Openstack-Request-Id: req-<script>", 201},
	{hostileUsual + "Expect: the worst", 417},
	{hostileUsual + "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAA", 201},
	{hostileUsual + "X-Folded: a\r\n b", 201},
	{hostileUsual + "X A: a", 400},
	{hostileUsual + "X-A\x00: a", 400},
	{hostileUsual + ": a", 400},
	{hostileUsual + "no colon", 400},
	{hostileUsual + "Host: y", 400},
}

func TestHostileHeaders(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri)
			for i, tt := range hostileHeaders {
				host := "Host: x\r\n"
				if strings.Contains(tt.headers, "Host:") {
					host = ""
				}
				text := fmt.Sprintf("PUT /v1.1/queues/q%d HTTP/1.1\r\n%s%s\r\n\r\n", i, host, strings.TrimSuffix(tt.headers, "\r\n"))
				if a := h.want("headers", text, tt.status); strings.Contains(a.header.Get("X-Openstack-Request-Id"), "<") {
					t.Errorf("%q is answered %q", tt.headers, a.header)
				}
			}
			h.end(50)
		})
	}
}

// hostileFraming are requests in which it is not clear where they end, or that are no HTTP/1.1 at all. What is beyond a 4xx
// is for a client that speaks another HTTP: the protocol names it.
var hostileFraming = map[string]struct {
	text   string
	status int
}{
	"two lengths":                {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 2", "Content-Length: 3") + "{}", 400},
	"a length twice":             {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 2", "Content-Length: 2") + "{}", 201},
	"two lengths in a list":      {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 2, 3") + "{}", 400},
	"a length below zero":        {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: -1") + "{}", 400},
	"a length with a sign":       {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: +2") + "{}", 400},
	"a length in hexadecimal":    {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 0x2") + "{}", 400},
	"a length of many digits":    {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 99999999999999999999") + "{}", 400},
	"the largest length":         {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length: 9223372036854775807"), 400},
	"a blank before the colon":   {hostileRequest("PUT /v1.1/queues/f", "", "Content-Length : 2") + "{}", 400},
	"chunks, and so no body":     {hostileRequest("POST /v1.1/queues/f/messages", "", "Transfer-Encoding: chunked") + "3\r\n[1]\r\n0\r\n\r\n", 400},
	"chunks and a length":        {hostileRequest("POST /v1.1/queues/f/messages", "", "Transfer-Encoding: chunked", "Content-Length: 4") + "0\r\n\r\n", 400},
	"chunks, twice":              {hostileRequest("GET /v1/queues", "", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n", 501},
	"a chunk without end":        {hostileRequest("POST /v1.1/queues/f/messages", "", "Transfer-Encoding: chunked") + "ffffffffffffffff0\r\n", 400},
	"a chunk below zero":         {hostileRequest("POST /v1.1/queues/f/messages", "", "Transfer-Encoding: chunked") + "-1\r\n", 400},
	"a chunk with a long name":   {hostileRequest("POST /v1.1/queues/f/messages", "", "Transfer-Encoding: chunked") + "1;" + strings.Repeat("x", 100_000) + "\r\n", 400},
	"another encoding":           {hostileRequest("GET /v1/queues", "", "Transfer-Encoding: gzip"), 501},
	"another encoding, and then": {hostileRequest("GET /v1/queues", "", "Transfer-Encoding: gzip, chunked"), 501},
	"nearly an encoding":         {hostileRequest("GET /v1/queues", "", "Transfer-Encoding: xchunked"), 501},
	"no lines":                   {"GET / HTTP/1.1\nHost: x\n\n", 300}, // as others take it
	"HTTP 0.9":                   {"GET /\r\n", 400},
	"HTTP 0.9, said so":          {"GET / HTTP/0.9\r\n\r\n", 505},
	"HTTP 1.0":                   {"GET / HTTP/1.0\r\n\r\n", 300},
	"HTTP 1.1 without a host":    {"GET / HTTP/1.1\r\n\r\n", 400},
	"HTTP 2.0":                   {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
	"HTTP 9999999999":            {"GET / HTTP/9999999999.1\r\n\r\n", 400},
	"the beginning of HTTP/2":    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 404},
	"TLS":                        {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + strings.Repeat("\x0a", 160), 400},
	"blank lines":                {strings.Repeat("\r\n", 1000), 400},
	"zeros":                      {strings.Repeat("\x00", 1000) + "\r\n\r\n", 400},
	"no method":                  {" / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	"a method that is none":      {hostileRequest("BREW /v1/health", ""), 400},
	"a method in lower case":     {hostileRequest("get /v1/health", ""), 400},
	"a method with a quote":      {hostileRequest("G\"T /v1/health", ""), 400},
	"a way through":              {hostileRequest("CONNECT elsewhere:80", ""), 405},
	"a trace":                    {hostileRequest("TRACE /v1/queues", ""), 405},
}

func TestHostileFraming(t *testing.T) {
	h := startHostile(t, "--store", "memory://")
	for name, tt := range hostileFraming {
		if tt.status == http.StatusCreated {
			h.want(name, tt.text, http.StatusCreated, http.StatusNoContent)
			continue
		}
		h.want(name, tt.text, tt.status)
	}
	h.end(50)
}
