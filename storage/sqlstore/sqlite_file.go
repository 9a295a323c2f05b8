package sqlstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/marconi-mq/marconi"
)

// applicationID marks a database file as ours: "Mrcn", where the file(1) command and SQLite's tools look for such a mark.
const applicationID = 0x4d72636e

// sqliteHeader is as much of a file as tells whose it is: SQLite's header, and that of the first page's tree.
const sqliteHeader = 108

// checkSQLiteFile reports why the file can't be used, and whether it is new: not there, empty, or a database without
// tables and mark. It reads the file's head without SQLite, which would recover, and so change, a stranger's database.
func checkSQLiteFile(path string) (isNew bool, err error) {
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return false, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case errors.Is(err, fs.ErrPermission):
		return false, fmt.Errorf("the file %s can't be written: let the server's user read and write it", path)
	case err != nil:
		return false, fmt.Errorf("the file %s can't be opened: %w", path, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && links(info) > 1 {
		return false, fmt.Errorf("the file %s has another name, too (a hard link): two servers could damage it by the two; remove the other, or copy the file", path)
	}
	head := make([]byte, sqliteHeader)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("the file %s can't be read: %w", path, err)
	}
	if n < sqliteHeader || !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return false, fmt.Errorf("the file %s is no SQLite database, or a damaged one: name another file, or restore it from a copy", path)
	}
	return judgeHeader(path, head)
}

func judgeHeader(path string, head []byte) (isNew bool, err error) {
	mark := binary.BigEndian.Uint32(head[68:])
	if mark == applicationID {
		return false, nil
	}
	const emptyLeaf = 0x0d // the kind of a tree's page; behind it comes the number of its rows
	noTables := head[100] == emptyLeaf && binary.BigEndian.Uint16(head[103:]) == 0
	if mark != 0 || !noTables || size(path+"-wal") > 0 {
		return false, fmt.Errorf("the file %s is a database of something else, and was left as it is: name another file", path)
	}
	return true, nil
}

// maxLinks is how many symbolic links may lead from one to the next.
const maxLinks = 40

// realPath is where a file is, or will be made: the lock beside it, and SQLite's log, are the same whatever links lead there.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range maxLinks {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real, nil
		}
		target, err := os.Readlink(path)
		if err != nil { // there is no such file yet
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	return path, nil // what is wrong with it shows when it is opened
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist: make it, or name a file elsewhere", folder)
	case err != nil:
		return fmt.Errorf("the folder %s can't be looked at: %w", folder, err)
	case !info.IsDir():
		return fmt.Errorf("%s is no folder: name a file elsewhere", folder)
	}
	return nil
}

// explainSQLite says what SQLite's error means to an operator. But for a full disk it stays an error of the store's own,
// which the broker makes Unavailable.
func explainSQLite(path string, err error) error {
	if errors.Is(err, errDamaged) {
		return fmt.Errorf("%s: %s: %w", nameOf(path), adviceDamaged, err)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	if isFull(e) {
		return fmt.Errorf("%s: the disk is full: make room: %w: %w", nameOf(path), marconi.ErrFull, err)
	}
	advice := ""
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_IOERR:
		advice = adviceDisk(e.Code())
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		advice = adviceDamaged
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		advice = "the file or its folder can't be written: let the server's user read and write both"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		advice = "another program has locked the file: end it, or raise busy_timeout"
	default:
		return err
	}
	return fmt.Errorf("%s: %s: %w", nameOf(path), advice, err)
}

const adviceDamaged = "the file is damaged: restore it from a copy, or try what sqlite3's .recover can save"

func adviceDisk(code int) string {
	switch code {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE:
		return "the disk does not write: it has become read-only, fails, or allows no larger file; the system's log may say which"
	}
	return "the disk does not read or write"
}

// isFull reports whether SQLite has found no room for something: a page, or the index of its log.
func isFull(e *sqlite.Error) bool {
	return e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE
}

// nameOf is how messages name a database.
func nameOf(path string) string {
	if path == "" {
		return "the database in memory"
	}
	return path
}
