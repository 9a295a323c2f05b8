package sqlstore

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// TestTheLogTellsOfAFullDisk once, however many posts are refused, and once that it is over: not because consumers can work.
func TestTheLogTellsOfAFullDisk(t *testing.T) {
	var log bytes.Buffer // written by the writer alone, and read when that has answered
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer mustClose(t, s)
	r := &rig{t: t, opened: s, w: writerOf(s), path: path}
	lines := func() int { return strings.Count(log.String(), "\n") }

	post(t, s, "a", "b")
	r.limitPages(4)
	for range 5 {
		if _, err := s.Data.Post(t.Context(), ref("q"), bodies(1, 1<<16)); !errors.Is(err, marconi.ErrFull) {
			t.Fatalf("Post = %v, want %v", err, marconi.ErrFull)
		}
	}
	if got := log.String(); lines() != 1 || !strings.Contains(got, "the disk is full") || !strings.Contains(got, path) {
		t.Errorf("after posts to a full disk the log says\n%s\nwant one line that names %s", got, path)
	}
	post(t, s, "small") // fits, and is no sign of more room
	r.limitPages(1000)
	r.w.disk.last = r.w.disk.last.Add(-fullFor)
	if _, err := s.Data.Pop(t.Context(), ref("q"), 1); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); lines() != 1 {
		t.Errorf("after a small post and a pop, the log says\n%s", got)
	}
	post(t, s, "c")
	post(t, s, "d")
	if got := log.String(); lines() != 2 || !strings.Contains(got, "the disk has room again") {
		t.Errorf("after room was made, the log says\n%s", got)
	}
}
