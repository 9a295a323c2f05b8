package result

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is full ends the writing and leaves what was written before.
func TestAFullDiskLeavesWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small disk can be had here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	f := newFixture(t)
	folder, err := Create(dir, f.plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteRun(f.runs[0], f.details[0]); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = filler.Write(block)
	}
	for _, spare := range []int64{0, 1, 2, 4, 8} { // blocks that are free again
		info, err := filler.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := filler.Truncate(info.Size() - spare*4096); err != nil {
			t.Fatal(err)
		}
		err = folder.WriteRun(f.runs[1], f.details[1])
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("with %d blocks: %v, want that the disk is full", spare, err)
		}
		if runs, err := folder.Runs(); err != nil || len(runs) != 1 {
			t.Errorf("with %d blocks: %d runs are left, %v; want the one that was written", spare, len(runs), err)
		}
		after := tree(t, dir)
		for name, text := range before {
			if after[name] != text {
				t.Errorf("with %d blocks: %s is not what it was", spare, name)
			}
		}
		noHalves(t, dir)
		if _, err := os.Stat(folder.RunDir(f.runs[1].Cell, 2)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("with %d blocks: something is left of the run that could not be written: %v", spare, err)
		}
		for _, err = filler.Seek(0, 2); err == nil; {
			_, err = filler.Write(block)
		}
	}
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	if err := folder.WriteRun(f.runs[1], f.details[1]); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func noHalves(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(name), ".") {
			t.Errorf("%s is left of a write that failed", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
