//go:build unix

package objects_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// shared starts a Swift for all tests that have it to themselves no longer than for a container.
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

func TestMain(m *testing.M) {
	code := m.Run()
	stopShared()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func realSwift(t *testing.T) *testservices.Swift {
	t.Helper()
	s, err := shared()
	testservices.Require(t, err)
	return s
}

func tempauth(s *testservices.Swift) objects.Options {
	return objects.Options{AuthURL: s.AuthURL, Version: objects.V1, User: "test:tester", Key: "testing"}
}

func open(t *testing.T, o objects.Options) *objects.Account {
	t.Helper()
	a, err := objects.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return a
}

func TestAccountOnSwift(t *testing.T) {
	a := open(t, tempauth(realSwift(t)))
	want := objects.Abilities{BulkDelete: 1000, BulkUpload: 1000, Page: 10_000, Name: 1024, Container: 256}
	got := a.Abilities()
	if want.Version = got.Version; got != want || got.Version == "" {
		t.Errorf("Abilities() = %+v, want %+v", got, want)
	}
	swifttest.TestClient(t, func(*testing.T) swifttest.Subject { return swifttest.Subject{Client: a} })
}

func TestAccountWithoutBulkRequests(t *testing.T) {
	o := tempauth(realSwift(t))
	o.Parallel = true
	a := open(t, o)
	if got := a.Abilities(); got.BulkDelete != 0 || got.BulkUpload != 0 {
		t.Errorf("Abilities() = %+v, want no bulk requests", got)
	}
	swifttest.TestMany(t, func(*testing.T) swifttest.Subject { return swifttest.Subject{Client: a} })
}
