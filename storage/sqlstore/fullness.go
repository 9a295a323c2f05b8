package sqlstore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"modernc.org/sqlite"
)

// fullFor is how long after the last write that found no room a disk counts as full. One with little room takes small writes
// and refuses large ones, and the log is to have no line for each.
const fullFor = 10 * time.Second

// A fullness tells the log when the disk becomes full, and when it has room again. Callers are told by [marconi.ErrFull], of which
// nobody writes a line: for a store with a bound it is nothing to be told of. Only the writer uses it.
type fullness struct {
	path string
	log  *slog.Logger
	full bool
	last time.Time // when a write found no room
}

// note learns how a transaction ended.
func (f *fullness) note(batch []*op, err error) {
	if full := foundNoRoom(batch, err); full != nil {
		f.last = time.Now()
		if !f.full {
			f.full = true
			f.log.LogAttrs(context.Background(), slog.LevelError, "the disk is full: nothing is posted until there is room",
				slog.String("database", nameOf(f.path)), slog.Any("error", full))
		}
		return
	}
	if f.full && err == nil && time.Since(f.last) >= fullFor && slices.ContainsFunc(batch, (*op).added) {
		f.full = false
		f.log.LogAttrs(context.Background(), slog.LevelInfo, "the disk has room again", slog.String("database", nameOf(f.path)))
	}
}

// foundNoRoom is the error that the disk is full, if that is what the transaction, or an operation in it, ended with.
func foundNoRoom(batch []*op, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && isFull(e) {
		return err
	}
	for _, o := range batch {
		if errors.Is(o.err, errNoDisk) {
			return o.err
		}
	}
	return nil
}

// added reports whether the operation has added something: what consumers do may go well on a disk that is full.
func (o *op) added() bool { return o.err == nil && o.bytes > 0 }
