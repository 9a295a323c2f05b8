package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// A syncs makes commits safe. SQLite would sync its log within each commit (synchronous=FULL), while nothing else can be done with the
// database. Here it does not (NORMAL, which keeps what a crash leaves consistent), and the log is synced beside the writer: one sync makes all
// commits safe that came before it, and the next batch is run meanwhile.
//
// Nobody sees what is not safe. Callers are answered when their commit is, and reads, which find it in the database at once, wait for it.
//
// Commits have numbers in a row. A nil syncs is for databases whose commits need nothing more.
type syncs struct {
	path string                                        // of the log
	home func(context.Context) (whole bool, err error) // brings what is in the log home into the file, and syncs that

	begun  atomic.Uint64 // the last commit that may be in the database
	made   atomic.Uint64 // the last one that is, or has failed
	synced atomic.Uint64 // the last one that is safe

	mu     sync.Mutex // held during a sync; guards what follows
	file   *os.File   // the log; nil: not yet open
	broken bool       // a sync has failed: of what came before, a later one that goes well says nothing

	waiting  sync.Mutex    // guards what follows
	progress chan struct{} // closed when a sync has ended; nil: nobody waits
	failed   bool          // the last one
}

// begin gives the next commit its number. One writer calls it.
func (s *syncs) begin() uint64 {
	if s == nil {
		return 0
	}
	return s.begun.Add(1)
}

// end says that a commit was made, or has failed.
func (s *syncs) end(number uint64) {
	if s != nil {
		s.made.Store(number)
	}
}

// reach makes a commit that was made safe, with all others of that time.
func (s *syncs) reach(number uint64) error {
	if s == nil || s.synced.Load() >= number {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.synced.Load() >= number {
		return nil
	}
	made := s.made.Load()
	err := s.sync()
	if err == nil {
		s.synced.Store(made)
	}
	s.tell(err != nil)
	return err
}

// sync syncs the log. If that fails, some of it may never get to the disk, though the system calls it written; what makes all of it safe
// then is to bring it home, from memory.
func (s *syncs) sync() error {
	if s.broken {
		return s.mend()
	}
	if s.file == nil {
		f, err := os.OpenFile(s.path, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("open the log to sync it: %w", err)
		}
		s.file = f
	}
	err := s.file.Sync()
	if err == nil {
		return nil
	}
	s.broken = true
	if s.mend() == nil {
		return nil
	}
	return fmt.Errorf("the disk does not write: it may have been carried out: %w", err)
}

func (s *syncs) mend() error {
	whole, err := s.home(context.Background())
	if err != nil {
		return fmt.Errorf("bring home a log that could not be synced: %w", err)
	}
	if !whole {
		return errors.New("bring home a log that could not be synced: somebody still reads it")
	}
	s.broken = false
	return nil
}

// wait waits until all that a read may have seen is safe.
func (s *syncs) wait(ctx context.Context) error {
	if s == nil {
		return nil
	}
	for seen := s.begun.Load(); s.synced.Load() < seen; {
		ended, failed := s.next()
		if s.synced.Load() >= seen {
			return nil
		}
		if failed { // and nobody may come soon who tries again
			return s.reach(seen)
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// next is closed when the next sync has ended.
func (s *syncs) next() (ended <-chan struct{}, failed bool) {
	s.waiting.Lock()
	defer s.waiting.Unlock()
	if s.progress == nil {
		s.progress = make(chan struct{})
	}
	return s.progress, s.failed
}

// tell tells those who wait that a sync has ended.
func (s *syncs) tell(failed bool) {
	s.waiting.Lock()
	defer s.waiting.Unlock()
	s.failed = failed
	if s.progress != nil {
		close(s.progress)
		s.progress = nil
	}
}

func (s *syncs) close() {
	if s != nil && s.file != nil {
		_ = s.file.Close() // what was to be safe is
	}
}
