package experiment

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/bench/stats"
)

// blocks is how many there are: each has every cell once that is repeated so often.
func blocks(cells []plan.Cell) (n int) {
	for _, c := range cells {
		n = max(n, c.Time.Repeats)
	}
	return n
}

// order is that of the cells in a block: drawn, so that a drift of the machine hits all alike, and the same for the same seed.
func order(cells []plan.Cell, seed uint64, block int) []plan.Cell {
	var some []plan.Cell
	for _, c := range cells {
		if block <= c.Time.Repeats {
			some = append(some, c)
		}
	}
	random := rand.New(rand.NewPCG(seed, uint64(block)))
	random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	return some
}

// block runs every cell once.
func (x *experimenter) block(ctx context.Context, number int, cells []plan.Cell) error {
	cells = order(cells, x.plan.Seed, number)
	if x.allDone(cells, number) || x.stopped(ctx) {
		return nil
	}
	calibration := x.calibrate(ctx)
	x.tell(Event{Kind: Block, Block: number, Blocks: blocks(x.plan.Matrix()), Calibration: &calibration})
	for i, c := range cells {
		if x.done(c.Path(), number) {
			continue
		}
		if x.stopped(ctx) {
			return nil
		}
		if i == 0 && x.plan.Restart == plan.RestartBlock && number > 1 {
			if err := x.refresh(ctx, slices.Collect(maps.Keys(x.instances))...); err != nil {
				return err
			}
		}
		if err := x.freshened(ctx, c); err != nil {
			return err
		}
		if err := x.once(ctx, c, number, number, &calibration); err != nil {
			return err
		}
		x.cool(ctx, time.Duration(c.Time.Cooldown))
	}
	return nil
}

func (x *experimenter) allDone(cells []plan.Cell, repeat int) bool {
	for _, c := range cells {
		if !x.done(c.Path(), repeat) {
			return false
		}
	}
	return true
}

// refresh gives targets a fresh process and an empty store.
func (x *experimenter) refresh(ctx context.Context, targets ...string) error {
	for _, name := range targets {
		if err := x.instances[name].Reset(ctx); err != nil {
			return fmt.Errorf("restart target %s: %w", name, err)
		}
	}
	return nil
}

// freshened refreshes the target of a run, if the plan wants that before each.
func (x *experimenter) freshened(ctx context.Context, c plan.Cell) error {
	if x.plan.Restart != plan.RestartRun || len(x.runs) == 0 {
		return nil
	}
	return x.refresh(ctx, c.Target.Name)
}

func (x *experimenter) cool(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-x.Stop:
	}
}

// once carries out one run of a cell and keeps what came of it. A run that could not be carried out is told of, and the
// others go on.
func (x *experimenter) once(ctx context.Context, c plan.Cell, repeat, block int, calibration *result.Calibration) error {
	x.tell(Event{Kind: RunBegan, Cell: c.Path(), Repeat: repeat, Repeats: c.Time.Repeats, Block: block, Blocks: blocks(x.plan.Matrix())})
	r := &run{experimenter: x, cell: c, repeat: repeat, block: block, instance: x.instances[c.Target.Name], seed: seedOf(c, repeat)}
	got, details, err := r.carryOut(ctx)
	x.progress.ended(c)
	if err != nil {
		x.tell(Event{Kind: RunFailed, Cell: c.Path(), Repeat: repeat, Repeats: c.Time.Repeats, Block: block, Text: brief(err)})
		x.Log.Error("run failed", "cell", c.Path(), "repeat", repeat, "error", err)
		if got == nil {
			x.unmade = append(x.unmade, fmt.Errorf("%s: %w", key(c.Path(), repeat), err))
			x.report.Absent = append(x.report.Absent, result.Absent{What: key(c.Path(), repeat), Because: brief(err)})
			return x.restore(ctx, c)
		}
	}
	got.Calibration = calibration
	if err := x.Folder.WriteRun(got, details); err != nil {
		return err
	}
	x.runs = append(x.runs, got)
	x.ran[key(got.Cell, repeat)] = true
	x.tell(Event{Kind: RunEnded, Cell: c.Path(), Repeat: repeat, Repeats: c.Time.Repeats, Block: block, Run: got, Status: got.Status})
	if got.Partial {
		return x.restore(ctx, c)
	}
	return nil
}

// restore starts a target anew whose last run went wrong, so that the next one has a sound one.
func (x *experimenter) restore(ctx context.Context, c plan.Cell) error {
	select {
	case <-ctx.Done(): // no other run comes
		return nil
	default:
		return x.refresh(ctx, c.Target.Name)
	}
}

// seedOf is a run's own seed: that of the plan and of which repeat it is. All cells of a block share it, so that they are
// offered the same.
func seedOf(c plan.Cell, repeat int) uint64 {
	return schedule.Stream(c.Seed, "repeat", repeat, 0).Uint64() >> 11 // so that JSON readers with floats keep it
}

// marked says which calibrations stand out: by more than three times the usual distance from the middle (MAD).
func marked(all []result.Calibration) {
	const far = 3
	p99 := make([]float64, len(all))
	for i, c := range all {
		p99[i] = float64(c.EchoP99NS)
	}
	middle, spread := stats.MiddleOf(p99), stats.MAD(p99)
	for i := range all {
		all[i].Marked = len(all) > 3 && spread > 0 && p99[i]-middle > far*spread
	}
}
