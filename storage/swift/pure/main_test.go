//go:build unix

package pure

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A startedSwift is the Swift of this test binary: it takes seconds to start.
type startedSwift struct {
	server *testservices.Swift
	dir    string
}

var started = sync.OnceValues(func() (startedSwift, error) {
	dir, err := os.MkdirTemp("", "swift-pure-")
	if err != nil {
		return startedSwift{}, err
	}
	server, err := testservices.RunSwift(dir, testservices.SwiftOptions{})
	toStop = func() {
		if server != nil {
			server.Close()
		}
		_ = os.RemoveAll(dir)
	}
	return startedSwift{server, dir}, err
})

var toStop = func() {}

func TestMain(m *testing.M) {
	status := m.Run()
	toStop()
	if err := goleak.Find(); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// realSwift is a real Swift, or the test is skipped by name.
func realSwift(t testing.TB) *testservices.Swift {
	t.Helper()
	s, err := started()
	testservices.Require(t, err)
	return s.server
}

// realAccount speaks with it.
func realAccount(t testing.TB) *objects.Account {
	t.Helper()
	return accountAt(t, realSwift(t).Host)
}

// accountAt is the account at host, Swift's own or that of a line to it.
func accountAt(t testing.TB, host string) *objects.Account {
	t.Helper()
	a, err := objects.Open(t.Context(), objects.Options{AuthURL: "http://" + host, Version: objects.V1, User: "test:tester", Key: "testing"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// realHarness keeps each store in a namespace of a real Swift, behind a line of its own.
func realHarness(t testing.TB, change func(*Options)) storagetest.Harness {
	swift := realSwift(t)
	var lines sync.Map // by data store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		line := faultproxy.StartGateway(t, swift.Host)
		options := optionsOf(o)
		change(&options)
		s := mustOpen(t, accountAt(t, line.Addr()), options)
		lines.Store(s, line)
		return storage.Opened{Data: s}
	}
	return storagetest.Harness{
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			if err := s.Data.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, o)
		},
		Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
			line, _ := lines.Load(s.Data)
			return line.(*faultproxy.Gateway)
		},
		Weak: weak,
	}
}
