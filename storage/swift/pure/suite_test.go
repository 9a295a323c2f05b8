package pure

import (
	"sync"
	"testing"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// weak is what Swift alone does not promise. It is why the suite leaves out:
//
//   - P1 all or none: several messages are several objects, and nothing makes them visible together (NotFIFO);
//   - P3 order: parallel posts take their names before they are stored (NotFIFO);
//   - L1 L2 nothing skipped, nothing twice: what comes late is shown once it is there, behind messages that are younger, and
//     beyond 128 of them others are shown again (NotFIFO);
//   - C1, all forms, and D2 in parallel: two claims at one moment may both get a message (NotExclusive).
const weak = storagetest.NotFIFO | storagetest.NotExclusive

func mustOpen(t testing.TB, c objects.Client, o Options) *Store {
	t.Helper()
	o.settle = -1 // nobody else opens it for the first time
	s, err := New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// optionsOf are the options of a store that the suite opens.
func optionsOf(o storage.Options) Options {
	return Options{Namespace: o.Namespace, Now: o.Now, Logger: o.Logger}
}

// memoryHarness keeps each store in an account in memory.
func memoryHarness(change func(*Options)) storagetest.Harness {
	var accounts sync.Map // by namespace
	var lines sync.Map    // by data store
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		account, _ := accounts.LoadOrStore(o.Namespace, swifttest.NewMemory(swifttest.Options{Now: o.Now}))
		options := optionsOf(o)
		change(&options)
		line := swifttest.NewLine(account.(*swifttest.Memory))
		s := mustOpen(t, line, options)
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
			return line.(*swifttest.Line)
		},
		Size: func(t testing.TB, s storage.Opened) int64 { return bytesIn(t, s.Data.(*Store).c) },
		Weak: weak,
	}
}

// bytesIn is what an account's objects hold, as far as they have not expired.
func bytesIn(t testing.TB, c objects.Client) int64 {
	t.Helper()
	containers, err := c.Containers(t.Context(), objects.Listing{})
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, container := range containers {
		entries, err := c.List(t.Context(), container, objects.Listing{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			size += e.Bytes + int64(len(e.Name)+len(e.ContentType))
		}
	}
	return size
}

func TestData(t *testing.T) { storagetest.Data(t, memoryHarness(func(*Options) {})) }

func TestDataInShards(t *testing.T) {
	storagetest.Data(t, memoryHarness(func(o *Options) { o.Shards = 3 }))
}
