package sqlstore

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/marconi-mq/marconi/storage"
)

// A post that is alone is written by its caller's goroutine. If it panics there, and the caller survives that, nothing of it is left,
// and others write on.
func TestAPanicLeavesNoTransaction(t *testing.T) {
	s := mustOpen(t, uriOf(filepath.Join(t.TempDir(), "marconi.db")), storage.Options{})
	defer func() { mustClose(t, s) }()
	post(t, s, "before") // so that the next one is alone
	w := writerOf(s)
	w.mu.Lock() // the writer has answered, and may still have something to do
	alone := w.few.Load() && w.callers.Load() == 0
	w.mu.Unlock()
	if !alone {
		t.Fatal("the next post would not be alone")
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing panicked on the caller's goroutine")
			}
		}()
		_ = w.write(context.Background(), work{bytes: 1, run: func(*tx) error { panic("a bug") }})
	}()
	post(t, s, "after")
	checkCounts(t, s)
}
