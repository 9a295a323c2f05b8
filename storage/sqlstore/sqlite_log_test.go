package sqlstore

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

// TestTheLogComesHome writes ten times what the log may hold, without a pause in which SQLite could begin it anew by itself.
func TestTheLogComesHome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path)+"?synchronous=off", storage.Options{})
	defer func() { mustClose(t, s) }()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if _, err := s.Data.Post(t.Context(), ref("q"), bodies(5, 10_000)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := size(path + "-wal"); n > walKept {
		t.Errorf("after 40 MB the log has %d bytes, want at most %d", n, walKept)
	}
	if n := size(path); n < 20_000_000 {
		t.Errorf("of 40 MB, %d bytes have come home", n)
	}
	checkCounts(t, s)
}

// TestFramesOfTheLog: the number read from the log's index is SQLite's own.
func TestFramesOfTheLog(t *testing.T) {
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db")), storage.Options{})
	defer func() { mustClose(t, s) }()
	e := s.Data.(*dataStore).engine.(*sqliteEngine)
	for range 5 {
		post(t, s, "a", "b")
		e.writer.mu.Lock()
		got := e.log.frames()
		e.writer.mu.Unlock()
		var busy, want, home uint32
		row := e.file.readers.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(NOOP)")
		if err := row.Scan(&busy, &want, &home); err != nil {
			t.Fatal(err)
		}
		if got == 0 || got != want {
			t.Errorf("frames() = %d, and SQLite says %d", got, want)
		}
	}
}

// A reader that reads for long keeps the log from coming home; it is asked for once in a thousand pages, and not at each commit.
func TestTheLogWaitsForReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path)+"?synchronous=off", storage.Options{})
	defer func() { mustClose(t, s) }()
	post(t, s, "a")
	e := s.Data.(*dataStore).engine.(*sqliteEngine)
	reader, err := e.file.readers.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reader.QueryRowContext(t.Context(), "SELECT count(*) FROM messages").Scan(&n); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if _, err := s.Data.Post(t.Context(), ref("q"), bodies(5, 10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if long := size(path + "-wal"); long < 15_000_000 {
		t.Errorf("beside a reader, the log of 15 MB has %d bytes", long)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for length := uint32(1 << 30); length > 2*logFrames; {
		if time.Now().After(deadline) {
			t.Fatalf("the log still has %d pages", length)
		}
		if _, err := s.Data.Post(t.Context(), ref("q"), bodies(5, 10_000)); err != nil {
			t.Fatal(err)
		}
		e.writer.mu.Lock()
		length = e.log.frames()
		e.writer.mu.Unlock()
	}
}
