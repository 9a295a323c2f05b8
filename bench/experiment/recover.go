package experiment

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// Recover makes the summary of an experiment that came to none, from its plan and the runs that are in its folder: this program was killed,
// say.
func Recover(f *result.Folder) error {
	p, err := f.Plan()
	if err != nil {
		return err
	}
	runs, err := f.Runs()
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.New("there are no runs to report on")
	}
	first, last := runs[0], runs[len(runs)-1]
	e := &result.Experiment{
		Schema: result.ExperimentSchema, Name: first.Experiment, Plan: p.Name, PlanHash: p.Hash(), Partial: true,
		Command: []string{"marconi-bench", "run", "--resume", f.Dir}, Started: first.Started,
		Ended: last.Started.Add(time.Duration(last.MeasuredNS + last.DrainNS)), Environment: first.Environment,
		Cells: summarize(runs), Sweeps: sweepsOf(runs, p.Seed),
	}
	return f.WriteExperiment(e, runs)
}

// sweepsOf are the sweeps that runs belong to, as far as they came.
func sweepsOf(runs []*result.Run, seed uint64) (all []result.Sweep) {
	levels := map[string][]*result.Run{} // by cell
	found := map[string]*sweeping{}      // by cell without its level
	var order []string
	for _, r := range runs {
		if !r.Config.Sweep || r.Partial {
			continue
		}
		levels[r.Cell] = append(levels[r.Cell], r)
		if name := r.Cell[:strings.LastIndex(r.Cell, "/")]; found[name] == nil {
			order, found[name] = append(order, name), newSweeping(r.Config)
		}
	}
	for _, name := range order {
		s := found[name]
		for cell, runs := range levels {
			if strings.HasPrefix(cell, name+"/") {
				s.add(judge(runs, runs[0].Config.Level.Rate), runs)
			}
		}
		all = append(all, s.finish(seed))
	}
	slices.SortFunc(all, func(a, b result.Sweep) int { return strings.Compare(a.Cell, b.Cell) })
	return all
}

// newSweeping is a sweep of a cell, whatever its level.
func newSweeping(c plan.Cell) *sweeping {
	return &sweeping{
		Sweep: result.Sweep{Cell: swept(c), Target: c.Target.Name, Workload: c.Workload.Name, API: c.API},
		runs:  map[float64][]*result.Run{},
	}
}
