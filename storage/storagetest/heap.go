package storagetest

import (
	"runtime"
	"testing"

	"github.com/marconi-mq/marconi/storage"
)

// HeapSize is the Size of a store that keeps everything in the memory of this process: what the heap holds.
func HeapSize(testing.TB, storage.Opened) int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of in the first round
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
