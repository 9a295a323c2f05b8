package storagetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// memoryHarness opens the reference driver.
func memoryHarness() Harness {
	return Harness{
		Open: func(t testing.TB, o storage.Options) storage.Opened {
			s, err := memory.Open(t.Context(), "memory://", o)
			if err != nil {
				t.Fatalf("open a store in memory: %v", err)
			}
			return s
		},
		Size: HeapSize,
	}
}

// ownClockHarness is memory with a clock of its own, which runs, as that of a server does.
func ownClockHarness() Harness {
	h := memoryHarness()
	openMemory := h.Open
	var ahead atomic.Int64
	h.Open = func(t testing.TB, o storage.Options) storage.Opened {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		return openMemory(t, o)
	}
	h.Advance = func(_ testing.TB, d time.Duration) { ahead.Add(int64(d)) }
	return h
}

func TestDataOfMemory(t *testing.T) { Data(t, memoryHarness()) }

func TestControlOfMemory(t *testing.T) { Control(t, memoryHarness()) }

func TestDataOfAStoreWithAClock(t *testing.T) {
	if testing.Short() {
		t.Skip("goes by the clock on the wall: some 15 s")
	}
	Data(t, ownClockHarness())
}

func FuzzMemory(f *testing.F) { FuzzData(f, memoryHarness()) }

func BenchmarkMemory(b *testing.B) { Benchmarks(b, memoryHarness()) }
