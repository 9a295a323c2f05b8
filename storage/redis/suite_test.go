//go:build unix

package redis

import (
	"strings"
	"sync"
	"testing"

	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

// harness keeps each store in a namespace of one server, which it reaches by a line of its own.
func harness(t testing.TB) storagetest.Harness {
	server := testservices.StartRedis(t)
	var lines sync.Map // by data store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		line := faultproxy.Start(t, server.Address, faultproxy.RESP)
		s := mustOpenAt(t, "redis://"+line.Addr(), o)
		lines.Store(s.Data, line)
		return s
	}
	return storagetest.Harness{
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			mustClose(t, s)
			return open(t, o)
		},
		Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
			t.Helper()
			line, _ := lines.Load(s.Data)
			return line.(*faultproxy.Line)
		},
		Size: func(t testing.TB, s storage.Opened) int64 { return sizeOf(t, server, s.Data.(*dataStore)) },
	}
}

func mustOpen(t testing.TB, server *testservices.Redis, o storage.Options) storage.Opened {
	t.Helper()
	return mustOpenAt(t, "redis://"+server.Address, o)
}

func mustOpenAt(t testing.TB, uri string, o storage.Options) storage.Opened {
	t.Helper()
	s, err := Open(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s storage.Opened) {
	t.Helper()
	if err := s.Data.Close(); err != nil {
		t.Errorf("Close of the data store: %v", err)
	}
	if err := s.Control.Close(); err != nil {
		t.Errorf("Close of the control store: %v", err)
	}
}

// sizeOf is what the store's queues take up. Keys end by the server's clock, which a test's clock runs ahead of: those that would have
// ended by that are removed here. A key without an end stays, and is found out.
func sizeOf(t testing.TB, server *testservices.Redis, d *dataStore) int64 {
	t.Helper()
	size := int64(0)
	for _, key := range keysOf(t, server, d.keys.prefix+":*") {
		stem, _, found := strings.Cut(key, "}:")
		if found && headerAt(t, server, stem+"}:h").mark <= float64(d.now().UnixMilli()) && server.Do("PTTL", key).(int64) >= 0 {
			server.Do("PEXPIRE", key, "50")
			continue
		}
		if bytes, is := server.Do("MEMORY", "USAGE", key).(int64); is {
			size += bytes
		}
	}
	return size
}

func keysOf(t testing.TB, server *testservices.Redis, pattern string) []string {
	t.Helper()
	var keys []string
	for _, key := range server.Do("KEYS", pattern).([]any) {
		keys = append(keys, key.(string))
	}
	return keys
}

func TestData(t *testing.T) { storagetest.Data(t, harness(t)) }

func TestControl(t *testing.T) { storagetest.Control(t, harness(t)) }

// plainHarness keeps each store in a namespace of what is at uri.
func plainHarness(uri string) storagetest.Harness {
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		return mustOpenAt(t, uri, o)
	}
	return storagetest.Harness{
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			mustClose(t, s)
			return open(t, o)
		},
	}
}

func TestSuiteOnCluster(t *testing.T) {
	h := plainHarness("redis://" + testservices.StartCluster(t).Addresses() + "?cluster=true")
	t.Run("data", func(t *testing.T) { storagetest.Data(t, h) })
	t.Run("control", func(t *testing.T) { storagetest.Control(t, h) })
}

func TestSuiteOnSentinel(t *testing.T) {
	s := testservices.StartSentinel(t, testservices.SentinelOptions{})
	h := plainHarness("redis://" + s.Addresses() + "?master=" + testservices.MasterName)
	t.Run("data", func(t *testing.T) { storagetest.Data(t, h) })
	t.Run("control", func(t *testing.T) { storagetest.Control(t, h) })
}

// BenchmarkSuite are the benchmarks that all drivers share.
func BenchmarkSuite(b *testing.B) { storagetest.Benchmarks(b, harness(b)) }
