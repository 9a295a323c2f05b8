package objects_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

var errUnknown = errors.New("an error that says nothing known")

// isUnknown reports whether nobody can say how a request ended.
func isUnknown(err error) bool { return errors.Is(known(err), errUnknown) }

// known is what an error says: nil, one of the known ends, or errUnknown.
func known(err error) error {
	for _, end := range []error{
		objects.ErrMissing, objects.ErrContainer, objects.ErrExists, objects.ErrNotStored, objects.ErrConflict,
	} {
		if errors.Is(err, end) {
			return end
		}
	}
	if err != nil {
		return errUnknown
	}
	return nil
}

func TestStatuses(t *testing.T) {
	ctx := t.Context()
	at := objects.Path{Container: "c", Name: "o"}
	calls := map[string]func(a *objects.Account) error{
		"put":  func(a *objects.Account) error { return a.Put(ctx, at, []byte("x"), objects.Attributes{}) },
		"anew": func(a *objects.Account) error { return a.Put(ctx, at, []byte("x"), objects.Attributes{}, objects.Anew) },
		"get":  func(a *objects.Account) error { _, err := a.Get(ctx, at, false); return err },
		"head": func(a *objects.Account) error { _, err := a.Head(ctx, at, true); return err },
		"post": func(a *objects.Account) error { return a.Post(ctx, at, objects.Attributes{ContentType: "a/b"}) },
		"del":  func(a *objects.Account) error { return a.Delete(ctx, at) },
		"list": func(a *objects.Account) error { _, err := a.List(ctx, "c", objects.Listing{}); return err },
		"make": func(a *objects.Account) error { return a.MakeContainer(ctx, "c") },
		"drop": func(a *objects.Account) error { return a.DeleteContainer(ctx, "c") },
		"all":  func(a *objects.Account) error { _, err := a.Containers(ctx, objects.Listing{}); return err },
		"many": func(a *objects.Account) error {
			return a.DeleteMany(ctx, []objects.Path{at, {Container: "c", Name: "p"}})
		},
		"tar":  func(a *objects.Account) error { return a.PutMany(ctx, "c", []objects.Upload{{Name: "o"}, {Name: "p"}}) },
		"ping": func(a *objects.Account) error { return a.Ping(ctx) },
	}
	f := startFake(t)
	a := f.open()
	for _, row := range []struct {
		status int
		ends   map[string]error // of the calls that don't end in errUnknown
	}{
		{201, map[string]error{"put": nil, "anew": nil, "post": nil, "del": nil, "make": nil, "drop": nil, "many": nil, "tar": nil}},
		{202, map[string]error{
			"put": objects.ErrNotStored, "anew": objects.ErrNotStored, "post": nil, "del": nil, "make": nil, "drop": nil,
			"many": nil, "tar": objects.ErrNotStored,
		}},
		{204, map[string]error{
			"get": nil, "head": nil, "post": nil, "del": nil, "list": nil, "make": nil, "drop": nil, "all": nil, "many": nil, "ping": nil,
		}},
		{404, map[string]error{
			"put": objects.ErrContainer, "anew": objects.ErrContainer, "get": objects.ErrMissing, "head": objects.ErrMissing,
			"post": objects.ErrMissing, "del": nil, "list": objects.ErrContainer, "drop": nil, "all": nil, "many": nil,
		}},
		{409, map[string]error{"drop": objects.ErrConflict}},
		{412, map[string]error{"anew": objects.ErrExists}},
		{301, nil}, {400, nil}, {401, nil}, {403, nil}, {408, nil}, {413, nil}, {422, nil}, {429, nil}, {498, nil}, {499, nil},
		{500, nil}, {502, nil}, {503, nil}, {504, nil}, {507, nil},
	} {
		f.setAnswer(status(row.status))
		for name, call := range calls {
			want, ok := row.ends[name]
			if !ok {
				want = errUnknown
			}
			err := call(a)
			if got := known(err); !errors.Is(got, want) {
				t.Errorf("%s after a %d ends with %v, want %v", name, row.status, err, want)
			}
			var s *objects.StatusError
			if isUnknown(err) && (!errors.As(err, &s) || s.Status != row.status) && row.status >= 300 {
				t.Errorf("%s after a %d ends with %v, want a StatusError", name, row.status, err)
			}
		}
	}
}

func TestStatusErrorSaysWhatTheServerSays(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Trans-Id", "tx123")
		w.Header().Set("Retry-After", "17")
		text(503, "text/plain", "come back\nlater"+strings.Repeat(".", 1000))(w, r)
	})
	_, err := a.Get(t.Context(), objects.Path{Container: "c", Name: "o"}, false)
	var s *objects.StatusError
	if !errors.As(err, &s) {
		t.Fatalf("Get = %v, want a StatusError", err)
	}
	if s.Status != 503 || s.Transaction != "tx123" || s.RetryAfter != 17*time.Second || len(s.Text) > 200 {
		t.Errorf("StatusError = %+v", s)
	}
	for _, want := range []string{"get c/o: ", "503 Service Unavailable", `come back\nlater`, "tx123"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q lacks %q", err, want)
		}
	}
}

// A server that is slow must not look like a caller whose time is up, nor the other way round.
func TestTimeouts(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Timeout = 50 * time.Millisecond
	a := f.openWith(o)
	f.setAnswer(silent)
	err := a.Put(t.Context(), objects.Path{Container: "c", Name: "o"}, []byte("x"), objects.Attributes{})
	if !errors.Is(known(err), errUnknown) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("Put to a slow server = %v, want an error of its own", err)
	}
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("half"))
		w.(http.Flusher).Flush()
		silent(w, r)
	})
	_, err = a.Get(t.Context(), objects.Path{Container: "c", Name: "o"}, false)
	if !errors.Is(known(err), errUnknown) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get of a body that stops = %v, want an error of its own", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err = a.Get(ctx, objects.Path{Container: "c", Name: "o"}, false); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get with a context that ends = %v, want DeadlineExceeded", err)
	}
}

func TestServerGone(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.Close()
	if err := a.Put(t.Context(), objects.Path{Container: "c", Name: "o"}, nil, objects.Attributes{}); !errors.Is(known(err), errUnknown) {
		t.Errorf("Put = %v, want an error that says nothing known", err)
	}
	if err := a.DeleteMany(t.Context(), []objects.Path{{Container: "c", Name: "o"}, {Container: "c", Name: "p"}}); !errors.Is(known(err), errUnknown) {
		t.Errorf("DeleteMany = %v, want an error that says nothing known", err)
	}
}
