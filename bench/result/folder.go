package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi/bench/plan"
)

// A Folder is where the results of an experiment are.
//
//	plan.yaml  plan.effective.json  environment.json  experiment.json  schema/*.json
//	cells.csv  series.csv  errors.csv  autobench.tsv  results.bench
//	work-queue/redis/v1.1/p1/rate-1000/run-3/
//	   run.json  series.csv  violations.jsonl  *.response.hgrm  run.hlog
//
// A file is there as a whole or not at all, whatever happens while it is written.
type Folder struct {
	Dir string
}

// The files of a folder.
const (
	planFile        = "plan.yaml"
	effectiveFile   = "plan.effective.json"
	environmentFile = "environment.json"
	experimentFile  = "experiment.json"
	runFile         = "run.json"
)

// ErrNoResults says that a folder has no results of this program.
var ErrNoResults = errors.New("no results of marconi-bench")

// Create makes the folder of a plan's results. A folder that has results of another plan is not taken.
func Create(dir string, p *plan.Plan) (*Folder, error) {
	f := &Folder{Dir: dir}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	switch before, err := f.effective(); {
	case err == nil && string(before) != string(p.Effective()):
		return nil, fmt.Errorf("results: %s is of another plan", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := f.writeSchemas(); err != nil {
		return nil, err
	}
	if err := f.write(planFile, p.Source()); err != nil {
		return nil, err
	}
	return f, f.write(effectiveFile, p.Effective())
}

// Open finds results.
func Open(dir string) (*Folder, error) {
	f := &Folder{Dir: dir}
	_, err := f.effective()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoResults)
	}
	return f, err
}

func (f *Folder) effective() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(f.Dir, effectiveFile))
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	return text, nil
}

// Plan is the plan of the results.
func (f *Folder) Plan() (*plan.Plan, error) {
	text, err := f.effective()
	if err != nil {
		return nil, err
	}
	return plan.Parse(filepath.Join(f.Dir, effectiveFile), text)
}

// RunDir is where a run's files are.
func (f *Folder) RunDir(cell string, repeat int) string {
	return filepath.Join(f.Dir, filepath.FromSlash(cell), fmt.Sprintf("run-%d", repeat))
}

// Runs are all runs that are there, in the order in which they began.
func (f *Folder) Runs() ([]*Run, error) {
	var runs []*Run
	err := filepath.WalkDir(f.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != runFile {
			return err
		}
		r, err := readRun(name)
		if err == nil {
			runs = append(runs, r)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	slices.SortFunc(runs, func(a, b *Run) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(a.Cell, b.Cell)
	})
	return runs, nil
}

func readRun(name string) (*Run, error) {
	r := &Run{}
	if err := readJSON(name, r); err != nil {
		return nil, err
	}
	if err := known(r.Schema, RunSchema); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for operation, o := range r.Operations {
		if err := o.Response.check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, operation, err)
		}
	}
	return r, nil
}

// known reports whether a schema is one that this program reads: of the same major version.
func known(schema, ours string) error {
	major := func(s string) string {
		head, _, _ := strings.Cut(s, ".")
		return head
	}
	if major(schema) != major(ours) {
		return fmt.Errorf("schema %q is not one that this program reads, which is %q", schema, ours)
	}
	return nil
}

// Experiment is the summary of the results.
func (f *Folder) Experiment() (*Experiment, error) {
	e := &Experiment{}
	if err := readJSON(filepath.Join(f.Dir, experimentFile), e); err != nil {
		return nil, err
	}
	return e, known(e.Schema, ExperimentSchema)
}

// Environment is what the runs ran on.
func (f *Folder) Environment() (e Environment, err error) {
	return e, readJSON(filepath.Join(f.Dir, environmentFile), &e)
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("results: %s: %w", name, err)
	}
	return nil
}

// write puts a file into the folder, at once.
func (f *Folder) write(name string, text []byte) error {
	return f.writeWith(name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// writeWith puts a file into the folder that is written by somebody else. Until it is whole it has another name.
func (f *Folder) writeWith(name string, write func(io.Writer) error) (err error) {
	path := filepath.Join(f.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
			err = fmt.Errorf("results: write %s: %w", name, err)
		}
	}()
	if err := write(temporary); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := errors.Join(temporary.Chmod(0o644), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

func (f *Folder) writeJSON(name string, v any) error {
	return f.writeWith(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	})
}
