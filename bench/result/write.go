package result

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/ledger"
)

// WriteEnvironment writes down what the runs run on, and gives its hash.
func (f *Folder) WriteEnvironment(e Environment) (hash string, err error) {
	text, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("results: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), f.writeJSON(environmentFile, e)
}

// WriteRun writes down a run: run.json is the last of its files, so whoever finds that finds all. What an earlier try of the
// same run left is removed first, and what this one leaves if it fails: on a disk that is full a summary may still have room.
func (f *Folder) WriteRun(r *Run, d *Details) (err error) {
	if err := os.RemoveAll(f.RunDir(r.Cell, r.Repeat)); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(f.RunDir(r.Cell, r.Repeat))
		}
	}()
	at := runPath(r.Cell, r.Repeat)
	steps := []func() error{
		func() error {
			return f.writeWith(path.Join(at, "series.csv"), func(w io.Writer) error { return writeSeries(w, r, d) })
		},
		func() error {
			return f.writeWith(path.Join(at, "run.hlog"), func(w io.Writer) error { return writeLog(w, r, d) })
		},
	}
	if len(r.Ledger.Offenders) > 0 {
		steps = append(steps, func() error {
			return f.writeWith(path.Join(at, "violations.jsonl"), ledger.Verdict{Offenders: r.Ledger.Offenders}.WriteOffenders)
		})
	}
	histograms := percentiles(d)
	for _, name := range slices.Sorted(maps.Keys(histograms)) {
		h := histograms[name]
		steps = append(steps, func() error { return f.writeWith(path.Join(at, name+".hgrm"), h.WriteHGRM) })
	}
	steps = append(steps, func() error { return f.writeJSON(path.Join(at, runFile), r) })
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// percentiles are the histograms that get a file of their own, by its name.
func percentiles(d *Details) map[string]*measure.Histogram {
	all := map[string]*measure.Histogram{}
	for k, t := range d.Totals {
		if t.Response.Count() > 0 {
			name := strings.ReplaceAll(k.String(), "/", ".")
			all[name+".response"], all[name+".service"] = t.Response, t.Service
		}
	}
	for name, h := range d.Extra {
		if h.Count() > 0 {
			all[name] = h
		}
	}
	return all
}

// writeLog writes the response times of every measured second, by operation.
func writeLog(w io.Writer, r *Run, d *Details) error {
	log, err := measure.NewLogWriter(w, r.Started, r.Cell+" run "+fmt.Sprint(r.Repeat)+", response times in ns")
	if err != nil {
		return err
	}
	for _, s := range d.Seconds {
		if !Measured(s.Phase) {
			continue
		}
		for _, k := range sorted(s.By) {
			h, err := measure.Decode(s.By[k].Response)
			if err != nil {
				return err
			}
			if h.Count() == 0 {
				continue
			}
			if err := log.Interval(k.String(), s.From, s.To, h); err != nil {
				return err
			}
		}
	}
	return nil
}

// Measured reports whether a phase is one whose figures count.
func Measured(phase string) bool {
	switch phase {
	case "setup", "ramp", "warmup", "drain":
		return false
	}
	return true
}

func sorted[V any](m map[measure.Key]V) []measure.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b measure.Key) int { return cmp.Compare(a.String(), b.String()) })
}

// A table is a file over all runs.
type table struct {
	name  string
	write func(io.Writer) error
}

// WriteExperiment writes down the summary, and the tables over all runs.
func (f *Folder) WriteExperiment(e *Experiment, runs []*Run) error {
	tables := []table{
		{"cells.csv", func(w io.Writer) error { return writeCells(w, runs) }},
		{"errors.csv", func(w io.Writer) error { return writeErrors(w, runs) }},
		{"results.bench", func(w io.Writer) error { return writeBench(w, e, runs) }},
	}
	if len(e.Sweeps) > 0 {
		tables = append(tables, table{"autobench.tsv", func(w io.Writer) error { return writeAutobench(w, e.Sweeps) }})
	}
	for _, t := range tables {
		if err := f.writeWith(t.name, t.write); err != nil {
			return err
		}
	}
	if err := f.joinSeries(runs); err != nil {
		return err
	}
	return f.writeJSON(experimentFile, e)
}

// seconds is a time of the run in seconds, to the millisecond.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// Remake writes the tables anew from the runs and the summary that are there.
func (f *Folder) Remake() error {
	e, err := f.Experiment()
	if err != nil {
		return err
	}
	runs, err := f.Runs()
	if err != nil {
		return err
	}
	return f.WriteExperiment(e, runs)
}
