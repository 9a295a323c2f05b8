package experiment

import (
	"path/filepath"

	"github.com/marconi-mq/marconi/bench/result"
)

// Recover makes the summary of an experiment that came to none, from its plan and the runs that are in its folder: this program was killed,
// say. Levels of sweeps are cells among others then.
func Recover(f *result.Folder) error {
	p, err := f.Plan()
	if err != nil {
		return err
	}
	runs, err := f.Runs()
	if err != nil {
		return err
	}
	e := &result.Experiment{
		Schema: result.ExperimentSchema, Name: filepath.Base(f.Dir), Plan: p.Name, PlanHash: p.Hash(), Partial: true, Cells: summarize(runs),
	}
	for i, r := range runs {
		if i == 0 {
			e.Started, e.Environment = r.Started, r.Environment
		}
		e.Ended = r.Started
	}
	return f.WriteExperiment(e, runs)
}
