// Package experiment carries out plans: all runs of all cells in blocks whose order is drawn, sweeps for the highest rate
// that is carried, and faults at their times. What it finds is written by package result as it goes, so that what is cut
// short can go on.
package experiment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/bench/target"
)

// Options say how a plan is carried out.
type Options struct {
	Folder  *result.Folder // for what comes of it; with runs in it already, those are not repeated
	Work    string         // a folder for what servers keep while they run
	Server  []string       // the command that is a server
	Remote  []string       // hosts off the loopback that may be loaded
	Command []string       // that repeats the experiment, for the report
	Version string         // of this program

	// Cores are those of the generator and of what it starts; nil: as package cores parts them.
	Cores *cores.Parting

	Events func(Event)     // is told what happens, from one goroutine at a time; nil: nobody is
	Stop   <-chan struct{} // closed: the run in hand is the last
	Log    *slog.Logger

	// Late makes the pacer slow on purpose, for a test of what tells; nil: it isn't.
	Late func(schedule.Due)
}

// An experimenter carries out one plan.
type experimenter struct {
	Options
	plan      *plan.Plan
	progress  *progress
	cores     cores.Parting               // the zero one: all share all
	instances map[string]*target.Instance // by the target's name
	absent    map[string]string           // why a target is not there
	report    *result.Experiment
	runs      []*result.Run
	ran       map[string]bool // cells and repeats that are in the folder
	recalled  int             // runs that were there before
	blocks    []result.Calibration
	unmade    []error // why runs left nothing, not even a part
}

// Run carries out the plan and gives what came of it. Backends that are absent are no error, nor are runs whose ledger was
// violated or whose target died: the outcome tells. ErrUnreachable of package target: one that is not started here doesn't
// answer. ErrElsewhere: the folder has runs of another environment; it stays as it is.
//
// When ctx ends, the run in hand is broken off; queues and processes are cleaned up, and what there is stands in the folder.
func Run(ctx context.Context, p *plan.Plan, o Options) (*result.Experiment, []*result.Run, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	x := &experimenter{
		Options: o, plan: p, instances: map[string]*target.Instance{}, absent: map[string]string{}, ran: map[string]bool{},
		report: &result.Experiment{
			Schema: result.ExperimentSchema, Name: filepath.Base(o.Folder.Dir), Plan: p.Name, PlanHash: p.Hash(),
			Command: o.Command, Started: time.Now().Round(0),
		},
	}
	release := x.isolate()
	defer release()
	err := x.carryOut(ctx)
	unmade := x.unmadeRuns()
	x.report.Partial = x.report.Partial || err != nil || fatal(unmade) || ctx.Err() != nil // a disk that is full, say, ends it as well
	err = errors.Join(err, unmade, x.stopAll())
	x.report.Ended = time.Now().Round(0)
	for _, r := range x.runs { // some may be of a former time
		if r.Started.Before(x.report.Started) {
			x.report.Started = r.Started
		}
	}
	x.report.Cells = summarize(x.runs)
	x.report.Blocks = x.blocks
	if fatal(err) {
		if len(x.runs) <= x.recalled {
			return x.report, x.runs, err
		}
	}
	x.tell(Event{Kind: Reporting})
	if written := o.Folder.WriteExperiment(x.report, x.runs); written != nil {
		return x.report, x.runs, errors.Join(err, written)
	}
	x.tell(Event{Kind: Ended})
	return x.report, x.runs, err
}

// unmadeRuns is the error of runs that left nothing: the first one's, since they mostly are all the same.
func (x *experimenter) unmadeRuns() error {
	if len(x.unmade) == 0 {
		return nil
	}
	return fmt.Errorf("%d runs could not be made: %w", len(x.unmade), x.unmade[0])
}

// fatal reports whether an error leaves nothing to report on but what was there before.
func fatal(err error) bool {
	return errors.Is(err, target.ErrUnreachable) || errors.Is(err, target.ErrRemote) || errors.Is(err, ErrElsewhere)
}

func (x *experimenter) carryOut(ctx context.Context) error {
	if err := x.recall(); err != nil {
		return err
	}
	if err := x.environment(); err != nil {
		return err
	}
	cells := x.plan.Matrix()
	sweeps := x.plan.SweepCells()
	if err := x.reach(ctx, append(slices.Clone(cells), sweeps...)); err != nil {
		return err
	}
	cells, sweeps = x.runnable(cells), x.runnable(sweeps)
	x.progress = newProgress(cells, x.done)
	for _, c := range sweeps {
		x.progress.foresee(c, x.outstanding(c))
	}
	x.tell(Event{Kind: Began, Text: x.Folder.Dir})
	for block := 1; block <= blocks(cells); block++ {
		if err := x.block(ctx, block, cells); err != nil || x.report.Partial {
			return err
		}
	}
	for _, c := range sweeps {
		if err := x.sweep(ctx, c); err != nil || x.report.Partial {
			return err
		}
	}
	return nil
}

// recall takes the runs that are in the folder already.
func (x *experimenter) recall() error {
	runs, err := x.Folder.Runs()
	if err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	for _, r := range runs {
		if !r.Partial {
			x.runs = append(x.runs, r)
			x.ran[key(r.Cell, r.Repeat)] = true
		}
	}
	x.recalled = len(x.runs)
	return nil
}

func key(cell string, repeat int) string { return fmt.Sprintf("%s/run-%d", cell, repeat) }

func (x *experimenter) done(cell string, repeat int) bool { return x.ran[key(cell, repeat)] }

// stopped reports whether no further run is to begin, and notes that something is left undone.
func (x *experimenter) stopped(ctx context.Context) bool {
	select {
	case <-x.Stop:
	case <-ctx.Done():
	default:
		return x.late()
	}
	x.report.Partial = true
	return true
}

// late reports whether the plan's time is over, and notes that something is left undone because of that.
func (x *experimenter) late() bool {
	limit := time.Duration(x.plan.MaxWall)
	if limit == 0 || time.Since(x.report.Started) < limit {
		return false
	}
	if !x.report.Partial {
		x.report.Absent = append(x.report.Absent, result.Absent{What: "the rest", Because: fmt.Sprintf("the plan's max_wall of %v is over", limit)})
	}
	x.report.Partial = true
	return true
}

// reach tries every target once, so that what is absent or does not answer is known before an hour has passed.
func (x *experimenter) reach(ctx context.Context, cells []plan.Cell) error {
	for _, t := range x.plan.Targets {
		wanted := slices.ContainsFunc(cells, func(c plan.Cell) bool { return c.Target.Name == t.Name && c.Skipped == "" })
		if !wanted {
			continue
		}
		i, err := target.Start(ctx, t, x.targetOptions())
		switch {
		case errors.Is(err, target.ErrAbsent):
			x.absent[t.Name] = err.Error()
			x.report.Absent = append(x.report.Absent, result.Absent{What: t.Name, Because: err.Error()})
			x.tell(Event{Kind: NotRun, Cell: t.Name, Text: err.Error()})
		case err != nil:
			return fmt.Errorf("target %s: %w", t.Name, err)
		default:
			x.instances[t.Name] = i
		}
	}
	return nil
}

func (x *experimenter) targetOptions() target.Options {
	return target.Options{Dir: x.Work, Server: x.Server, Remote: x.Remote, Cores: x.cores.Servers, Log: x.Log}
}

// runnable are the cells that can be run; of the others it is noted why not.
func (x *experimenter) runnable(cells []plan.Cell) (some []plan.Cell) {
	for _, c := range cells {
		switch {
		case x.absent[c.Target.Name] != "":
		case c.Skipped != "":
			x.report.Absent = append(x.report.Absent, result.Absent{What: c.Path(), Because: c.Skipped})
			x.tell(Event{Kind: NotRun, Cell: c.Path(), Text: c.Skipped})
		default:
			some = append(some, c)
		}
	}
	return some
}

func (x *experimenter) stopAll() error {
	var errs []error
	for _, i := range x.instances {
		errs = append(errs, i.Stop())
	}
	return errors.Join(errs...)
}

// tell tells of an event.
func (x *experimenter) tell(e Event) {
	if x.Events == nil {
		return
	}
	e.Time = time.Now().Round(0)
	if x.progress != nil {
		e.Progress = x.progress.now()
	}
	x.Events(e)
}
