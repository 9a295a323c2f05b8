//go:build unix

package redis

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

// harness keeps each store in a namespace of one server, which it reaches by a line of its own.
func harness(t testing.TB) storagetest.Harness {
	server := testservices.StartRedis(t)
	return harnessOver("redis://"+server.Address, faultproxy.Answer, server)
}

// harnessOver keeps each store in a namespace of several servers, all of which it reaches by one line of its own. Counts is for
// [faultproxy.Line.CountOnly].
func harnessOver(uri string, counts func(target string, reply []byte) bool, servers ...*testservices.Redis) storagetest.Harness {
	var lines sync.Map // by data store
	openStore := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		s, err := parseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		line := faultproxy.Start(t, servers[0].Address, faultproxy.RESP)
		line.CountOnly(counts)
		s.via = line.To
		opened, err := open(t.Context(), s, o.WithDefaults())
		if err != nil {
			t.Fatal(err)
		}
		lines.Store(opened.Data, line)
		return opened
	}
	return storagetest.Harness{
		Open: openStore,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			mustClose(t, s)
			return openStore(t, o)
		},
		Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
			t.Helper()
			line, _ := lines.Load(s.Data)
			return line.(*faultproxy.Line)
		},
		Size: func(t testing.TB, s storage.Opened) int64 {
			t.Helper()
			size := int64(0)
			for _, server := range servers {
				if isPrimary(server) {
					size += sizeOf(t, server, s.Data.(*dataStore))
				}
			}
			return size
		},
	}
}

func isPrimary(server *testservices.Redis) bool { return server.Do("ROLE").([]any)[0] == "master" }

// answersOf counts what servers answer to calls. In a cluster and with sentinels the client asks every few seconds how they stand to each
// other: to lose that would be no loss for a call. What a sentinel says is not counted at all.
func answersOf(servers []*testservices.Redis) func(target string, reply []byte) bool {
	return func(target string, reply []byte) bool {
		return slices.ContainsFunc(servers, func(s *testservices.Redis) bool { return s.Address == target }) && faultproxy.Answer(target, reply)
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

func suite(t *testing.T, h storagetest.Harness) {
	t.Helper()
	t.Run("nothing happens by itself", func(t *testing.T) { wantQuiet(t, h) })
	t.Run("data", func(t *testing.T) { storagetest.Data(t, h) })
	t.Run("control", func(t *testing.T) { storagetest.Control(t, h) })
}

// wantQuiet checks that a store that nobody calls is told nothing that counts, else a case would lose that in place of an answer; and that
// it does not think that it has lost a server.
func wantQuiet(t *testing.T, h storagetest.Harness) {
	t.Helper()
	s := h.Open(t, storage.Options{Namespace: "quiet"})
	defer mustClose(t, s)
	w := s.Data.Watch(newQueue("p", "q"), marconi.Interest{Take: true})
	defer w.Close()
	line := h.Cut(t, s).(*faultproxy.Line)
	before := line.Replies()
	breaks := s.Data.(*dataStore).client.dialer.breaks.Load()
	select {
	case <-time.After(3 * time.Second): // in which a cluster is asked for its topology, and a sentinel several times
	case <-w.C():
		t.Error("who waits is told to look, and nothing has happened")
	}
	if n := s.Data.(*dataStore).client.dialer.breaks.Load() - breaks; n > 0 {
		t.Errorf("%d servers were lost, and nothing has happened", n)
	}
	if n := line.Replies() - before; n > 0 || before == 0 {
		t.Errorf("%d replies count before there was a call, and %d to open the store", n, before)
	}
}

func TestSuiteOnCluster(t *testing.T) {
	c := testservices.StartCluster(t)
	h := harnessOver("redis://"+c.Addresses()+"?cluster=true", answersOf(c.Nodes), c.Nodes...)
	suite(t, h)
}

func TestSuiteOnSentinel(t *testing.T) {
	s := testservices.StartSentinel(t, testservices.SentinelOptions{})
	h := harnessOver("redis://"+s.Addresses()+"?master="+testservices.MasterName, answersOf(s.Servers), s.Servers...)
	suite(t, h)
}

// BenchmarkSuite are the benchmarks that all drivers share.
func BenchmarkSuite(b *testing.B) { storagetest.Benchmarks(b, harness(b)) }
