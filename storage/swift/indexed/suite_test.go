//go:build unix

package indexed

import (
	"cmp"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/redis"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// smallCache is less than the suite's queues hold, so that segments leave it.
const smallCache = 256 << 10

// A bench puts stores together: of an index, and an account for each namespace. Between a store and its account is a line.
type bench struct {
	index   storagetest.Harness // only Open, Cut and Restart, of indexes
	options Options
	account func(t testing.TB) (objects.Client, storagetest.Line) // nil: in memory

	mu       sync.Mutex // guards what follows
	indexes  map[marconi.DataStore]storage.Opened
	lines    map[marconi.DataStore]storagetest.Line
	accounts map[string]*account // in memory, by namespace
}

// An account in memory by a clock that may be ahead of the store's.
type account struct {
	*swifttest.Memory
	ahead atomic.Int64
}

func newBench(index storagetest.Harness, o Options) *bench {
	o.CacheBytes = cmp.Or(o.CacheBytes, smallCache)
	return &bench{
		index: index, options: o, indexes: map[marconi.DataStore]storage.Opened{}, lines: map[marconi.DataStore]storagetest.Line{},
		accounts: map[string]*account{},
	}
}

// degraded is the law that needs a store which does nothing without the line.
const degraded = "R1 degraded (Crash)"

func (b *bench) harness() storagetest.Harness {
	h := storagetest.Harness{Open: b.open}
	if b.index.Restart != nil {
		h.Restart = func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			if err := s.Data.Close(); err != nil {
				t.Fatal(err)
			}
			return b.over(t, b.index.Restart(t, b.opened(s), o), o)
		}
	}
	if b.index.Cut != nil {
		h.Cut = func(t testing.TB, s storage.Opened) storagetest.Line { return b.index.Cut(t, b.opened(s)) }
		return h
	}
	h.Cut = func(_ testing.TB, s storage.Opened) storagetest.Line {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.lines[s.Data]
	}
	h.CutsPart = true
	h.LeftOut = map[string]string{degraded: "the line is that to Swift, and an index in this process answers without; see TestSwiftIsAway"}
	return h
}

func (b *bench) open(t testing.TB, o storage.Options) storage.Opened {
	t.Helper()
	return b.over(t, b.index.Open(t, o), o)
}

// over makes a store over the index. Its control store is the index's.
func (b *bench) over(t testing.TB, index storage.Opened, o storage.Options) storage.Opened {
	t.Helper()
	options := b.options
	options.Options, options.Prefix = o, o.Namespace
	client, line := b.client(t, o)
	data, err := New(client, index.Data, options)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.indexes[data], b.lines[data] = index, line
	t.Cleanup(func() {
		if err := index.Data.Close(); err != nil {
			t.Errorf("Close of the index: %v", err)
		}
	})
	return storage.Opened{Data: data, Control: index.Control}
}

func (b *bench) opened(s storage.Opened) storage.Opened {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.indexes[s.Data]
}

func (b *bench) client(t testing.TB, o storage.Options) (objects.Client, storagetest.Line) {
	if b.account != nil {
		return b.account(t)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[o.Namespace]
	if a == nil {
		a = &account{}
		a.Memory = swifttest.NewMemory(swifttest.Options{Now: func() time.Time { return o.Now().Add(time.Duration(a.ahead.Load())) }})
		b.accounts[o.Namespace] = a
	}
	line := swifttest.NewLine(a)
	return line, line
}

func memoryIndex() storagetest.Harness {
	return storagetest.Harness{Open: func(t testing.TB, o storage.Options) storage.Opened { return memory.New(o) }}
}

func sqliteIndex(t testing.TB) storagetest.Harness {
	folder := t.TempDir()
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		s, err := sqlstore.OpenSQLite(t.Context(), "sqlite:///"+filepath.Join(folder, "index.db")+"?synchronous=off", o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	return storagetest.Harness{Open: open, Restart: reopen(open)}
}

func redisIndex(t testing.TB) storagetest.Harness {
	server := testservices.StartRedis(t)
	var lines sync.Map // by data store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		line := faultproxy.Start(t, server.Address, faultproxy.RESP)
		line.CountOnly(faultproxy.Answer)
		s, err := redis.Open(t.Context(), "redis://"+line.Addr(), o)
		if err != nil {
			t.Fatal(err)
		}
		lines.Store(s.Data, line)
		return s
	}
	return storagetest.Harness{Open: open, Restart: reopen(open), Cut: func(t testing.TB, s storage.Opened) storagetest.Line {
		line, _ := lines.Load(s.Data)
		return line.(*faultproxy.Line)
	}}
}

func reopen(open func(testing.TB, storage.Options) storage.Opened) func(testing.TB, storage.Opened, storage.Options) storage.Opened {
	return func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
		t.Helper()
		if err := s.Data.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Control.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, o)
	}
}

func TestOverMemory(t *testing.T) {
	b := newBench(memoryIndex(), Options{})
	h := b.harness()
	h.Size = b.sizeAfterADay
	storagetest.Data(t, h)
}

// sizeAfterADay is what the heap holds once the reserve of all segments is over, too.
func (b *bench) sizeAfterADay(t testing.TB, s storage.Opened) int64 {
	t.Helper()
	b.mu.Lock()
	for _, a := range b.accounts {
		a.ahead.Store(int64(reserve))
		a.Expire()
		a.ahead.Store(0)
	}
	b.mu.Unlock()
	return storagetest.HeapSize(t, s)
}

func TestOverMemoryWithSmallBodiesInline(t *testing.T) {
	storagetest.Data(t, newBench(memoryIndex(), Options{InlineBelow: 4}).harness())
}

// Nothing stays in the cache here: all bodies come from Swift, so that each of its answers can be lost.
func TestOverSQLite(t *testing.T) {
	storagetest.Data(t, newBench(sqliteIndex(t), Options{CacheBytes: 1}).harness())
}

func TestOverRedis(t *testing.T) { storagetest.Data(t, newBench(redisIndex(t), Options{}).harness()) }
