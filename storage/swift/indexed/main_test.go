//go:build unix

package indexed

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func TestMain(m *testing.M) {
	// To try a store at random is for the index's own tests; the command line has the last word.
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	code := m.Run()
	stopShared()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// shared starts a Swift for all tests that only need containers of their own.
var shared = sync.OnceValues(func() (*testservices.Swift, error) {
	dir, err := os.MkdirTemp("", "swift")
	if err != nil {
		return nil, err
	}
	s, err := testservices.RunSwift(dir, testservices.SwiftOptions{})
	if err != nil {
		return nil, err
	}
	stopShared = func() {
		s.Close()
		_ = os.RemoveAll(dir)
	}
	return s, nil
})

var stopShared = func() {}

func realSwift(t testing.TB) *testservices.Swift {
	t.Helper()
	s, err := shared()
	testservices.Require(t, err)
	return s
}

// openAccount logs in to a real Swift, at its host or that of a line to it. Who gets the account closes it.
func openAccount(t testing.TB, host string) *objects.Account {
	t.Helper()
	a, err := objects.Open(context.Background(), objects.Options{AuthURL: "http://" + host, Version: objects.V1, User: "test:tester", Key: "testing"})
	if err != nil {
		t.Fatalf("open the account: %v", err)
	}
	return a
}

// realBench puts stores together over a real Swift.
func realBench(t testing.TB, index storagetest.Harness) *bench {
	s := realSwift(t)
	b := newBench(index, Options{Containers: 4}) // to make one takes time
	b.account = func(t testing.TB) (objects.Client, storagetest.Line) {
		line := faultproxy.StartGateway(t, s.Host)
		return openAccount(t, line.Addr()), line
	}
	return b
}

func TestOverSQLiteOnSwift(t *testing.T) {
	storagetest.Data(t, realBench(t, sqliteIndex(t)).harness())
}

func TestOverMemoryOnSwift(t *testing.T) {
	storagetest.Data(t, realBench(t, memoryIndex()).harness())
}

func TestOverRedisOnSwift(t *testing.T) {
	storagetest.Data(t, realBench(t, redisIndex(t)).harness())
}
