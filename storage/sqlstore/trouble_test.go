package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// limitPages lets the database grow no further than by so many pages: to SQLite, the disk is then full.
func (r *rig) limitPages(more int64) {
	r.t.Helper()
	pages := pragma(r.t, r.opened, "page_count")
	pragma(r.t, r.opened, fmt.Sprintf("max_page_count = %d", pages+more))
}

func TestAFullDisk(t *testing.T) {
	r := newRig(t, "")
	ids := post(t, r.opened, "a", "b", "c")
	r.limitPages(4)
	large := marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 3600, Body: []byte(strings.Repeat("x", 1<<16))}}}
	_, err := r.opened.Data.Post(t.Context(), ref("q"), large)
	if !errors.Is(err, marconi.ErrFull) || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), r.path) {
		t.Errorf("post on a full disk: %v; want %q, what to do, and the path", err, marconi.ErrFull)
	}

	// Consumers can go on, and their room is used.
	if _, err := r.opened.Data.Pop(t.Context(), ref("q"), 1); err != nil {
		t.Errorf("pop on a full disk: %v", err)
	}
	if err := r.opened.Data.Delete(t.Context(), ref("q"), ids[1], ""); err != nil {
		t.Errorf("delete on a full disk: %v", err)
	}
	post(t, r.opened, "d")
	r.wantBodies("c", "d")

	r.limitPages(1000)
	if _, err := r.opened.Data.Post(t.Context(), ref("q"), large); err != nil {
		t.Errorf("post after room was made: %v", err)
	}
	checkCounts(t, r.opened)
}

// TestAFullDiskTakesNobodyAlong posts beside others that fit.
func TestAFullDiskTakesNobodyAlong(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "a")
	r.limitPages(4)
	errs := r.together(r.postRun("b"), r.postRun(strings.Repeat("x", 1<<16)), r.postRun("c"))
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("the operations end with %v; want only the large one to fail", errs)
	}
	r.wantBodies("a", "b", "c")
}

// damage overwrites the file behind the header's page, as a failing disk may.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, info.Size()-4096)
	for i := range noise {
		noise[i] = byte(i*7 + 13)
	}
	if _, err := f.WriteAt(noise, 4096); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsAnError reads, writes and collects in a file that was damaged, or cut off, under way.
func TestDamageIsAnError(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, path string){
		"damaged": damage,
		"cut off": func(t *testing.T, path string) {
			if err := os.Truncate(path, 8192); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "marconi.db")
			s := mustOpen(t, uriOf(path), storage.Options{})
			var ids []marconi.MessageID
			for range 200 {
				ids = append(ids, post(t, s, strings.Repeat("x", 5000))...)
			}
			mustClose(t, s)
			s = mustOpen(t, uriOf(path), storage.Options{}) // nothing is in a cache now
			defer func() {
				_ = s.Data.Close()
				_ = s.Control.Close()
			}()
			harm(t, path)

			_, err := s.Data.List(t.Context(), ref("q"), marconi.Listing{Limit: 100, Echo: true})
			wantTrouble(t, path, "list", err)
			_, err = s.Data.Pop(t.Context(), ref("q"), 5)
			wantTrouble(t, path, "pop", err)
			wantTrouble(t, path, "delete", s.Data.Delete(t.Context(), ref("q"), ids[100], ""))
		})
	}
}

func wantTrouble(t *testing.T, path, what string, err error) {
	t.Helper()
	if err == nil || marconi.KindOf(err) != marconi.Unavailable || !strings.Contains(err.Error(), path) {
		t.Errorf("%s: %v; want an error that is %v and names %s", what, err, marconi.Unavailable, path)
	}
}
