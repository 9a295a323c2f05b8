package sqlstore

import (
	"path/filepath"
	"testing"

	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

// fileHarness keeps each store in a file of its own.
func fileHarness(t testing.TB, options string) storagetest.Harness {
	folder := t.TempDir()
	open := func(t testing.TB, o storage.Options) storage.Opened {
		t.Helper()
		return mustOpen(t, "sqlite:///"+filepath.Join(folder, "marconi.db")+options, o)
	}
	return storagetest.Harness{
		Open: open,
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			t.Helper()
			mustClose(t, s)
			return open(t, o)
		},
		Size: usedBytes,
	}
}

func mustOpen(t testing.TB, uri string, o storage.Options) storage.Opened {
	t.Helper()
	s, err := OpenSQLite(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s storage.Opened) {
	t.Helper()
	if err := s.Data.Close(); err != nil {
		t.Fatalf("Close of the data store: %v", err)
	}
	if err := s.Control.Close(); err != nil {
		t.Fatalf("Close of the control store: %v", err)
	}
}

// usedBytes is what the database would be without the log beside it.
func usedBytes(t testing.TB, s storage.Opened) int64 {
	t.Helper()
	d := s.Data.(*dataStore)
	var pages, size int64
	conn := d.engine.(*sqliteEngine).file.readers
	if err := conn.QueryRow("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size").Scan(&pages, &size); err != nil {
		t.Fatalf("read the file's size: %v", err)
	}
	return pages * size
}

func TestData(t *testing.T) {
	storagetest.Data(t, fileHarness(t, ""))
}

func TestControl(t *testing.T) {
	storagetest.Control(t, fileHarness(t, ""))
}

func memoryHarness(t *testing.T) storagetest.Harness {
	if raceEnabled {
		t.Skip("the goroutines are those of a store in a file, which is tried")
	}
	return storagetest.Harness{
		Open: func(t testing.TB, o storage.Options) storage.Opened { return mustOpen(t, "sqlite://", o) },
		Size: usedBytes,
	}
}

func TestDataInMemory(t *testing.T) {
	storagetest.Data(t, memoryHarness(t))
}

func TestControlInMemory(t *testing.T) {
	storagetest.Control(t, memoryHarness(t))
}

// BenchmarkSuite are the benchmarks that all drivers share.
func BenchmarkSuite(b *testing.B) {
	storagetest.Benchmarks(b, fileHarness(b, ""))
}
