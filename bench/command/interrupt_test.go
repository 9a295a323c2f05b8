package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/result"
)

// Ctrl-C at any time leaves a report of what there is and nothing else, and what is missing can be run later.
func TestCtrlC(t *testing.T) {
	for _, c := range []struct {
		after time.Duration // since its first server was there
		twice bool
	}{{0, false}, {300 * time.Millisecond, false}, {1500 * time.Millisecond, false}, {0, true}, {700 * time.Millisecond, true}} {
		t.Run(fmt.Sprintf("%v/%v", c.after, c.twice), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launch(t, dir, "--scale", "tiny", "--out", "results")
			for range 1000 {
				if len(p.processes(t)) > 1 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(c.after)
			interrupt(t, p)
			if c.twice {
				p.awaitSaid(t, "stopping after this run") // signals that are not taken yet become one
				interrupt(t, p)
			}
			if status := p.wait(t); status != Interrupted {
				t.Fatalf("exit status %d: %s%s", status, p.out.String(), p.err.String())
			}
			if !strings.Contains(p.err.String(), "stopping after this run") || strings.Contains(p.err.String(), "breaking off") != c.twice {
				t.Errorf("it said %q", p.err.String())
			}
			f, err := result.Open(filepath.Join(dir, "results"))
			if err != nil {
				t.Fatal(err)
			}
			e, err := f.Experiment()
			switch {
			case errors.Is(err, fs.ErrNotExist) && c.twice: // broken off before there was anything to report
			case err != nil || !e.Partial:
				t.Errorf("the report: %+v, %v; want a partial one", e, err)
			default:
				if _, err := os.Stat(filepath.Join(f.Dir, "report.html")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func interrupt(t *testing.T, p *program) {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasInterruptedGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := launch(t, dir, "run", planFile(t, dir, short), "--out", "results")
	p.awaitSaid(t, "run 1/3: ")
	interrupt(t, p)
	if status := p.wait(t); status != Interrupted {
		t.Fatalf("exit status %d: %s%s", status, p.out.String(), p.err.String())
	}
	before := runs(t, dir)
	if len(before) == 0 || len(before) == 3 {
		t.Fatalf("%d runs were made before it was interrupted", len(before))
	}
	status, out, said := bench(t, dir, "run", "--resume", "results")
	if status != Fine && status != Unfit || !strings.Contains(out, "3 runs of 1 cells") || strings.Contains(out, "cut short") {
		t.Errorf("exit status %d: %s%s", status, out, said)
	}
	after := runs(t, dir)
	for _, r := range before {
		if !slices.ContainsFunc(after, func(a *result.Run) bool { return a.Repeat == r.Repeat && a.Started.Equal(r.Started) }) {
			t.Errorf("run %d was made again", r.Repeat)
		}
	}
	f := &result.Folder{Dir: filepath.Join(dir, "results")}
	e, err := f.Experiment()
	if err != nil || len(after) != 3 || e.Partial || !slices.Equal(e.Command, []string{"marconi-bench", "run", filepath.Join("results", "plan.yaml")}) {
		t.Errorf("%d runs, %+v, %v", len(after), e, err)
	}
	if status, out, _ := bench(t, dir, "report", "results"); status != Fine || !strings.Contains(out, "results/report.html") {
		t.Errorf("made anew: exit status %d, %s", status, out)
	}
}

func runs(t *testing.T, dir string) []*result.Run {
	t.Helper()
	f, err := result.Open(filepath.Join(dir, "results"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Runs()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
