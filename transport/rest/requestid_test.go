package rest

import (
	"net/http"
	"regexp"
	"sync"
	"testing"
)

func TestRequestIDs(t *testing.T) {
	form := regexp.MustCompile(`^req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	ids, others := newRequestIDs(), newRequestIDs()
	if ids.front == others.front {
		t.Errorf("two processes share the front %q", ids.front)
	}

	const workers, each = 4, 500
	var (
		mu   sync.Mutex // guards seen
		seen = map[string]bool{}
		wg   sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for range each {
				id := ids.next()
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != workers*each {
		t.Errorf("%d requests got %d IDs", workers*each, len(seen))
	}
	for id := range seen {
		if !form.MatchString(id) || !isRequestID(id) {
			t.Fatalf("%q is no request ID", id)
		}
	}
}

func TestRequestIDTakenOver(t *testing.T) {
	const good = "req-0F35ad31-8e7b-4b34-9d1c-5c2f5a0a8e11"
	ids := newRequestIDs()
	for _, tt := range []struct {
		given []string
		taken bool
	}{
		{[]string{good}, true},
		{nil, false},
		{[]string{good, good}, false},
		{[]string{good[4:]}, false},
		{[]string{good + "0"}, false},
		{[]string{"req-0f35ad31-8e7b-4b34-9d1c-5c2f5a0a8e1g"}, false},
		{[]string{"req-0f35ad3118e7b-4b34-9d1c-5c2f5a0a8e11"}, false},
		{[]string{"req-0f35ad31-8e7b-4b34-9d1c-5c2f5a0a8e1\n"}, false},
	} {
		r := &http.Request{Header: http.Header{"X-Openstack-Request-Id": tt.given}}
		id := ids.of(r)
		if tt.taken != (len(tt.given) == 1 && id == tt.given[0]) {
			t.Errorf("a request that brought %q got %q", tt.given, id)
		}
		if !isRequestID(id) {
			t.Errorf("%q is no request ID", id)
		}
	}
}
