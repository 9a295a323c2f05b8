package ledger

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"sync"
	"unsafe"
)

// Records are kept in memory for so many messages, unless asked otherwise.
const usualInMemory = 20_000_000

// Segments of the file grow up to this size, so that a short run that needs one does not pay for a long one.
const (
	firstSegment = 256 << 10
	mostSegment  = 64 << 20
)

// records are those of one chunk. There are no pointers in them, so that they may be outside of what the collector knows.
type records = [chunkSize]record

// A shelf is where the records of a ledger are: in memory at first, and later in a file that has no name any more, whose pages
// the system brings and takes as it has room. Without such a file all stays in memory.
type shelf struct {
	dir string

	mu      sync.Mutex // guards what follows
	room    int        // chunks that memory may still take; below 0: any number
	segment *segment   // the last one, or nil
	free    []byte     // of it
	size    int        // of the next one
}

// A segment is a part of the file in memory, for as long as there is a chunk that has records in it.
type segment struct{ mapped []byte }

func newShelf(o Options) *shelf {
	messages := cmp.Or(o.InMemory, usualInMemory)
	s := &shelf{dir: o.SpillTo, room: -1, size: firstSegment}
	if messages > 0 {
		s.room = (messages + chunkSize - 1) / chunkSize
	}
	return s
}

// chunk is a new one.
func (s *shelf) chunk() *chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.room != 0 {
		s.room--
		return &chunk{records: new(records)}
	}
	const need = int(unsafe.Sizeof(records{}))
	if len(s.free) < need && s.extend() != nil {
		s.room = -1
		return &chunk{records: new(records)}
	}
	at := (*records)(unsafe.Pointer(unsafe.SliceData(s.free)))
	s.free = s.free[need:]
	return &chunk{records: at, segment: s.segment}
}

// extend makes another segment. Its file is written to first: a disk that is full says so now, and not when a record is used.
func (s *shelf) extend() error {
	f, err := os.CreateTemp(s.dir, "ledger-*")
	if err != nil {
		return fmt.Errorf("make a file for records: %w", err)
	}
	defer func() { _ = f.Close() }() // what is mapped stays, and so does the file
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("take the name of a file for records: %w", err)
	}
	nothing := make([]byte, firstSegment)
	for range s.size / len(nothing) {
		if _, err := f.Write(nothing); err != nil {
			return fmt.Errorf("make room for records: %w", err)
		}
	}
	mapped, err := mapFile(f, s.size)
	if err != nil {
		return fmt.Errorf("map records: %w", err)
	}
	s.segment = &segment{mapped}
	runtime.AddCleanup(s.segment, unmap, mapped)
	s.free, s.size = mapped, min(2*s.size, mostSegment)
	return nil
}
