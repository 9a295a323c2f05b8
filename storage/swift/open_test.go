package swift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A counted account knows how often it was closed.
type counted struct {
	objects.Client
	closed int
}

func (c *counted) Close() error {
	c.closed++
	return nil
}

// A desk opens stores in Swift on an account in memory, and others as a program does.
type desk struct {
	t        *testing.T
	account  *counted
	registry *storage.Registry
	opened   []string // namespace, URI and plane
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, account: &counted{Client: swifttest.NewMemory(swifttest.Options{})}}
	noting := func(open storage.Driver) storage.Driver {
		return func(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
			d.opened = append(d.opened, o.Namespace+" "+uri)
			return open(ctx, uri, o)
		}
	}
	d.registry = storage.NewRegistry(storage.Drivers{
		"memory": noting(memory.Open), "sqlite": noting(sqlstore.OpenSQLite),
		"bodies": noting(func(context.Context, string, storage.Options) (storage.Opened, error) { return storage.Opened{}, nil }),
		"swift": func(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
			s, err := parseURI(uri)
			if err != nil {
				return storage.Opened{}, err
			}
			return openOn(ctx, d.account, s, o)
		},
	})
	return d
}

const demo = "swift://demo:secret@/demo"

func (d *desk) open(data, control string, embedded func() (string, error)) (storage.Planes, error) {
	d.t.Helper()
	return d.registry.OpenPlanes(d.t.Context(), data, control, storage.Options{Embedded: embedded})
}

func (d *desk) close(wantClosed int) {
	d.t.Helper()
	if err := d.registry.Close(); err != nil {
		d.t.Errorf("Close: %v", err)
	}
	if d.account.closed != wantClosed {
		d.t.Errorf("the account was closed %d times, want %d", d.account.closed, wantClosed)
	}
}

// use posts, claims and deletes a message in a queue that it makes.
func use(t *testing.T, p storage.Planes) {
	t.Helper()
	ctx := t.Context()
	id, err := p.Control.ID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Data.Bind(ctx, id, false); err != nil {
		t.Fatal(err)
	}
	q, _, err := p.Control.CreateQueue(ctx, key("p", "q"), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := `"` + strings.Repeat("x", 2000) + `"`
	post := marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 300, Body: []byte(body)}}}
	ids, err := p.Data.Post(ctx, q.QueueRef, post)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Data.Claim(ctx, q.QueueRef, marconi.ClaimRequest{ID: "0123456789abcdef0123456789abcdef", TTL: 60, Limit: 5})
	if err != nil || len(got.Messages) != 1 || string(got.Messages[0].Body) != body {
		t.Fatalf("Claim = %+v, %v", got, err)
	}
	if err := p.Data.Delete(ctx, q.QueueRef, ids[0], "0123456789abcdef0123456789abcdef"); err != nil {
		t.Error(err)
	}
}

func TestWhereEverythingIs(t *testing.T) {
	embedded := func() (string, error) { return "memory://embedded", nil }
	for _, tt := range []struct {
		name, data, control string
		embedded            func() (string, error)
		queues              string // where they are: in Swift, or at a URI
		shared              bool
		fifo                bool
		opened              []string
		closed              int
	}{
		{"alone", demo, "", embedded, "memory://embedded", false, true, []string{"swift memory://embedded", " memory://embedded"}, 1},
		{"with an index", demo + "?index=memory://i", "", embedded, "memory://i", false, true, []string{"swift memory://i", " memory://i"}, 1},
		{"with an index and a prefix", demo + "?prefix=other&index=memory://i", "", nil, "memory://i", false, true, []string{"swift-other memory://i", " memory://i"}, 1},
		{"with an index, queues elsewhere", demo + "?index=memory://i", "memory://c", embedded, "memory://c", false, true, []string{" memory://c", "swift memory://i"}, 1},
		{"queues of one's own", demo, "memory://c", embedded, "memory://c", false, true, []string{" memory://c", "swift memory://embedded"}, 1},
		{"no index", demo + "?index=none", "", embedded, "Swift", true, false, nil, 1},
		{"no index, queues elsewhere", demo + "?index=none", "memory://c", nil, "memory://c", false, false, []string{" memory://c"}, 1},
		{"nothing but Swift", demo + "?index=none", demo, nil, "Swift", true, false, nil, 2},
		{"nothing but Swift, named twice", demo + "?index=none", demo + "?index=none", nil, "Swift", true, false, nil, 2},
		{"with an index, queues in Swift", demo + "?index=memory://i", demo, embedded, "Swift", true, true, []string{"swift memory://i"}, 2},
		{"messages elsewhere, queues in Swift", "memory://d", demo, nil, "Swift", true, true, []string{" memory://d"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			p, err := d.open(tt.data, tt.control, tt.embedded)
			if err != nil {
				t.Fatal(err)
			}
			use(t, p)
			_, inSwift := p.Control.(*controlStore)
			if inSwift != (tt.queues == "Swift") || !inSwift && p.ControlURI != tt.queues || p.Shared != tt.shared {
				t.Errorf("queues are in %s, %T, shared %v; want %s, shared %v", p.ControlURI, p.Control, p.Shared, tt.queues, tt.shared)
			}
			if fifo := p.Data.Capabilities().Has(marconi.FIFO | marconi.Claims); fifo != tt.fifo {
				t.Errorf("order and claims are promised: %v, want %v", fifo, tt.fifo)
			}
			if _, moves := p.Data.(marconi.Mover); moves != tt.fifo {
				t.Errorf("it moves dead letters: %v, want %v", moves, tt.fifo)
			}
			if got, want := strings.Join(d.opened, ", "), strings.Join(tt.opened, ", "); got != want {
				t.Errorf("opened %s; want %s", got, want)
			}
			d.close(tt.closed)
		})
	}
}

func TestWhatCanNotBeOpened(t *testing.T) {
	embedded := func() (string, error) { return "memory://embedded", nil }
	homeless := func() (string, error) { return "", errors.New("there is no home folder") }
	for _, tt := range []struct {
		name, data, control string
		embedded            func() (string, error)
		says                string
		closed              int
	}{
		{"without an index, queues in Swift", demo, demo, embedded, "say index=none", 2},
		{"without an index, nothing embedded", demo, "", nil, "say index=none", 1},
		{"an index that isn't built in", demo + "?index=redis://u:secret@h", "", embedded, "its index: open a store: a URI begins with", 1},
		{"an index that can't be opened", demo + "?index=memory://h/x", "", embedded, "its index: open a store in memory", 1},
		{"an index that keeps nothing", demo + "?index=bodies:secret", "", embedded, "its index: that store keeps no messages", 1},
		{"no home for the index", demo, "", homeless, "a place for its index: there is no home folder", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			_, err := d.open(tt.data, tt.control, tt.embedded)
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want something about %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells a secret: %v", err)
			}
			d.close(tt.closed)
		})
	}
}

// Messages that a store holds for itself are not those of an index that it has as well.
func TestAnIndexIsApart(t *testing.T) {
	file := "sqlite:///" + t.TempDir() + "/marconi.db"
	d := newDesk(t)
	plain, err := d.open(file, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	use(t, plain)
	q, err := plain.Control.Queue(t.Context(), key("p", "q"))
	if err != nil {
		t.Fatal(err)
	}
	post := marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 300, Body: []byte(`1`)}}}
	if _, err := plain.Data.Post(t.Context(), q.QueueRef, post); err != nil {
		t.Fatal(err)
	}
	bodies, err := d.open(demo+"?index="+file, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := bodies.Control.Queue(t.Context(), key("p", "q")); err != nil || again.QueueRef != q.QueueRef {
		t.Errorf("the queues are %+v, %v; want those of the store itself, %+v", again, err, q)
	}
	page, err := bodies.Data.List(t.Context(), q.QueueRef, marconi.Listing{Limit: 5, Echo: true})
	if err != nil || len(page.Items) > 0 {
		t.Errorf("the messages are %+v, %v; want none", page, err)
	}
	d.close(1)
}

// What may be better in a moment is waited for; what somebody has to change is not.
func TestWhatIsWaitedFor(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("reach it: %w", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), true},
		{fmt.Errorf("reach it: %w", &objects.StatusError{Status: 502}), true},
		{fmt.Errorf("reach it: %w", &objects.StatusError{Status: 503}), true},
		{fmt.Errorf("reach it: %w", &objects.StatusError{Status: 504}), true},
		{&objects.StatusError{Status: 500}, false},
		{&objects.StatusError{Status: 401}, false},
		{errors.New("no such host"), false},
	} {
		if got := notYet(tt.err); errors.Is(got, storage.ErrNotYet) != tt.want || !errors.Is(got, tt.err) {
			t.Errorf("notYet(%v) = %v; waited for: want %v", tt.err, got, tt.want)
		}
	}
}

// A log-in that answers 503 is one of a server that is starting, whoever logs in.
func TestALogInIsWaitedFor(t *testing.T) {
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer starting.Close()
	place := strings.TrimPrefix(starting.URL, "http://")
	for _, uri := range []string{
		"swift://tester:Hunter2@" + place + "/test?auth=v1&index=none",
		"swift://tester:Hunter2@" + place + "/test?index=none",
		"swift://" + place + "?application_credential_id=i&application_credential_secret=Hunter2&index=none",
	} {
		_, err := Open(t.Context(), uri, storage.Options{})
		if !errors.Is(err, storage.ErrNotYet) || !strings.Contains(err.Error(), place) || strings.Contains(err.Error(), "Hunter2") {
			t.Errorf("%s: %v; want one that is waited for, with the server's place and no key", uri, err)
		}
	}
}

// TestAClaimThatWouldWaitTooLong does not open what could make no claim.
func TestAClaimThatWouldWaitTooLong(t *testing.T) {
	d := newDesk(t)
	o := storage.Options{CallTime: 5 * time.Second}
	_, err := d.registry.OpenPlanes(t.Context(), demo+"?index=none&lease_settle=5000", "", o)
	if err == nil || !strings.Contains(err.Error(), "request_timeout") {
		t.Errorf("lease_settle as long as request_timeout: %v", err)
	}
	if _, err := d.registry.OpenPlanes(t.Context(), demo+"?index=none&lease_settle=4999", "", o); err != nil {
		t.Errorf("lease_settle below request_timeout: %v", err)
	}
	if err := d.registry.Close(); err != nil {
		t.Error(err)
	}
}
