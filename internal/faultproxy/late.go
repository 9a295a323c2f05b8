package faultproxy

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// LateListings is a plan for a gateway before a Swift: its listings lag by so much. A third of what was stored is not in them yet,
// and what was deleted, one by one, still is. So it is when container servers take some of their updates late.
func LateListings(by time.Duration) func(*http.Request) Trouble {
	l := &late{by: by, seen: map[string]lateEntry{}, gone: map[string]time.Time{}}
	return l.trouble
}

// A late knows of a Swift what its listings are to show for longer.
type late struct {
	by time.Duration

	mu   sync.Mutex // guards what follows
	seen map[string]lateEntry
	gone map[string]time.Time // when it was deleted
}

// A lateEntry is an object in a listing.
type lateEntry struct {
	path string // /v1/account/container/name
	name string
	text json.RawMessage
}

// trouble is a plan of a gateway.
func (l *late) trouble(r *http.Request) Trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !strings.HasPrefix(r.URL.Path, "/v1/"):
	case r.Method == http.MethodGet && strings.Count(strings.TrimRight(r.URL.Path, "/"), "/") <= 3:
		return Trouble{Change: l.list}
	case r.Method == http.MethodDelete:
		l.gone[r.URL.Path] = time.Now()
	case r.Method == http.MethodPut:
		delete(l.gone, r.URL.Path)
	}
	return Trouble{}
}

// list gives a listing as it was some time ago.
func (l *late) list(r *http.Response) error {
	text, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil || r.StatusCode != http.StatusOK {
		return err
	}
	entries, err := l.old(r.Request.URL.Path, text)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]json.RawMessage{}
	for _, e := range entries {
		l.seen[e.path], all[e.name] = e, e.text
	}
	for path, e := range l.seen {
		if deleted, is := l.gone[path]; is && time.Since(deleted) < l.by && e.listedBy(r.Request) {
			all[e.name] = e.text
		}
	}
	sorted := make([]json.RawMessage, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	text, err = json.Marshal(sorted)
	r.Body = io.NopCloser(bytes.NewReader(text))
	return err
}

// old are the entries of a listing that have been there for long enough.
func (l *late) old(container string, listing []byte) (old []lateEntry, err error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(listing, &raw); err != nil {
		return nil, err
	}
	for _, text := range raw {
		var e struct {
			Name     string
			Modified string `json:"last_modified"`
		}
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, err
		}
		modified, err := time.Parse("2006-01-02T15:04:05.000000", e.Modified)
		if err != nil {
			return nil, err
		}
		if !comesLate(e.Name) || time.Since(modified) > l.by {
			old = append(old, lateEntry{container + "/" + e.Name, e.Name, text})
		}
	}
	return old, nil
}

// comesLate tells which objects are listed late: others behind them are not, or nobody would miss them.
func comesLate(name string) bool {
	sum := 0
	for _, b := range []byte(name) {
		sum += int(b)
	}
	return sum%3 == 0
}

// listedBy reports whether a request for a listing is about the entry.
func (e lateEntry) listedBy(r *http.Request) bool {
	query := r.URL.Query()
	first, last := query.Get("marker"), query.Get("end_marker")
	if query.Get("reverse") != "" {
		first, last = last, first
	}
	return e.path == r.URL.Path+"/"+e.name && strings.HasPrefix(e.name, query.Get("prefix")) && e.name > first && (last == "" || e.name < last)
}
