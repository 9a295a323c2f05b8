//go:build unix

package swift_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// A late makes of a Swift one whose listings lag: a third of what was stored is not in them yet, and what was deleted still is. So
// it is when container servers take some of their updates late.
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
func (l *late) trouble(r *http.Request) faultproxy.Trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !aboutData(r):
	case r.Method == http.MethodGet && !isGet(r):
		return faultproxy.Trouble{Change: l.list}
	case r.Method == http.MethodDelete:
		l.gone[r.URL.Path] = time.Now()
	case r.Method == http.MethodPut:
		delete(l.gone, r.URL.Path)
	}
	return faultproxy.Trouble{}
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

// TestLateListings has listings that are seconds late.
func TestLateListings(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{})
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			lag := &late{by: 2 * time.Second, seen: map[string]lateEntry{}, gone: map[string]time.Time{}}
			s.Plan(lag.trouble)
			defer s.Plan(nil)
			t.Run("an observer misses nothing", func(t *testing.T) { observeLate(t, s, d, lag.by) })
			t.Run("nothing confirmed is lost", func(t *testing.T) {
				c := &clock{}
				m := newMill(t, d.open(t, s, c, patient), s.queue())
				m.run()
				time.Sleep(lag.by)
				c.pass(2 * time.Minute)
				m.drain()
				m.judge(d.name != "alone")
			})
		})
	}
}

// observeLate pages behind a producer. What it is shown twice is counted; with an index nothing may be.
func observeLate(t *testing.T, s *troubled, d design, lag time.Duration) {
	const posts, horizon = 20, 5 * time.Second // which is that of a store that was told of none
	stores, q := d.open(t, s, &clock{}, patient), s.queue()
	var ended atomic.Pointer[time.Time]
	var producer sync.WaitGroup
	producer.Go(func() {
		for i := range posts {
			if _, err := stores[0].Post(t.Context(), q, numbered(i, 1)); err != nil {
				t.Errorf("post: %v", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		now := time.Now()
		ended.Store(&now)
	})
	defer producer.Wait()
	shown := map[string]int{}
	l := marconi.Listing{Limit: 4, Echo: true}
	for {
		end := ended.Load()
		page, err := stores[1].List(t.Context(), q, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range bodiesOf(page.Items) {
			shown[body]++
		}
		l.Marker = cmp.Or(page.Next, l.Marker)
		if len(page.Items) == 0 {
			if end != nil && time.Since(*end) > lag+horizon {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	twice := 0
	for _, n := range shown {
		twice += n - 1
	}
	t.Logf("%d messages shown, %d of them once more", len(shown), twice)
	if len(shown) != posts {
		t.Errorf("of %d messages the observer was shown %v", posts, slices.Sorted(maps.Keys(shown)))
	}
	if d.name != "alone" && twice > 0 {
		t.Errorf("%d messages were shown twice", twice)
	}
}
