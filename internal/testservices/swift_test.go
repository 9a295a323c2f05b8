//go:build unix

package testservices

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An account is what the tests here ask a Swift by.
type account struct {
	t          testing.TB
	url, token string
}

// login logs in at tempauth.
func login(t testing.TB, s *Swift, user, key string) account {
	t.Helper()
	a := account{t: t, url: s.AuthURL}
	response := a.ask(http.MethodGet, "", nil, "X-Auth-User", user, "X-Auth-Key", key)
	if response.status != http.StatusOK {
		t.Fatalf("log-in as %s: %d %s", user, response.status, response.body)
	}
	return account{t: t, url: response.header.Get("X-Storage-Url"), token: response.header.Get("X-Auth-Token")}
}

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request; headers are names and values in turn. Without an answer the status is 0.
func (a account) ask(method, path string, body []byte, headers ...string) answer {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Close = true
	request.Header.Set("X-Auth-Token", a.token)
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Log(err)
		return answer{}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Error(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// want sends a request that is to be answered with a status, and gives the body of the answer.
func (a account) want(status int, method, path string, body []byte, headers ...string) string {
	a.t.Helper()
	got := a.ask(method, path, body, headers...)
	if got.status != status {
		a.t.Fatalf("%s %s = %d %s, want %d", method, path, got.status, got.body, status)
	}
	return got.body
}

func archive(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(name))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// works tries what drivers ask of a Swift.
func works(a account) {
	a.t.Helper()
	a.want(http.StatusCreated, http.MethodPut, "/c%20%C3%BC", nil)
	a.want(http.StatusCreated, http.MethodPut, "/c%20%C3%BC/o%2F1%3F", []byte("one"), "If-None-Match", "*")
	a.want(http.StatusPreconditionFailed, http.MethodPut, "/c%20%C3%BC/o%2F1%3F", []byte("two"), "If-None-Match", "*")
	if got := a.want(http.StatusOK, http.MethodGet, "/c%20%C3%BC/o%2F1%3F", nil); got != "one" {
		a.t.Errorf("GET = %q, want one", got)
	}
	extracted := a.want(http.StatusOK, http.MethodPut, "/c%20%C3%BC?extract-archive=tar", archive(a.t, "x", "y"), "Accept", "text/plain")
	if !strings.Contains(extracted, "Number Files Created: 2") {
		a.t.Errorf("extract-archive = %s", extracted)
	}
	if got := a.want(http.StatusOK, http.MethodGet, "/c%20%C3%BC", nil); got != "o/1?\nx\ny\n" {
		a.t.Errorf("listing = %q", got)
	}
	deleted := a.want(http.StatusOK, http.MethodPost, "?bulk-delete", []byte("/c%20%C3%BC/x\n/c%20%C3%BC/y\n/c%20%C3%BC/z\n"),
		"Content-Type", "text/plain", "Accept", "text/plain")
	if !strings.Contains(deleted, "Number Deleted: 2") || !strings.Contains(deleted, "Number Not Found: 1") {
		a.t.Errorf("bulk-delete = %s", deleted)
	}
}

func TestSwift(t *testing.T) {
	s := StartSwift(t, SwiftOptions{})
	a := login(t, s, "test:tester", "testing")
	mark := s.Mark()
	works(a)
	got := fmt.Sprint(s.Requests(mark))
	want := fmt.Sprint([]SwiftRequest{
		{Method: "PUT", Account: "AUTH_test", Container: "c ü", Status: 201},
		{Method: "PUT", Account: "AUTH_test", Container: "c ü", Object: "o/1?", Status: 201},
		{Method: "PUT", Account: "AUTH_test", Container: "c ü", Object: "o/1?", Status: 412},
		{Method: "GET", Account: "AUTH_test", Container: "c ü", Object: "o/1?", Status: 200},
		{Method: "PUT", Account: "AUTH_test", Container: "c ü", Query: "extract-archive=tar", Status: 200},
		{Method: "GET", Account: "AUTH_test", Container: "c ü", Query: "format=json&states=listing", Status: 200},
		{Method: "POST", Account: "AUTH_test", Query: "bulk-delete", Status: 200},
	})
	if got != want {
		t.Errorf("requests = %s\nwant %s", got, want)
	}
}

func TestSwiftKnowsWhoMay(t *testing.T) {
	s := StartSwift(t, SwiftOptions{TokenLife: time.Second, Without: []string{"bulk"}})
	mine := login(t, s, "test:tester", "testing")
	mine.want(http.StatusCreated, http.MethodPut, "/c", nil)
	for _, user := range []struct {
		name, key string
		status    int
	}{{"other:tester", "testing2", http.StatusForbidden}, {"test:guest", "guesting", http.StatusForbidden}, {"admin:admin", "admin", http.StatusNoContent}} {
		a := login(t, s, user.name, user.key)
		a.url = mine.url
		a.want(user.status, http.MethodGet, "/c", nil)
	}
	if got := (account{t: t, url: s.AuthURL}).ask(http.MethodGet, "", nil, "X-Auth-User", "test:tester", "X-Auth-Key", "wrong"); got.status != http.StatusUnauthorized {
		t.Errorf("log-in with a wrong key = %d", got.status)
	}
	time.Sleep(2 * time.Second)
	mine.want(http.StatusUnauthorized, http.MethodGet, "/c", nil)
	if info := (account{t: t, url: "http://" + s.Host}).want(http.StatusOK, http.MethodGet, "/info", nil); strings.Contains(info, "bulk_delete") {
		t.Errorf("without bulk it says %s", info)
	}
}

func TestSwiftComesAndGoes(t *testing.T) {
	var pids []int
	dir := t.TempDir()
	s, err := RunSwift(dir, SwiftOptions{})
	Require(t, err)
	for _, one := range s.servers {
		pids = append(pids, one.process.pid)
	}
	pids = append(pids, s.forker.process.pid)
	a := login(t, s, "test:tester", "testing")
	a.want(http.StatusCreated, http.MethodPut, "/c", nil)
	s.Objects[0].Kill()
	a.want(http.StatusServiceUnavailable, http.MethodPut, "/c/o", []byte("x"))
	if err := s.Objects[0].Start(); err != nil {
		t.Fatal(err)
	}
	pids = append(pids, s.Objects[0].process.pid)
	a.want(http.StatusCreated, http.MethodPut, "/c/o", []byte("x"))
	s.Proxy.Pause()
	go func() {
		time.Sleep(500 * time.Millisecond)
		s.Proxy.Resume()
	}()
	at := time.Now()
	a.want(http.StatusOK, http.MethodGet, "/c/o", nil)
	if took := time.Since(at); took < 400*time.Millisecond {
		t.Errorf("a proxy that stands still answered after %v", took)
	}
	s.Close()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("process %d lives on", pid)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

func TestSwiftSaysWhatFails(t *testing.T) {
	Require(t, swiftInstalled(SwiftOptions{}))
	_, err := RunSwift(t.TempDir(), SwiftOptions{Without: []string{"proxy-server"}})
	if err == nil || !strings.Contains(err.Error(), "proxy does not answer") {
		t.Errorf("a Swift whose proxy cannot start: %v", err)
	}
}

func TestSwiftCluster(t *testing.T) {
	s := StartSwift(t, SwiftOptions{Cluster: true})
	a := login(t, s, "test:tester", "testing")
	works(a)
	a.want(http.StatusCreated, http.MethodPut, "/c", nil)
	s.Objects[1].Kill()
	for i := range 6 {
		a.want(http.StatusCreated, http.MethodPut, fmt.Sprintf("/c/o%d", i), []byte("x"))
		a.want(http.StatusOK, http.MethodGet, fmt.Sprintf("/c/o%d", i), nil)
	}
}

// A listing that one of three container servers missed is right again by the updaters, without anybody asking.
func TestSwiftClusterHeals(t *testing.T) {
	s := StartSwift(t, SwiftOptions{Cluster: true})
	a := login(t, s, "test:tester", "testing")
	a.want(http.StatusCreated, http.MethodPut, "/c", nil)
	s.Containers[0].Kill()
	for i := range 5 {
		a.want(http.StatusCreated, http.MethodPut, fmt.Sprintf("/c/o%d", i), []byte("x"))
	}
	a.want(http.StatusCreated, http.MethodPut, "/c/dying", []byte("x"), "X-Delete-After", "2")
	if err := s.Containers[0].Start(); err != nil {
		t.Fatal(err)
	}
	s.Containers[1].Kill()
	s.Containers[2].Kill()
	err := until(time.Minute, func() error {
		return want("listing", a.ask(http.MethodGet, "/c", nil).body, "o0\no1\no2\no3\no4\n")
	})
	if err != nil {
		t.Error(err)
	}
}
