package experiment

import (
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
)

// progress tells how far an experiment is. A run is taken to last as long as its plan says and then as much longer, in
// proportion, as those before it did.
type progress struct {
	begun time.Time

	mu          sync.Mutex // guards what follows
	runs, total int
	done, whole time.Duration // as planned
}

// usualDrain is how long a drain is thought to take, if it may.
const usualDrain = 200 * time.Millisecond

// planned is how long a run takes.
func planned(c plan.Cell) time.Duration {
	t := c.Time
	return time.Duration(c.Load.Ramp+t.Warmup+t.Duration+t.Cooldown) + min(time.Duration(t.Drain), usualDrain)
}

func newProgress(p *plan.Plan, cells, sweeps []plan.Cell, ran func(cell string, repeat int) bool) *progress {
	g := &progress{begun: time.Now()}
	for _, c := range cells {
		for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
			if !ran(c.Path(), repeat) {
				g.expect(c)
			}
		}
	}
	for _, c := range sweeps {
		for range expectedLevels(p.Sweep) * p.Sweep.Repeats {
			g.expect(c)
		}
	}
	return g
}

// expect adds a run to those that will come.
func (g *progress) expect(c plan.Cell) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total++
	g.whole += planned(c)
}

// ended says that a run has.
func (g *progress) ended(c plan.Cell) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.runs++
	g.done += planned(c)
	g.total, g.whole = max(g.total, g.runs), max(g.whole, g.done)
}

// forget takes back so many runs that won't come.
func (g *progress) forget(c plan.Cell, runs int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for range runs {
		if g.total > g.runs {
			g.total--
			g.whole = max(g.whole-planned(c), g.done)
		}
	}
}

func (g *progress) now() Progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := Progress{Runs: g.runs, Total: g.total, Elapsed: time.Since(g.begun)}
	if g.whole > 0 {
		p.Share = float64(g.done) / float64(g.whole)
	}
	left := g.whole - g.done
	if g.done > 0 {
		left = time.Duration(float64(left) * float64(p.Elapsed) / float64(g.done))
	}
	p.Left = left
	return p
}
