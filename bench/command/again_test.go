package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// "report" makes all files of results anew as they were, byte for byte: of runs at a fixed level, of a sweep, and of one in which the
// server was killed.
func TestAReportIsMadeAnewAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, out, said := bench(t, dir, "run", planFile(t, dir, `plan: again
targets:
  - {name: sqlite, start: {backend: sqlite}, api: [1.1]}
  - {name: memory, start: {backend: memory}, api: [1, 1.1]}
workloads:
  - {use: work-queue, producers: 2, workers: 2}
  - {use: pub-sub, producers: 2, observers: 2}
  - {use: failover, producers: 2, workers: 2, time: {duration: 1s}, faults: [{at: 400ms, do: kill, to: server, for: 10ms}]}
skip:
  - {target: memory, workload: failover, because: it would lose what it has}
load: {rates: [50], connections: 16, timeout: 2s}
time: {warmup: 50ms, duration: 300ms, drain: 3s, cooldown: 0s, repeats: 2}
sweep: {low: 50, high: 200, duration: 300ms, only: [work-queue], targets: [memory]}
`), "--out", "results")
	if status != Fine && status != Unfit {
		t.Fatalf("exit status %d: %s%s", status, out, said)
	}
	results := filepath.Join(dir, "results")
	before := filesOf(t, results)
	derived := 0
	for name := range before { // as if they had never been written
		if isDerived(name) {
			derived++
			if err := os.Remove(filepath.Join(results, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, must := range []string{"cells.csv", "series.csv", "errors.csv", "autobench.tsv", "results.bench", "report.html", "report.md", "charts"} {
		found := false
		for name := range before {
			found = found || strings.HasPrefix(name, must)
		}
		if !found {
			t.Errorf("there is no %s", must)
		}
	}
	if status, out, said := bench(t, dir, "report", "results"); status != Fine {
		t.Fatalf("made anew: exit status %d: %s%s", status, out, said)
	}
	after := filesOf(t, results)
	for name, text := range before {
		if now, there := after[name]; !there || now != text {
			t.Errorf("%s: it is there again: %v, and differs from byte %d on", name, there, firstDifference(text, now))
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			t.Errorf("%s was not there before", name)
		}
	}
	if derived < 15 {
		t.Errorf("only %d files were made anew", derived)
	}
}

// isDerived reports whether a file of results is made of others.
func isDerived(name string) bool {
	switch dir, _, in := strings.Cut(name, "/"); {
	case in:
		return dir == "charts"
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".tsv"), strings.HasSuffix(name, ".bench"), strings.HasPrefix(name, "report."):
		return true
	}
	return false
}

// filesOf gives all files below a folder, by their names in it.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files[filepath.ToSlash(strings.TrimPrefix(name, dir+string(filepath.Separator)))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func firstDifference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
