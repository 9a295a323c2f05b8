package result

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
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
	case err == nil: // it goes on; the plan stays as it was written
		return f, f.writeSchemas()
	case !errors.Is(err, fs.ErrNotExist):
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
	return filepath.Join(f.Dir, filepath.FromSlash(runPath(cell, repeat)))
}

// runPath is where a run's files are in the folder, with slashes.
func runPath(cell string, repeat int) string { return path.Join(cell, fmt.Sprintf("run-%d", repeat)) }

// Runs are all runs that are there, in the order in which they began. One that can't be read is an error that names its file.
func (f *Folder) Runs() ([]*Run, error) {
	var runs []*Run
	folder := os.DirFS(f.Dir)
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() != runFile {
			return err
		}
		r, err := readRun(folder, name)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(f.Dir, filepath.FromSlash(name)), err)
		}
		runs = append(runs, r)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	slices.SortFunc(runs, func(a, b *Run) int {
		return cmp.Or(a.Started.Compare(b.Started), strings.Compare(a.Cell, b.Cell), cmp.Compare(a.Repeat, b.Repeat))
	})
	return runs, nil
}

// readRun reads a run, which lies where it says that it belongs: its path is trusted to find its other files.
func readRun(folder fs.FS, name string) (*Run, error) {
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, err
	}
	r, err := decodeRun(text)
	if err == nil && path.Dir(name) != runPath(r.Cell, r.Repeat) {
		err = fmt.Errorf("it is run %d of %q and lies in the wrong place", r.Repeat, r.Cell)
	}
	return r, err
}

// decodeRun reads run.json. Of its histograms it makes sure that those can be read that are summed up over runs.
func decodeRun(text []byte) (*Run, error) {
	var form struct{ Schema string }
	if err := json.Unmarshal(text, &form); err != nil {
		return nil, err
	}
	if err := known(form.Schema, RunSchema); err != nil {
		return nil, err
	}
	r := &Run{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	for operation, o := range r.Operations {
		if err := o.Response.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
	}
	if err := r.EndToEnd.check(); err != nil {
		return nil, fmt.Errorf("end to end: %w", err)
	}
	if err := r.Sojourn.check(); err != nil {
		return nil, fmt.Errorf("sojourn: %w", err)
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
	e, name := &Experiment{}, filepath.Join(f.Dir, experimentFile)
	if err := readJSON(name, e); err != nil {
		return nil, err
	}
	if err := known(e.Schema, ExperimentSchema); err != nil {
		return nil, fmt.Errorf("results: %s: %w", name, err)
	}
	return e, nil
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
	final := filepath.Join(f.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+"-*")
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
			err = fmt.Errorf("results: write %s: %w", name, err)
		}
	}()
	buffered := bufio.NewWriter(temporary)
	if err := errors.Join(write(buffered), buffered.Flush()); err != nil {
		_ = temporary.Close()
		return err
	}
	if err := errors.Join(temporary.Chmod(0o644), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), final)
}

func (f *Folder) writeJSON(name string, v any) error {
	return f.writeWith(name, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	})
}
