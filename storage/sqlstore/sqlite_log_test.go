package sqlstore

import (
	"encoding/binary"
	"os"
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

// TestLengthOfTheLog: the numbers read from the log's index are SQLite's own.
func TestLengthOfTheLog(t *testing.T) {
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db")), storage.Options{})
	defer func() { mustClose(t, s) }()
	e := s.Data.(*dataStore).engine.(*sqliteEngine)
	for range 5 {
		post(t, s, "a", "b")
		e.writer.mu.Lock()
		got, gotPages := e.log.length()
		e.writer.mu.Unlock()
		var busy, want, home, wantPages uint32
		row := e.file.readers.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(NOOP)")
		if err := row.Scan(&busy, &want, &home); err != nil {
			t.Fatal(err)
		}
		if got == 0 || got != want {
			t.Errorf("the log has %d pages, and SQLite says %d", got, want)
		}
		if err := e.file.readers.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&wantPages); err != nil {
			t.Fatal(err)
		}
		if gotPages == 0 || gotPages != wantPages {
			t.Errorf("the database has %d pages, and SQLite says %d", gotPages, wantPages)
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
		length, _ = e.log.length()
		e.writer.mu.Unlock()
	}
}

// TestTheLogComesHomeToShorten: pages that were given back are reason to bring the log home, before their number makes others wait.
func TestTheLogComesHomeToShorten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	l := newSQLiteLog(&sqliteFile{sqlitePlace: sqlitePlace{path: path}})
	defer func() { _ = l.index.Close() }()
	commit := func(frames, pages uint32) (asked bool) {
		t.Helper()
		index := make([]byte, 136)
		binary.NativeEndian.PutUint32(index[16:], frames)
		binary.NativeEndian.PutUint32(index[20:], pages)
		if err := os.WriteFile(path+"-shm", index, 0o600); err != nil {
			t.Fatal(err)
		}
		l.committed()
		select {
		case <-l.due:
			l.asked = false // as when it has been
			return true
		default:
			return false
		}
	}
	const pages = 100_000
	if commit(1, pages) || commit(2, pages-logShrinks+1) {
		t.Errorf("%d pages that were given back, the log is to come home", logShrinks-1)
	}
	if !commit(3, pages-logShrinks) {
		t.Errorf("%d pages were given back, and the log is not to come home", logShrinks)
	}
}
