package plan

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// An Estimate is what a plan is going to take.
type Estimate struct {
	Cells    int // that are run, those of sweeps included
	Skipped  int
	Runs     int           // at fixed levels, and of the first levels of sweeps
	Wall     time.Duration // about; sweeps end earlier where a level isn't carried
	Longest  time.Duration // if every drain takes as long as it may and every sweep goes to its end
	Messages float64       // about; those of closed loops aren't known
	Closed   int           // runs in closed loops
}

// What takes time beside the runs. Drains mostly end at once: what is left is what was on its way.
const (
	usualDrain  = 300 * time.Millisecond
	startTime   = 400 * time.Millisecond // of a server with its backend
	calibration = 3 * time.Second        // before each block
)

// Estimate adds up the plan.
func (p *Plan) Estimate() Estimate {
	var e Estimate
	blocks := 0
	for _, c := range p.Matrix() {
		if c.Skipped != "" {
			e.Skipped++
			continue
		}
		e.Cells++
		e.add(c, c.Time.Repeats)
		blocks = max(blocks, c.Time.Repeats)
	}
	for _, c := range p.SweepCells() {
		if c.Skipped != "" {
			e.Skipped++
			continue
		}
		e.Cells++
		e.sweep(c, p.Sweep)
	}
	rest := time.Duration(blocks)*(calibration+startTime*time.Duration(p.started())) + startTime*time.Duration(len(p.SweepCells()))
	e.Wall += rest
	e.Longest += rest
	return e
}

func (p *Plan) started() (n int) {
	for _, t := range p.Targets {
		if t.Start != nil {
			n++
		}
	}
	return n
}

func (e *Estimate) add(c Cell, runs int) {
	e.Runs += runs
	length := time.Duration(c.Load.Ramp + c.Time.Warmup + c.Time.Duration + c.Time.Cooldown)
	drain := time.Duration(c.Time.Drain)
	e.Wall += time.Duration(runs) * (length + min(drain, usualDrain))
	e.Longest += time.Duration(runs) * (length + drain)
	if c.Level.Mode == ClosedLoop {
		e.Closed += runs
		return
	}
	e.Messages += float64(runs) * posted(c.Workload, c.Load, c.Time, Rate(c.Level.Rate))
}

// sweep counts the levels up to the highest; the bisection, and the two levels beyond, count for the longest time alone.
func (e *Estimate) sweep(c Cell, s *Sweep) {
	levels := s.Levels()
	for _, rate := range levels {
		e.add(c.At(rate), s.Repeats)
	}
	gap := float64(s.High)/float64(levels[max(0, len(levels)-2)]) - 1
	bisections := int(math.Ceil(math.Log2(max(1, gap/0.05)))) + 2
	length := time.Duration(c.Load.Ramp + c.Time.Warmup + c.Time.Duration + c.Time.Drain + c.Time.Cooldown)
	e.Longest += time.Duration(bisections*s.Repeats) * length
}

// Show writes the matrix and the estimate for people to read, as plan --check does.
func (p *Plan) Show(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "cell\truns\twarm-up\tmeasured\t\n")
	for _, c := range p.Matrix() {
		showCell(table, c, c.Path())
	}
	for _, c := range p.SweepCells() {
		levels := strings.Join(asText(p.Sweep.Levels(), Rate.String), " ")
		showCell(table, c, strings.TrimSuffix(c.Path(), "sweep-rate-0")+"sweep of "+levels)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	e := p.Estimate()
	_, err := fmt.Fprintf(w, "\n%d cells, %d runs, %d cells skipped; about %s, at most %s; about %.3g messages", e.Cells, e.Runs, e.Skipped,
		e.Wall.Round(time.Second), e.Longest.Round(time.Second), e.Messages)
	if err == nil && e.Closed > 0 {
		_, err = fmt.Fprintf(w, " and those of %d runs in closed loops", e.Closed)
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

func showCell(w io.Writer, c Cell, name string) {
	if c.Skipped != "" {
		fmt.Fprintf(w, "%s\t0\t\t\tskipped: %s\n", name, c.Skipped)
		return
	}
	fmt.Fprintf(w, "%s\t%d\t%s\t%s\t\n", name, c.Time.Repeats, c.Time.Warmup, c.Time.Duration)
}
