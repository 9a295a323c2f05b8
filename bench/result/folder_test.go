package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
)

// golden is a folder that version 1.0 wrote. It is never written again: what was measured once is read for ever.
const golden = "testdata/v1.0"

// Everything that a folder of version 1.0 says is understood, and all outputs can be made from it.
func TestResultsOfVersion10AreRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := folder.Plan(); err != nil || p.Name != "fixture" || len(p.Matrix()) != 2 {
		t.Errorf("the plan is %+v, %v", p, err)
	}
	runs, err := folder.Runs()
	if err != nil || len(runs) != 2 {
		t.Fatalf("%d runs, %v; want 2", len(runs), err)
	}
	for _, r := range runs {
		within(t, filepath.Join(folder.RunDir(r.Cell, r.Repeat), runFile), r)
	}
	e, err := folder.Experiment()
	if err != nil {
		t.Fatal(err)
	}
	within(t, filepath.Join(dir, experimentFile), e)
	environment, err := folder.Environment()
	if err != nil {
		t.Fatal(err)
	}
	within(t, filepath.Join(dir, environmentFile), environment)
	for name, text := range documents(t, dir) {
		if err := validate(t, name, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := folder.Remake(); err != nil {
		t.Errorf("make outputs of version 1.0: %v", err)
	}
}

// within reports what a file says that was not understood.
func within(t *testing.T, file string, understood any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	missing(t, file, unmarshalled(t, text), unmarshalled(t, must(json.Marshal(understood))))
}

func missing(t *testing.T, at string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		in, _ := got.(map[string]any)
		for k, v := range want {
			missing(t, at+"."+k, v, in[k])
		}
	case []any:
		in, _ := got.([]any)
		if len(in) != len(want) {
			t.Errorf("%s: %d elements were read, want %d", at, len(in), len(want))
			return
		}
		for i, v := range want {
			missing(t, fmt.Sprintf("%s[%d]", at, i), v, in[i])
		}
	default:
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: %v was read, want %v", at, got, want)
		}
	}
}

func TestAFolderIsReadAsItWasWritten(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	// A folder may be reached by another name.
	link := filepath.Join(t.TempDir(), "latest")
	if err := os.Symlink(folder.Dir, link); err != nil {
		t.Fatal(err)
	}
	linked, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := linked.Runs()
	if err != nil || len(runs) != 2 || runs[0].Repeat != 1 {
		t.Fatalf("%d runs, %v; want those two in the order in which they began", len(runs), err)
	}
	for i, r := range runs {
		missing(t, r.Cell, unmarshalled(t, must(json.Marshal(f.runs[i]))), unmarshalled(t, must(json.Marshal(r))))
	}
	before := tree(t, folder.Dir)
	if err := linked.Remake(); err != nil {
		t.Fatal(err)
	}
	for name, text := range tree(t, folder.Dir) {
		if text != before[name] {
			t.Errorf("%s is not made the same again", name)
		}
	}
}

// tree is what all files of a folder hold, by their names in it.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	folder := os.DirFS(dir)
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A folder takes its own plan again, and leaves it as its author wrote it. It takes no other.
func TestAFolderIsOfOnePlan(t *testing.T) {
	f, dir := newFixture(t), t.TempDir()
	f.write(t, dir)
	folder, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := folder.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != f.plan.Hash() {
		t.Errorf("the plan that was read back is another one")
	}
	if _, err := Create(dir, again); err != nil {
		t.Errorf("go on with the plan of the folder: %v", err)
	}
	if got := tree(t, dir)[planFile]; !strings.Contains(got, "# as its author wrote it") {
		t.Errorf("the plan is no more as it was written:\n%s", got)
	}
	other, err := plan.Sample("smoke")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, other); err == nil || !strings.Contains(err.Error(), "another plan") {
		t.Errorf("another plan: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoResults) {
		t.Errorf("open a folder without results: %v", err)
	}
}

// What is damaged is named, and nothing of it is taken for a result.
func TestADamagedRunIsNamed(t *testing.T) {
	f := newFixture(t)
	whole := f.write(t, t.TempDir())
	for name, spoil := range map[string]func(string) string{
		"cut off":           func(s string) string { return s[:len(s)/2] },
		"empty":             func(string) string { return "" },
		"not JSON":          func(string) string { return "§" },
		"a list":            func(string) string { return "[]" },
		"another major":     func(s string) string { return strings.Replace(s, "run/1.0", "run/2.0", 1) },
		"a longer major":    func(s string) string { return strings.Replace(s, "run/1.0", "run/11.0", 1) },
		"another file's":    func(s string) string { return strings.Replace(s, RunSchema, ExperimentSchema, 1) },
		"a torn histogram":  func(s string) string { return spoilt(t, s, "operations", "producer/post", "response") },
		"a wrong end":       func(s string) string { return spoilt(t, s, "end_to_end") },
		"a wrong sojourn":   func(s string) string { return spoilt(t, s, "sojourn") },
		"of another cell":   func(s string) string { return strings.Replace(s, `"cell": "`, `"cell": "../../`, 1) },
		"of another repeat": func(s string) string { return strings.Replace(s, `"repeat": 1`, `"repeat": 2`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := &Folder{Dir: t.TempDir()}
			if err := os.CopyFS(folder.Dir, os.DirFS(whole.Dir)); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder.RunDir(f.runs[0].Cell, 1), runFile)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			spoiled := spoil(string(text))
			if spoiled == string(text) {
				t.Fatal("nothing was spoiled")
			}
			if err := os.WriteFile(file, []byte(spoiled), 0o644); err != nil {
				t.Fatal(err)
			}
			if runs, err := folder.Runs(); err == nil || !strings.Contains(err.Error(), file) || len(runs) > 0 {
				t.Errorf("%d runs were read, %v; want an error that names %s", len(runs), err, file)
			}
		})
	}
}

// spoilt gives the distribution of that name a histogram that can't be read.
func spoilt(t *testing.T, text string, path ...string) string {
	t.Helper()
	document := unmarshalled(t, []byte(text))
	at := document
	for _, name := range path {
		at = at.(map[string]any)[name]
	}
	at.(map[string]any)["histogram"] = "SGlzdG9ncmFt"
	return string(must(json.Marshal(document)))
}

func TestASummaryOfAnotherMajorVersionIsRefused(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	file := filepath.Join(folder.Dir, experimentFile)
	text := strings.Replace(tree(t, folder.Dir)[experimentFile], "experiment/1.0", "experiment/2.0", 1)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Experiment(); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "2.0") {
		t.Errorf("a summary of version 2.0: %v", err)
	}
}

// A run that is repeated leaves nothing of its first try.
func TestARunIsReplacedAsAWhole(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	r := *f.runs[1]
	if _, there := tree(t, folder.Dir)[runPath(r.Cell, 2)+"/violations.jsonl"]; !there {
		t.Fatal("the first try has no violations")
	}
	r.Ledger.Offenders = nil
	if err := folder.WriteRun(&r, &Details{}); err != nil {
		t.Fatal(err)
	}
	for name := range tree(t, filepath.Join(folder.RunDir(r.Cell, 2))) {
		switch name {
		case "run.json", "run.hlog", "series.csv":
		default:
			t.Errorf("%s is left of the first try", name)
		}
	}
}

// A write that fails, wherever it does, leaves what was there, and no half of what was to come.
func TestAFailedWriteLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	f := &Folder{Dir: dir}
	if err := f.write("a/b.csv", []byte("whole")); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, 1, 100_000} {
		err := f.writeWith("a/b.csv", func(w io.Writer) error {
			if _, err := w.Write(make([]byte, length)); err != nil {
				return err
			}
			return syscall.ENOSPC
		})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "a/b.csv") {
			t.Errorf("a write that fails after %d bytes: %v", length, err)
		}
		if got := tree(t, dir); len(got) != 1 || got["a/b.csv"] != "whole" {
			t.Errorf("after a write that failed at %d bytes there is %v", length, got)
		}
	}
}

// FuzzRun reads what claims to be a run: whatever it is, that is an error or a run from which all tables can be made.
func FuzzRun(f *testing.F) {
	err := filepath.WalkDir(golden, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != runFile {
			return err
		}
		text, err := os.ReadFile(name)
		f.Add(text)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"schema": "marconi-bench/run/1.0", "operations": {"a": {"response": {"histogram": "HISTFAAA"}}}}`))
	f.Add([]byte(`{"schema": "marconi-bench/run/1.0", "cell": "a/b/c/d/e", "operations": {"a": {"response": {"count": 1}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decodeRun(text)
		if err != nil {
			return
		}
		for _, write := range []func(io.Writer) error{
			func(w io.Writer) error { return writeCells(w, []*Run{r}) },
			func(w io.Writer) error { return writeErrors(w, []*Run{r}) },
			func(w io.Writer) error { return writeBench(w, &Experiment{}, []*Run{r}) },
		} {
			if err := write(io.Discard); err != nil {
				t.Errorf("a table of it: %v", err)
			}
		}
		for _, l := range []Latency{r.EndToEnd, r.Sojourn} {
			h, err := measure.Decode(l.Histogram)
			if err != nil {
				t.Fatalf("a histogram that was checked: %v", err)
			}
			measure.NewHistogram().Merge(h)
			LatencyOf(h)
		}
		again, err := decodeRun(must(json.Marshal(r)))
		if err != nil || again.Cell != r.Cell {
			t.Errorf("written and read again: %v", err)
		}
	})
}
