package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/marconi-mq/marconi/bench/result"
)

// A disk that is full ends an experiment, with an exit status and a word of why. What was written before is whole; with room again it can be
// reported on, and gone on with.
func TestAFullDiskEndsAnExperiment(t *testing.T) {
	for _, size := range []string{"360k", "400k", "420k"} { // so that it is full at different files
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			fillDisk(t, size)
		})
	}
}

func fillDisk(t *testing.T, size string) {
	t.Helper()
	dir := t.TempDir()
	results := filepath.Join(dir, "results")
	if err := os.Mkdir(results, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", results, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be had here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(results, 0); err != nil {
			t.Error(err)
		}
	})
	const repeats = 12
	file := planFile(t, dir, strings.Replace(short, "repeats: 3", "repeats: 12", 1))
	const full = "no space left on device"
	status, out, said := bench(t, dir, "run", file, "--out", "results", "--debug")
	if status != Usage || !strings.Contains(said, full) {
		t.Fatalf("exit status %d, want 1 and %q: %s%s", status, full, out, said)
	}
	written := wholeRuns(t, results)
	t.Logf("%d runs were written: %s", written, said)
	if written == 0 || written == repeats {
		t.Fatalf("%d runs were written: the disk has not the right size for this test", written)
	}
	f := &result.Folder{Dir: results}
	if e, err := f.Experiment(); !errors.Is(err, fs.ErrNotExist) && (err != nil || !e.Partial) {
		t.Errorf("the summary does not say that it was cut short: %v", err)
	}
	before := filesOf(t, results)
	for _, args := range [][]string{{"report", "results"}, {"run", "--resume", "results"}} {
		status, out, said := bench(t, dir, args...)
		if status != Usage || !strings.Contains(said, full) {
			t.Errorf("%v, on a disk that still is full: exit status %d: %s%s", args, status, out, said)
		}
		if n := wholeRuns(t, results); n < written {
			t.Errorf("%v, on a disk that still is full: %d runs are left of %d", args, n, written)
		}
	}
	for name, text := range filesOf(t, results) {
		if was, there := before[name]; there && was != text && strings.Contains(name, "/run-") {
			t.Errorf("%s is not what it was", name)
		}
	}
	if err := syscall.Mount("tmpfs", results, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	written = wholeRuns(t, results)
	if status, out, said := bench(t, dir, "report", "results"); status != Fine {
		t.Errorf("reported on: exit status %d: %s%s", status, out, said)
	}
	if e := reported(t, dir); !e.Partial || len(runs(t, dir)) != written {
		t.Errorf("the report of %d runs of %d says that it was cut short: %v", written, repeats, e.Partial)
	}
	kept := completeFiles(t, f)
	if status, out, said := bench(t, dir, "run", "--resume", "results"); status != Fine && status != Unfit {
		t.Errorf("gone on with: exit status %d: %s%s", status, out, said)
	}
	for name, was := range kept {
		if is, err := fileState(name); err != nil || is != was {
			t.Errorf("%s was complete, and has changed: %v", name, err)
		}
	}
	if e := reported(t, dir); e.Partial || wholeRuns(t, results) != repeats {
		t.Errorf("in the end there are %d runs of %d, cut short: %v", wholeRuns(t, results), repeats, e.Partial)
	}
}

// wholeRuns makes sure that all JSON in a folder can be read, that nothing is left of a write that failed, and gives how many runs there are.
func wholeRuns(t *testing.T, dir string) (n int) {
	t.Helper()
	for name, text := range filesOf(t, dir) {
		var document any
		switch base := filepath.Base(name); {
		case base[0] == '.':
			t.Errorf("%s is left of a write", name)
		case strings.HasSuffix(name, ".json"):
			if err := json.Unmarshal([]byte(text), &document); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if base == "run.json" {
				n++
			}
		case strings.HasSuffix(name, ".jsonl"):
			for line := range bytes.Lines([]byte(text)) {
				if err := json.Unmarshal(line, &document); err != nil {
					t.Errorf("%s: %q: %v", name, line, err)
				}
			}
		}
	}
	return n
}
