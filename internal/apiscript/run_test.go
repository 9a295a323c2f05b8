package apiscript

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answer is a whole answer with a body.
func answer(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d Some Reason\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
}

// runAgainst runs lines of a script against a server that always gives the same answer.
func runAgainst(t *testing.T, reply, lines string) (sent string, err error) {
	t.Helper()
	s := newStub(t, reply)
	now := time.Date(2015, 3, 1, 10, 0, 0, 5e8, time.UTC)
	target := Target{
		Addr: s.addr(), Version: "v1.1",
		Now:     func() time.Time { return now },
		Advance: func(d time.Duration) { now = now.Add(d) },
		Store: func(words []string) error {
			if words[0] != "faulty" {
				return errors.New("unknown word")
			}
			return nil
		},
	}
	err = load(t, "versions v1.1\n"+lines).Run(t.Context(), target)
	return s.sent(), err
}

const document = `{"n": 60, "f": 60.0, "s": "abc", "list": [{"k": 1}, {"k": 2}], "none": [], "at": "2015-03-01T09:59:00Z", "t": true}`

// Each check is given an answer that it must take and one that it must not.
func TestChecks(t *testing.T) {
	reply := answer(200, "location: /v1.1/x\r\nVary: Accept\r\n", document)
	tests := []struct{ good, bad string }{
		{"status 200", "status 201 204"},
		{"status 201 200", "status closed"},
		{"header Location $V/x", "header location $V/y"},
		{"spelled location Vary", "spelled Location"},
		{"header location ~ ^$V/.$", "header location ~ ^$V$"},
		{"no-header Allow X-Other", "no-header X-Other vary"},
		{`body ~ "f": 60\.0`, `body {}`},
		{`body-has "f": 60.0,`, "body-has 60.1"},
		{"json .n 60", "json .n 60.0"},
		{"json .f 60.0", "json .f 60"},
		{`json .list [{"k": 1}, {"k": 2}]`, `json .list [{"k": 2}, {"k": 1}]`},
		{"json . @document", "json . @other"},
		{`json .s "abc"`, `json .list.*.k 1`},
		{"json-list .list.*.k [1, 2]", "json-list .list.*.k [2, 1]"},
		{"json-like .s ^ab", "json-like .n ^ab"},
		{"json-len .list 1..2", "json-len .list 3.."},
		{"json-len . 7", "json-len .s 3"},
		{"json-range .list.*.k 1..2", "json-range .list.*.k 2.."},
		{"json-range .n 60", "json-range .f 60"},
		{"json-ago .at 60", "json-ago .at ..59"},
		{"json-keys .list.* k extra?", "json-keys .list.* k extra"},
		{"json-keys . n f s list none at t", "json-keys . n f s list none at"},
		{"json-type .t boolean", "json-type .f integer"},
		{"json-absent .u", "json-absent .t"},
		{"json-absent .none.*", "json .none.* 1"},
	}
	files := "\n-- document --\n" + document + "\n-- other --\n{}\n"
	for _, tt := range tests {
		if _, err := runAgainst(t, reply, "GET /a\nstatus 200\n"+tt.good+files); err != nil {
			t.Errorf("%s: %v", tt.good, err)
		}
		_, err := runAgainst(t, reply, "GET /a\nstatus 200\n"+tt.bad+files)
		var failed *Failure
		if !errors.As(err, &failed) || failed.Line != tt.bad {
			t.Errorf("%s: %v, want a failure of this line", tt.bad, err)
		}
	}
}

func TestRunSends(t *testing.T) {
	reply := answer(201, "location: /v1.1/q?ids=1,2\r\n", `{"resources": ["/a/1", "/a/2"], "n": {"b": 1}}`)
	tests := []struct{ name, lines, want string }{
		{"a file for a body", "PUT /q @f\nstatus 201\n-- f --\n{\"a\": 1}\n", "|Content-Length: 8||{\"a\": 1}"},
		{"a quoted body", "PUT /q '  '\nstatus 201", "Content-Length: 2||  "},
		{"an empty body", "PUT /q ''\nstatus 201", "Content-Length: 0||"},
		{"another header", "with accept: x y\nGET /q\nstatus 201", "accept: x y||"},
		{"another header, for one request", "with Accept: x\nGET /q\nstatus 201\nGET /r\nstatus 201", "GET /r HTTP/1.1|Host: HOST|User-Agent: apiscript|Accept: application/json|"},
		{"no header", "without accept User-Agent client-id\nGET /q\nstatus 201", "Host: HOST|X-Project-ID: 123456||"},
		{"an empty header", "with Client-ID:\nGET /q\nstatus 201", "Client-ID: ||"},
		{"another project", "project JAM Project\nGET /q\nstatus 201\nGET /r\nstatus 201", "GET /r HTTP/1.1|Host: HOST|User-Agent: apiscript|Accept: application/json|Client-ID: " + defaultClient + "|X-Project-ID: JAM Project||"},
		{"no project", "project none\nwithout Accept User-Agent\nGET /q\nstatus 201", "Host: HOST|Client-ID: " + defaultClient + "||"},
		{"another client", "client bob\nwithout Accept User-Agent X-Project-ID\nGET /q\nstatus 201", "Host: HOST|Client-ID: " + clientID("bob") + "||"},
		{"the first client again", "client none\nclient\nGET /q\nstatus 201", "Client-ID: " + defaultClient + "||"},
		{"messages", "post 2 /q/messages", `|{"messages": [{"ttl": 300, "body": {"n": 1}}, {"ttl": 300, "body": {"n": 2}}]}`},
		{"messages with a body", "post 1 /q/messages [1, 3]", `|{"messages": [{"ttl": 300, "body": [1, 3]}]}`},
		{"saved JSON", "GET /q\nstatus 201\nsave r json .resources.1\nGET $r\nstatus 201", "GET /a/2 HTTP/1.1"},
		{"a saved object", "GET /q\nstatus 201\nsave r json .n\nPUT /q $r\nstatus 201", `|{"b":1}`},
		{"a saved header", "GET /q\nstatus 201\nsave r header Location\nGET $r,3\nstatus 201", "GET /v1.1/q?ids=1,2,3 HTTP/1.1"},
		{"a part", "GET /q\nstatus 201\nsave r json .resources.0 ~ /([^/]+)$\nGET /m/$r\nstatus 201", "GET /m/1 HTTP/1.1"},
		{"a text", "set r a b\nPUT /q \"$r\"\nstatus 201", `|"a b"`},
		{"pairs", "for a b in 1 2 3 '4 '\nPUT /$a '$b'\nstatus 201\nend", "PUT /3 HTTP/1.1"},
		{"values", "GET /q\nstatus 201\neach r .resources.*\nGET $r\nstatus 201\nend", "GET /a/2 HTTP/1.1"},
		{"rounds", "repeat 3\nGET /q$i\nstatus 201\nend", "GET /q3 HTTP/1.1"},
		{"no status, but another check", "GET /q\njson-len .resources 2\nGET /r\nstatus 201", "GET /r HTTP/1.1"},
		{"conditions", "[v1] GET /old\n[v1.1] GET /new\nstatus 201", "GET /new HTTP/1.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent, err := runAgainst(t, reply, tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			flat := strings.ReplaceAll(sent, "\r\n", "|")
			host, _, _ := strings.Cut(flat[strings.Index(flat, "Host: ")+len("Host: "):], "|")
			flat = strings.ReplaceAll(flat, host, "HOST")
			if !strings.Contains(flat, tt.want) {
				t.Errorf("sent %s\nwant %s", flat, tt.want)
			}
		})
	}
}

func TestRunTurnsTheClock(t *testing.T) {
	reply := answer(200, "", document)
	lines := "GET /a\nstatus 200\njson-ago .at 60\nadvance 61s\njson-ago .at 121\nstore faulty"
	if _, err := runAgainst(t, reply, lines); err != nil {
		t.Error(err)
	}
}

func TestRunStops(t *testing.T) {
	reply := answer(200, "", document)
	tests := []struct{ name, lines, want string }{
		{"an answer nobody looked at", "GET /a\nGET /b\nstatus 200", "a.txtar:2: GET /a"},
		{"the same at the end", "GET /a", "a.txtar:2: GET /a"},
		{"a check before a request", "status 200", "nothing was sent yet"},
		{"an unknown variable", "GET /$x", "nothing was saved as $x"},
		{"an unknown file", "PUT /a @b", "no file b"},
		{"text behind a quoted body", "PUT /a 'b' c", "quoted body ends the line"},
		{"no such header", "GET /a\nstatus 200\nsave x header y", "no header y"},
		{"no such value", "GET /a\nstatus 200\nsave x json .y", "nothing is there"},
		{"many values", "GET /a\nstatus 200\nsave x json .list.*", "2 values"},
		{"no such source", "GET /a\nstatus 200\nsave x body y", `not "body"`},
		{"no match", "GET /a\nstatus 200\nsave x json .s ~ z", "does not match z"},
		{"words behind", "GET /a\nstatus 200\nsave x json .s z", "~ REGEXP"},
		{"values that don't go round", "for a b in 1 2 3\nend", "3 values do not go round 2 names"},
		{"no number", "repeat x\nend", "no number of times"},
		{"no messages", "post 0 /a", "no number of messages"},
		{"no header", "with Accept x", "NAME: VALUE"},
		{"no time", "advance 3", "missing unit"},
		{"no such mischief", "store broken", "unknown word"},
		{"failures without end", "GET /a\nstatus 200\nrepeat 100\njson .n 61\nend\nGET $x", "want 61"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := runAgainst(t, reply, tt.lines)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err != nil && strings.Count(err.Error(), "\n") > 60 {
				t.Errorf("the error has no end: %v", err)
			}
		})
	}
}

func TestFailureShowsAll(t *testing.T) {
	lines := "\n# Nothing is as it should be.\nPOST $V/q {\"ttl\": 60}\nstatus 201\nheader location x"
	_, err := runAgainst(t, answer(404, "location: y\r\n", `{"title": "Not found"}`), lines)
	if err == nil {
		t.Fatal("the run has no error")
	}
	host := err.Error()[strings.Index(err.Error(), "Host: ")+len("Host: "):]
	host = host[:strings.IndexByte(host, '\n')]
	want := `a.txtar:5: status 201
    # Nothing is as it should be.
    the status is 404, want 201
  sent:
    POST /v1.1/q HTTP/1.1
    Host: ` + host + `
    User-Agent: apiscript
    Accept: application/json
    X-Project-ID: 123456
    Client-ID: 3381af92-2b9e-11e3-b191-71861300734c
    Content-Length: 11
    
    {"ttl": 60}
  received:
    HTTP/1.1 404 Some Reason
    location: y
    Content-Length: 22

    {"title": "Not found"}

a.txtar:6: header location x
    # Nothing is as it should be.
    the header is y, want x
`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestClosedIsAnAnswer(t *testing.T) {
	if _, err := runAgainst(t, "", "GET /a\nstatus 400 closed"); err != nil {
		t.Error(err)
	}
	for _, check := range []string{"status 200", "body", "body-has a", "header a b", "spelled a", "no-header a", "json-absent .a"} {
		_, err := runAgainst(t, "", "GET /a\nstatus closed\n"+check)
		if err == nil || !strings.Contains(err.Error(), "received: nothing") && !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s of no answer: %v, want an error", check, err)
		}
	}
}

func TestHouseRules(t *testing.T) {
	s := newStub(t, answer(200, "", "{}"))
	target := Target{Addr: s.addr(), Version: "v1", Check: func(x Exchange) error {
		return fmt.Errorf("%s %d", x.Request.Target, x.Answer.Status)
	}}
	script := load(t, "versions v1\nGET /a\nstatus 200\nstatus-only\nGET /b\nstatus 200\n")
	err := script.Run(t.Context(), target)
	if err == nil || !strings.Contains(err.Error(), "a.txtar:2: GET /a") || strings.Contains(err.Error(), "GET /b") {
		t.Errorf("error %v, want one for the first answer only", err)
	}
}

func TestIncludesAreRun(t *testing.T) {
	s := newStub(t, answer(200, "", "{}"))
	fsys := fstest.MapFS{
		"a.txtar":         {Data: []byte("versions v1 v1.1\nGET /a\n[v1.1] include ok\n[v1] status 200\n[v1] include not\n")},
		"include/ok.txt":  {Data: []byte("status 200\n")},
		"include/not.txt": {Data: []byte("json . 1\n")},
	}
	script, err := Load(fsys, "a.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Run(t.Context(), Target{Addr: s.addr(), Version: "v1.1"}); err != nil {
		t.Error(err)
	}
	err = script.Run(t.Context(), Target{Addr: s.addr(), Version: "v1"})
	if err == nil || !strings.Contains(err.Error(), "include/not.txt:1, included at a.txtar:5: json . 1") {
		t.Errorf("error %v, want one in the include", err)
	}
}
