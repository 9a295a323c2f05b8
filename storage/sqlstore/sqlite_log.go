package sqlstore

import (
	"context"
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
)

// logFrames is how many pages come into the write-ahead log before they are brought home into the file: 2 MiB. The disk is at it for
// some milliseconds, and who commits meanwhile waits for it.
const logFrames = 500

// mostFrames is how many more may come meanwhile. Then the writer waits: the disk can't keep up with it.
const mostFrames = 4 * logFrames

// logShrinks is by how many pages the database may become smaller than the file before the log is brought home, which shortens
// the file. A system needs some 4 µs a page to take them back, and who commits meanwhile waits for that, too.
const logShrinks = 1024

// A sqliteLog brings what is in the write-ahead log home into the file. SQLite would do that within the commit that makes the log
// long enough, for 20 ms and more, while everybody waits; here most of it is done beside the writer, on another
// connection, and only what was written meanwhile is left to the writer: when nothing is left at all, the next write begins the log anew.
type sqliteLog struct {
	file *sqliteFile

	// Only the writer uses these.
	index *os.File // the log's index, which says how long it is
	home  uint32   // so many pages of it were brought home, as far as readers let them
	pages uint32   // of the database then
	asked bool     // to bring home what has come since

	due    chan struct{}
	mu     sync.Mutex  // held while it is brought home
	nearly atomic.Bool // most of it is
	ended  chan struct{}
}

func newSQLiteLog(f *sqliteFile) *sqliteLog {
	return &sqliteLog{file: f, due: make(chan struct{}, 1), ended: make(chan struct{})}
}

// run is the goroutine beside the writer.
func (l *sqliteLog) run() {
	defer close(l.ended)
	for range l.due {
		// What does not work now the writer tries, and the collector, which has the log for errors.
		if _, err := l.bringHome(context.Background()); err == nil {
			l.nearly.Store(true)
		}
	}
}

// bringHome brings home what readers let it, and reports whether that was all.
func (l *sqliteLog) bringHome(ctx context.Context) (whole bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	conn, err := l.file.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return false, err
	}
	var busy bool
	var pages, home int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &home)
	return err == nil && !busy && home == pages, err
}

// committed is called by the writer after each commit.
func (l *sqliteLog) committed() {
	n, pages := l.length()
	if n < l.home { // the log was begun anew
		l.home = 0
	}
	l.pages = max(l.pages, pages)
	switch since := n - l.home; {
	case l.asked && (l.nearly.Swap(false) || since > mostFrames):
		l.finish()
		l.home, l.pages, l.asked = n, pages, false
	case !l.asked && (since >= logFrames || l.pages-pages >= logShrinks):
		l.asked = true
		select {
		case l.due <- struct{}{}:
		default: // it has not come to do what it was asked before
		}
	}
}

// finish brings home what is left, when nobody else is at it.
func (l *sqliteLog) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.file.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)") // as above
}

// length is how many pages are in the log, and in the database. The places of the numbers are part of SQLite's documented format
// (https://sqlite.org/walformat.html, WAL-index header, mxFrame and nPage). Where they can't be read, each commit counts as reason enough
// to look.
func (l *sqliteLog) length() (frames, pages uint32) {
	const mxFrame = 16 // and nPage behind it
	var err error
	if l.index == nil {
		if l.index, err = os.Open(l.file.path + "-shm"); err != nil {
			return l.home + logFrames, l.pages
		}
	}
	var n [8]byte
	if _, err := l.index.ReadAt(n[:], mxFrame); err != nil {
		return l.home + logFrames, l.pages
	}
	return binary.NativeEndian.Uint32(n[:]), binary.NativeEndian.Uint32(n[4:])
}

// close waits for what is under way. The writer has ended before.
func (l *sqliteLog) close() {
	close(l.due)
	<-l.ended
	if l.index != nil {
		_ = l.index.Close() // it was only read
	}
}
