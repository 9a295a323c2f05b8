package command

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// Ctrl-C at any second of the plan that is run without arguments leaves a report of what there is, and nothing else; gone on with, the runs
// that are missing are made and no others. In full that is every second; else the plan is tiny, and its moments are drawn.
func TestCtrlCAtAnySecondOfSmoke(t *testing.T) {
	var args []string
	moments := drawnMoments(t, 3, 10*time.Second)
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		moments = nil
		for second := range 40 {
			moments = append(moments, time.Duration(second+1)*time.Second)
		}
	} else {
		args = []string{"--scale", "tiny"}
	}
	for _, after := range moments {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launch(t, dir, append(args, "--out", "results")...)
			awaitFile(filepath.Join(dir, "results")) // before that is there the first signal would end it
			time.Sleep(after)
			interrupt(t, p)
			interrupted := p.wait(t)
			before := reported(t, dir)
			if whole := interrupted == Fine || interrupted == Unfit; interrupted != Interrupted && !whole || whole && before.Partial {
				t.Fatalf("exit status %d, cut short: %v: %s%s", interrupted, before.Partial, p.out.String(), p.err.String())
			}
			f := &result.Folder{Dir: filepath.Join(dir, "results")}
			kept := completeFiles(t, f)
			status, out, said := bench(t, dir, "run", "--resume", "results")
			if status != Fine && status != Unfit {
				t.Fatalf("gone on with: exit status %d: %s%s", status, out, said)
			}
			whole := reported(t, dir)
			if whole.Partial {
				t.Errorf("gone on with, it is still cut short: %s%s", out, said)
			}
			everyCellRan(t, f, whole)
			for name, was := range kept {
				if is, err := fileState(name); err != nil || is != was {
					t.Errorf("%s is of a run that was complete, and has changed: %v", name, err)
				}
			}
			all := len(runs(t, dir))
			if before.Partial != (completeRuns(kept) < all) {
				t.Errorf("interrupted with %d runs of %d, its report says that it was cut short: %v", completeRuns(kept), all, before.Partial)
			}
			onlyResults(t, dir)
			t.Logf("exit status %d with %d runs, then %d with %d", interrupted, completeRuns(kept), status, all)
		})
	}
}

// drawnMoments draws moments of a time, but for its first second: a program that is just starting is ended by the first signal.
func drawnMoments(t *testing.T, n int, within time.Duration) (moments []time.Duration) {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MARCONI_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MARCONI_TEST_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range n {
		moments = append(moments, time.Second+time.Duration(random.Int64N(int64(within-time.Second))).Round(time.Millisecond))
	}
	return moments
}

// awaitFile waits for a file, if it comes at all.
func awaitFile(name string) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
}

// reported makes sure that the results in a folder can be read, by people and programs, and gives their summary.
func reported(t *testing.T, dir string) *result.Experiment {
	t.Helper()
	f, err := result.Open(filepath.Join(dir, "results"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.Experiment()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(f.Dir, "report.html"))
	if err != nil || !bytes.Contains(page, []byte("</html>")) || bytes.Contains(page, []byte("was cut short")) != e.Partial {
		t.Errorf("report.html of %d bytes, of an experiment that was cut short: %v, does not say so, or is none: %v", len(page), e.Partial, err)
	}
	sound(t, f.Dir)
	return e
}

// everyCellRan makes sure that an experiment has all runs of its plan.
func everyCellRan(t *testing.T, f *result.Folder, e *result.Experiment) {
	t.Helper()
	p, err := f.Plan()
	if err != nil {
		t.Fatal(err)
	}
	absent := map[string]bool{}
	for _, a := range e.Absent {
		absent[a.What] = true
	}
	made, err := f.Runs()
	if err != nil {
		t.Fatal(err)
	}
	missing := func(c plan.Cell, repeat int) bool {
		return c.Skipped == "" && !absent[c.Target.Name] && !slices.ContainsFunc(made, func(r *result.Run) bool {
			return r.Cell == c.Path() && r.Repeat == repeat && !r.Partial
		})
	}
	for _, c := range p.Matrix() {
		for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
			if missing(c, repeat) {
				t.Errorf("%s run %d was not made", c.Path(), repeat)
			}
		}
	}
	swept := p.SweepCells()
	if len(e.Sweeps) != len(swept) {
		t.Errorf("%d sweeps of %d", len(e.Sweeps), len(swept))
	}
	for _, s := range e.Sweeps {
		if low := s.Levels[0].Rate; low != float64(p.Sweep.Low) || s.Open && s.Levels[len(s.Levels)-1].Rate != float64(p.Sweep.High) {
			t.Errorf("the sweep of %s is from %v to %v: %+v", s.Cell, low, s.Levels[len(s.Levels)-1].Rate, s)
		}
		for _, l := range s.Levels {
			if l.Runs != p.Sweep.Repeats {
				t.Errorf("level %v of %s has %d runs", l.Rate, s.Cell, l.Runs)
			}
		}
	}
}

// A state is what tells whether a file was written anew.
type state struct {
	changed time.Time
	text    string
}

func fileState(name string) (state, error) {
	info, err := os.Stat(name)
	if err != nil {
		return state{}, err
	}
	text, err := os.ReadFile(name)
	return state{info.ModTime(), string(text)}, err
}

// completeFiles are those of all runs that were not broken off.
func completeFiles(t *testing.T, f *result.Folder) map[string]state {
	t.Helper()
	made, err := f.Runs()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]state{}
	for _, r := range made {
		if r.Partial {
			continue
		}
		for _, name := range must(filepath.Glob(filepath.Join(f.RunDir(r.Cell, r.Repeat), "*"))) {
			if files[name], err = fileState(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files
}

// completeRuns is how many runs these files are of.
func completeRuns(files map[string]state) int {
	dirs := map[string]bool{}
	for name := range files {
		dirs[filepath.Dir(name)] = true
	}
	return len(dirs)
}

// onlyResults makes sure that a folder has nothing but results, and these no files that were not finished.
func onlyResults(t *testing.T, dir string) {
	t.Helper()
	for _, name := range must(filepath.Glob(filepath.Join(dir, "*"))) {
		if filepath.Base(name) != "results" {
			t.Errorf("%s is left beside the results", name)
		}
	}
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if filepath.Base(name)[0] == '.' {
			return fmt.Errorf("%s is left of a write", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
