package sqlstore

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

const testPage = 4096

// filledDatabase is a file with messages of a few bytes and of many pages, that a store has made and left.
func filledDatabase(t *testing.T) (path string, ids []marconi.MessageID) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{})
	for range 20 {
		ids = append(ids, post(t, s, "small")...)
		ids = append(ids, post(t, s, strings.Repeat("x", 20_000))...)
	}
	mustClose(t, s)
	return path, ids
}

// rootsOf are the first pages of tables and indexes, by name.
func rootsOf(t *testing.T, path string) map[string]int64 {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	roots := map[string]int64{}
	for rows.Next() {
		var name string
		var page int64
		if err := rows.Scan(&name, &page); err != nil {
			t.Fatal(err)
		}
		roots[name] = page
	}
	return roots
}

// What a page can be overwritten with: bytes of something else, and nothing, as where a write was lost.
var (
	noise = bytes.Repeat([]byte("other bytes"), testPage)[:testPage]
	zeros = make([]byte, testPage)
)

func overwrite(t *testing.T, path string, page int64, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, (page-1)*testPage); err != nil {
		t.Fatal(err)
	}
}

// TestOpenFindsDamage of what a store needs all of: each first page of a table or index, and the file's length.
func TestOpenFindsDamage(t *testing.T) {
	path, _ := filledDatabase(t)
	whole := mustRead(t, path)
	for name, page := range rootsOf(t, path) {
		mustWrite(t, path, whole)
		overwrite(t, path, page, noise)
		wantOpenError(t, uriOf(path), path, "the file is damaged", "restore it from a copy")
		if t.Failed() {
			t.Fatalf("page %d of %s was overwritten", page, name)
		}
	}
	for name, harm := range map[string]func() []byte{
		"cut in the middle of a page": func() []byte { return whole[:len(whole)/2+100] },
		"without its last page":       func() []byte { return whole[:len(whole)-testPage] },
		"the first page alone":        func() []byte { return whole[:testPage] },
		"a size of pages there is not": func() []byte {
			damaged := append([]byte(nil), whole...)
			damaged[16], damaged[17] = 0x12, 0x34
			return damaged
		},
	} {
		mustWrite(t, path, harm())
		wantOpenError(t, uriOf(path), path, "damaged")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	mustWrite(t, path, whole)
	mustClose(t, mustOpen(t, uriOf(path), storage.Options{}))
}

// TestDamageIsNeverAnAnswer overwrites each page in turn of a file that is in use: what is answered is right, or an error that names
// the file.
func TestDamageIsNeverAnAnswer(t *testing.T) {
	for name, content := range map[string][]byte{"noise": noise, "zeros": zeros} {
		t.Run(name, func(t *testing.T) { damageEachPage(t, content) })
	}
}

func damageEachPage(t *testing.T, content []byte) {
	path, ids := filledDatabase(t)
	whole := mustRead(t, path)
	wrong, refused := 0, 0
	for page := int64(2); page <= int64(len(whole)/testPage); page++ {
		mustWrite(t, path, whole)
		overwrite(t, path, page, content)
		s, err := OpenSQLite(t.Context(), uriOf(path), storage.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), path) {
				t.Errorf("page %d: open: %v", page, err)
			}
			refused++
			continue
		}
		wrong += readAll(t, s, path, page, ids)
		_, _ = s.Data.Close(), s.Control.Close()
	}
	if wrong == 0 || refused == 0 {
		t.Errorf("of %d damaged pages %d were found at the start, and %d errors later: the test has damaged nothing",
			len(whole)/testPage, refused, wrong)
	}
}

// readAll reads in each way, and gives how many reads ended with an error.
func readAll(t *testing.T, s storage.Opened, path string, page int64, ids []marconi.MessageID) (errs int) {
	t.Helper()
	judge := func(what string, got []marconi.Message, err error) {
		if err != nil {
			errs++
			wantTrouble(t, path, what, err)
		}
		for _, m := range got {
			if body := string(m.Body); body != "small" && body != strings.Repeat("x", 20_000) {
				t.Errorf("page %d: %s gives a message that nobody posted", page, what)
			}
		}
	}
	for _, id := range ids {
		m, err := s.Data.Message(t.Context(), ref("q"), id)
		if errors.Is(err, marconi.ErrNoMessage) {
			t.Errorf("page %d: message %s is not there", page, id)
			continue
		}
		if err == nil {
			judge("get", []marconi.Message{m}, nil)
		} else {
			judge("get", nil, err)
		}
	}
	list, err := s.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 100, Echo: true})
	judge("list", list.Items, err)
	if err == nil && len(list.Items) != len(ids) {
		t.Errorf("page %d: list gives %d messages, want %d", page, len(list.Items), len(ids))
	}
	claimed, err := s.Data.Claim(t.Context(), ref("q"), marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 10})
	judge("claim", claimed.Messages, err)
	popped, err := s.Data.Pop(t.Context(), ref("q"), 100)
	judge("pop", popped, err)
	return errs
}
