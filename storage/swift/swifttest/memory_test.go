package swifttest

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A dial is a clock that a test turns.
type dial struct{ now time.Time }

func newDial() *dial { return &dial{now: time.Date(2026, 11, 26, 1, 2, 3, 456_789_000, time.UTC)} }

func (d *dial) Now() time.Time       { return d.now }
func (d *dial) turn(t time.Duration) { d.now = d.now.Add(t) }

func TestMemory(t *testing.T) {
	TestClient(t, func(*testing.T) Subject {
		d := newDial()
		return Subject{Client: NewMemory(Options{Now: d.Now}), Now: d.Now, Wait: d.turn}
	})
}

// A faulty client without faults is as good as the one that it decorates.
func TestFaultyWithoutFaults(t *testing.T) {
	TestClient(t, func(*testing.T) Subject {
		d := newDial()
		f := NewFaulty(NewMemory(Options{Now: d.Now}))
		f.Lag(time.Nanosecond, func() time.Time { return d.now.Add(time.Hour) })
		return Subject{Client: f, Now: d.Now, Wait: d.turn}
	})
}

// memory is an account with a container c.
func memory(t *testing.T, o Options) *Memory {
	t.Helper()
	m := NewMemory(o)
	must(t, "MakeContainer", m.MakeContainer(t.Context(), "c"))
	return m
}

func of(name string) objects.Path { return objects.Path{Container: "c", Name: name} }

func put(t *testing.T, c objects.Client, name string) {
	t.Helper()
	must(t, "Put", c.Put(t.Context(), of(name), []byte("x"), objects.Attributes{}))
}

func wantListed(t *testing.T, when string, c objects.Client, want ...string) {
	t.Helper()
	entries, err := c.List(t.Context(), "c", objects.Listing{})
	must(t, "List", err)
	if got := names(entries); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		t.Errorf("%s: List = %q, want %q", when, got, want)
	}
}

func TestMemoryListingLags(t *testing.T) {
	d := newDial()
	lags := map[string]time.Duration{"late": 10 * time.Second, "later": 20 * time.Second}
	m := memory(t, Options{Now: d.Now, Lag: func(at objects.Path) time.Duration { return lags[at.Name] }})
	for _, name := range []string{"late", "later", "now"} {
		put(t, m, name)
	}
	if _, err := m.Get(t.Context(), of("later"), false); err != nil {
		t.Errorf("Get of what isn't listed yet: %v", err)
	}
	wantListed(t, "at once", m, "now")
	d.turn(10 * time.Second)
	wantListed(t, "after 10 s", m, "late", "now")
	must(t, "Delete", m.Delete(t.Context(), of("late")))
	wantListed(t, "after Delete", m, "late", "now")
	d.turn(10 * time.Second)
	wantListed(t, "after 20 s", m, "later", "now")
}

// News of an object that come after those of its deletion must not bring it back.
func TestMemoryListingOutOfOrder(t *testing.T) {
	d := newDial()
	lag := 10 * time.Second
	m := memory(t, Options{Now: d.Now, Lag: func(objects.Path) time.Duration { return lag }})
	put(t, m, "o")
	lag = 0
	must(t, "Delete", m.Delete(t.Context(), of("o")))
	d.turn(20 * time.Second)
	wantListed(t, "when the older news have come", m)
	must(t, "DeleteContainer", m.DeleteContainer(t.Context(), "c"))
}

func TestMemorySettle(t *testing.T) {
	m := memory(t, Options{Lag: func(objects.Path) time.Duration { return time.Hour }})
	put(t, m, "o")
	wantListed(t, "before Settle", m)
	m.Settle()
	wantListed(t, "after Settle", m, "o")
}

// A container is empty when its listing is, and takes what isn't listed yet with it: so does Swift's.
func TestMemoryContainerWithALateObject(t *testing.T) {
	m := memory(t, Options{Lag: func(objects.Path) time.Duration { return time.Hour }})
	put(t, m, "o")
	must(t, "DeleteContainer", m.DeleteContainer(t.Context(), "c"))
}

func TestMemoryExpire(t *testing.T) {
	d := newDial()
	m := memory(t, Options{Now: d.Now})
	must(t, "Put", m.Put(t.Context(), of("goes"), nil, objects.Attributes{DeleteAt: d.now.Add(time.Second)}))
	put(t, m, "stays")
	m.Expire()
	wantListed(t, "before its end", m, "goes", "stays")
	d.turn(3 * time.Second)
	wantListed(t, "after its end", m, "goes", "stays")
	m.Expire()
	wantListed(t, "after Expire", m, "stays")
}

// A server whose clock is behind loses against one that has written already.
func TestMemoryClockTurnedBack(t *testing.T) {
	d := newDial()
	m := memory(t, Options{Now: d.Now})
	put(t, m, "o")
	put(t, m, "deleted")
	must(t, "Delete", m.Delete(t.Context(), of("deleted")))
	d.turn(-time.Minute)
	for _, name := range []string{"o", "deleted"} {
		wantErr(t, "Put of an older one", m.Put(t.Context(), of(name), []byte("older"), objects.Attributes{}), objects.ErrNotStored)
	}
	wantErr(t, "Put of an older one, Anew",
		m.Put(t.Context(), of("deleted"), nil, objects.Attributes{}, objects.Anew), objects.ErrNotStored)
	older := []objects.Upload{{Name: "o"}, {Name: "deleted"}}
	wantErr(t, "PutMany of older ones", m.PutMany(t.Context(), "c", older), objects.ErrNotStored)
	older[0].Shared, older[1].Shared = true, true
	must(t, "PutMany of older ones that are shared", m.PutMany(t.Context(), "c", older))
	wantUnknown(t, "Post of older attributes", m.Post(t.Context(), of("o"), objects.Attributes{ContentType: "a/b"}))
	wantStatus(t, "Delete of an older one", m.Delete(t.Context(), of("o")), http.StatusConflict)
	put(t, m, "gone")
	wantStatus(t, "Delete of several, one of them newer", m.DeleteMany(t.Context(), []objects.Path{of("o"), of("gone"), of("deleted")}), http.StatusConflict)
	wantListed(t, "after that", m, "o")
	if o, err := m.Get(t.Context(), of("o"), false); err != nil || string(o.Body) != "x" {
		t.Errorf("Get = %q, %v; want the first", o.Body, err)
	}
	d.turn(2 * time.Minute)
	put(t, m, "o")
	put(t, m, "deleted")
}

// A deletion that is newer than the body removes it, whatever a POST has changed since.
func TestMemoryDeleteBeforeAPost(t *testing.T) {
	d := newDial()
	m := memory(t, Options{Now: d.Now})
	put(t, m, "o")
	late := m.Through(10 * time.Second)
	must(t, "Post", late.Post(t.Context(), of("o"), objects.Attributes{ContentType: "a/b"}))
	d.turn(time.Second)
	must(t, "Delete", m.Delete(t.Context(), of("o")))
	_, err := m.Get(t.Context(), of("o"), true)
	wantErr(t, "Get", err, objects.ErrMissing)
	wantListed(t, "afterwards", m)
}

// A deletion of what is not there yet is newer than a PUT that was stamped before it.
func TestMemoryDeleteBeforeAPut(t *testing.T) {
	d := newDial()
	m := memory(t, Options{Now: d.Now})
	must(t, "Delete", m.Delete(t.Context(), of("o")))
	behind := m.Through(-time.Second)
	wantErr(t, "Put", behind.Put(t.Context(), of("o"), nil, objects.Attributes{}), objects.ErrNotStored)
	wantListed(t, "afterwards", m)
	d.turn(2 * time.Second)
	must(t, "Put of a newer one", behind.Put(t.Context(), of("o"), nil, objects.Attributes{}))
}

func wantStatus(t *testing.T, what string, err error, status int) {
	t.Helper()
	var e *objects.StatusError
	if !errors.As(err, &e) || e.Status != status {
		t.Errorf("%s: %v, want status %d", what, err, status)
	}
}

// What is handed in and out is not shared with the account.
func TestMemoryKeepsItsOwnBodies(t *testing.T) {
	m := memory(t, Options{})
	body := []byte("body")
	must(t, "Put", m.Put(t.Context(), of("o"), body, objects.Attributes{}))
	body[0] = 'B'
	for range 2 {
		o, err := m.Get(t.Context(), of("o"), false)
		must(t, "Get", err)
		if string(o.Body) != "body" {
			t.Errorf("Get = %q, want body", o.Body)
		}
		o.Body[0] = 'X'
	}
}

func TestMemoryPages(t *testing.T) {
	m := memory(t, Options{Abilities: objects.Abilities{Page: 2}})
	for _, name := range []string{"a", "b", "c"} {
		put(t, m, name)
	}
	wantListed(t, "of three on pages of two", m, "a", "b")
}
