package faultproxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A lister is a Swift that lists one container.
type lister struct {
	mu      sync.Mutex           // guards objects
	objects map[string]time.Time // when they were stored, by path
}

func (l *lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch r.Method {
	case http.MethodPut:
		l.objects[r.URL.Path] = time.Now()
	case http.MethodDelete:
		delete(l.objects, r.URL.Path)
	default:
		var entries []string
		for path, at := range l.objects {
			name, stored := strings.TrimPrefix(path, "/v1/a/c/"), at.UTC().Format("2006-01-02T15:04:05.000000")
			entries = append(entries, fmt.Sprintf(`{"name": %q, "last_modified": %q}`, name, stored))
		}
		fmt.Fprintf(w, "[%s]", strings.Join(entries, ","))
	}
}

func TestLateListings(t *testing.T) {
	server := httptest.NewServer(&lister{objects: map[string]time.Time{}})
	t.Cleanup(server.Close)
	g := StartGateway(t, strings.TrimPrefix(server.URL, "http://"))
	const lag = 2 * time.Second // longer than a busy machine takes for a few requests
	g.Plan(LateListings(lag))
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path string) string {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.Addr()+"/v1/a/c"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	wantListed := func(when string, names ...string) {
		t.Helper()
		listed := ask(http.MethodGet, "")
		for _, name := range []string{"a", "b", "c"} {
			if is := strings.Contains(listed, fmt.Sprintf(`"name":%q`, name)); is != slices.Contains(names, name) {
				t.Errorf("%s: %s is listed: %v", when, name, is)
			}
		}
	}
	for _, name := range []string{"/a", "/b", "/c"} { // of which c comes late: 99 is a multiple of three
		ask(http.MethodPut, name)
	}
	wantListed("at once", "a", "b")
	time.Sleep(lag)
	wantListed("later", "a", "b", "c")
	ask(http.MethodDelete, "/a")
	wantListed("after a deletion", "a", "b", "c")
	ask(http.MethodPut, "/b")
	wantListed("stored anew", "a", "b", "c")
	time.Sleep(lag)
	wantListed("in the end", "b", "c")
}
