package plan

import (
	"math"
	"slices"
)

// MaxCells bounds the matrix of a plan, what is swept included.
const MaxCells = 10_000

// Matrix is what is run at fixed levels, the cells that are skipped included, with the reason. The order is that of the
// plan: workloads and their variants, then targets, versions, levels. Which of them runs when is another matter.
func (p *Plan) Matrix() []Cell {
	var cells []Cell
	for _, c := range p.combine() {
		for _, level := range p.LoadOf(c.Workload).levels() {
			c.Level = level
			cells = append(cells, c.settled())
		}
	}
	return cells
}

// SweepCells are those of which a sweep looks for the highest rate that is carried, without a level: [Cell.At] gives one.
// Their times and repeats are the sweep's. Nothing fails on purpose in a sweep.
func (p *Plan) SweepCells() []Cell {
	if p.Sweep == nil {
		return nil
	}
	var cells []Cell
	for _, c := range p.combine() {
		if !p.Sweep.has(c) {
			continue
		}
		c.Sweep, c.Faults = true, nil
		c.Level = Level{Mode: OpenLoop}
		c.Time.Duration, c.Time.Repeats = p.Sweep.Duration, p.Sweep.Repeats
		cells = append(cells, c.settled())
	}
	return cells
}

// An unsettled cell still knows the name of its workload before it was varied.
type unsettled struct {
	Cell
	base string
}

// settled drops from the workload what now is the cell's own.
func (c unsettled) settled() Cell {
	c.Load.Rates, c.Load.Clients = nil, nil
	c.Workload.Load, c.Workload.Time, c.Workload.Faults = nil, nil, nil
	return c.Cell
}

// combine gives workloads × targets × versions.
func (p *Plan) combine() []unsettled {
	var out []unsettled
	for _, w := range p.Workloads {
		for _, v := range p.variants(w) {
			for _, t := range p.Targets {
				for _, api := range t.API {
					c := unsettled{base: v.base, Cell: Cell{
						Plan: p.Name, Target: t, API: api, Workload: v.Workload, Seed: p.Seed,
						Load: p.LoadOf(v.Workload), Time: p.TimeOf(v.Workload), Faults: p.FaultsOf(v.Workload),
					}}
					c.Skipped = p.skips(c)
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// skips gives the reason for which a cell isn't run.
func (p *Plan) skips(c unsettled) string {
	for _, s := range p.Skip {
		if s.matches(c) {
			return s.Because
		}
	}
	return lacks(c.API, c.Workload)
}

func (s Skip) matches(c unsettled) bool {
	return (s.Target == "" || s.Target == c.Target.Name) &&
		(s.Workload == "" || s.Workload == c.base || s.Workload == c.Workload.Name) &&
		(s.API == "" || s.API == c.API)
}

// LoadOf is the load of a workload: its own or the plan's.
func (p *Plan) LoadOf(w Workload) Load {
	if w.Load != nil {
		return *w.Load
	}
	return p.Load
}

// TimeOf is how long the runs of a workload take: as it says or as the plan does.
func (p *Plan) TimeOf(w Workload) Time {
	if w.Time != nil {
		return *w.Time
	}
	return p.Time
}

// FaultsOf are those that happen in the runs of a workload: its own or the plan's.
func (p *Plan) FaultsOf(w Workload) []Fault {
	if w.Faults != nil {
		return w.Faults
	}
	return p.Faults
}

func (l Load) levels() []Level {
	var levels []Level
	if l.Mode == ClosedLoop {
		for _, n := range l.Clients {
			levels = append(levels, Level{Mode: ClosedLoop, Clients: n})
		}
		return levels
	}
	for _, r := range l.Rates {
		levels = append(levels, Level{Mode: OpenLoop, Rate: float64(r)})
	}
	return levels
}

// has says whether the cell is swept. Without a list all are.
func (s *Sweep) has(c unsettled) bool {
	in := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return in(s.Only, c.base) && in(s.Targets, c.Target.Name) && in(s.API, c.API)
}

// Levels are those that a sweep tries first, from the lowest: it bisects between the last that is carried and the next.
func (s *Sweep) Levels() []Rate {
	var levels []Rate
	for r := s.Low; r < s.High && len(levels) < maxLevels; {
		levels = append(levels, r)
		next := s.Low + Rate(len(levels))*s.Step
		if s.Step == 0 {
			next = Rate(float64(s.Low) * math.Pow(s.Factor, float64(len(levels))))
		}
		if next >= 100 {
			next = Rate(math.Round(float64(next))) // 337.5/s would be a longer name, not a better level
		}
		r = max(next, r+1e-3)
	}
	return append(levels, s.High)
}

// maxLevels bounds a sweep.
const maxLevels = 200
