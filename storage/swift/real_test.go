//go:build unix

package swift

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

// started is the Swift of this test binary: it takes seconds to start.
var started = sync.OnceValues(func() (*testservices.Swift, error) {
	dir, err := os.MkdirTemp("", "swift-")
	if err != nil {
		return nil, err
	}
	realDir = dir
	return testservices.RunSwift(dir, testservices.SwiftOptions{})
})

// realDir is where it keeps what it has, once it was started.
var realDir string

func TestMain(m *testing.M) {
	status := m.Run()
	if realDir != "" {
		if s, err := started(); err == nil {
			s.Close()
		}
		if err := os.RemoveAll(realDir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	os.Exit(status)
}

// realURI is the account of a real Swift, or the test is skipped by name.
func realURI(t testing.TB) string {
	t.Helper()
	s, err := started()
	testservices.Require(t, err)
	return s.StorageURI
}

// at opens a store by a registry, as a program does.
func at(t testing.TB, uri string, o storage.Options) storage.Opened {
	t.Helper()
	opened, err := tryAt(t, uri, o)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func tryAt(t testing.TB, uri string, o storage.Options) (storage.Opened, error) {
	t.Helper()
	r := storage.NewRegistry(storage.Drivers{"swift": Open, "memory": memory.Open, "sqlite": sqlstore.OpenSQLite})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r.Open(t.Context(), uri, o)
}

// controlHarness keeps each control store in a namespace of one account, behind a line of its own.
func controlHarness(uri string) storagetest.Harness {
	host := uri[strings.Index(uri, "@")+1:]
	host = host[:strings.Index(host, "/")]
	var lines sync.Map // by control store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		o.Plane = storage.ControlPlane
		line := faultproxy.StartGateway(t, host)
		s := at(t, strings.Replace(uri, host, line.Addr(), 1), o)
		lines.Store(s.Control, line)
		return s
	}
	return storagetest.Harness{
		Weak: storagetest.LastWriteWins,
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			if err := s.Control.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return open(t, o)
		},
		Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
			line, _ := lines.Load(s.Control)
			return line.(*faultproxy.Gateway)
		},
	}
}

// TestControl is the suite over a real Swift.
func TestControl(t *testing.T) {
	fewer(t, "3")
	storagetest.Control(t, controlHarness(realURI(t)))
}

// fewer bounds how many random histories the suite tries: each call takes milliseconds here, not microseconds, and the same code is
// tried at length over an account in memory.
func fewer(t testing.TB, checks string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	before := f.Value.String()
	if err := flag.Set(f.Name, checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(f.Name, before) })
}

// TestOnARealSwift opens stores as a program does, and uses them.
func TestOnARealSwift(t *testing.T) {
	uri := realURI(t)
	for name, query := range map[string]string{"with an index": "&index=memory://", "alone": "&index=none"} {
		t.Run(name, func(t *testing.T) {
			opened := at(t, uri+query, storage.Options{Namespace: "real"})
			if err := opened.Data.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if err := opened.Control.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			use(t, storage.Planes{Data: opened.Data, Control: opened.Control})
		})
	}
}

// TestWhatKeepsItFromOpening wants errors that say what to check, and no key.
func TestWhatKeepsItFromOpening(t *testing.T) {
	uri := realURI(t)
	place := uri[strings.Index(uri, "@")+1:]
	host, _, _ := strings.Cut(place, "/")
	for _, tt := range []struct {
		uri, says string
		notYet    bool
	}{
		{"swift://tester:Hunter2@" + place, "key", false},
		{"swift://nobody:Hunter2@" + place, "user", false},
		{"swift://tester:Hunter2@127.0.0.1:1/test?auth=v1", "refused", true},
		{"swift://tester:Hunter2@" + host + "/test?auth=v3", "auth_url", false},
		{"swift://tester:Hunter2@" + host + "/test?auth=v1&tls=true", "", false},
		{"swift://tester:Hunter2@/test?auth_url=http://no-such-host.invalid/v3", "no-such-host.invalid", false},
	} {
		uri := tt.uri + "?index=none"
		if strings.Contains(tt.uri, "?") {
			uri = tt.uri + "&index=none"
		}
		_, err := tryAt(t, uri, storage.Options{})
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "Hunter2") {
			t.Errorf("%s: %v; want something about %q, and no key", tt.uri, err, tt.says)
		}
		if errors.Is(err, storage.ErrNotYet) != tt.notYet {
			t.Errorf("%s: %v; not there yet: %v", tt.uri, err, !tt.notYet)
		}
	}
}
