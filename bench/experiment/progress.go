package experiment

import (
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
)

// progress tells how far an experiment is. A run is taken to last as long as its plan says and then as much longer as those
// before it did on average: what comes on top, such as making queues and writing files, is about the same for short and long.
type progress struct {
	elapsed func() time.Duration // since it began

	mu          sync.Mutex // guards what follows
	runs, total int
	done, whole time.Duration // as planned
	last        time.Duration // when the last run ended

	foreseen map[string]int // runs of sweeps that are still to come, by their cell without a level
}

// usualDrain is how long a drain is thought to take, if it may.
const usualDrain = 200 * time.Millisecond

// planned is how long a run takes.
func planned(c plan.Cell) time.Duration {
	t := c.Time
	return time.Duration(c.Load.Ramp+t.Warmup+t.Duration+t.Cooldown) + min(time.Duration(t.Drain), usualDrain)
}

// newProgress is that of these cells. What sweeps have is foreseen later.
func newProgress(cells []plan.Cell, ran func(cell string, repeat int) bool) *progress {
	begun := time.Now()
	g := &progress{elapsed: func() time.Duration { return time.Since(begun) }, foreseen: map[string]int{}}
	for _, c := range cells {
		for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
			if !ran(c.Path(), repeat) {
				g.expect(c)
			}
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
	g.last = g.elapsed()
	g.done += planned(c)
	if c.Sweep {
		g.foreseen[swept(c)]--
	}
	g.total, g.whole = max(g.total, g.runs), max(g.whole, g.done)
}

// foresee says how many runs of a sweep are still to come, in place of what was said before.
func (g *progress) foresee(c plan.Cell, runs int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	more := runs - g.foreseen[swept(c)]
	g.foreseen[swept(c)] = runs
	g.total = max(g.total+more, g.runs)
	g.whole = max(g.whole+time.Duration(more)*planned(c), g.done)
}

// swept is the path of a sweep's cell without its level.
func swept(c plan.Cell) string {
	path := c.Path()
	return path[:strings.LastIndex(path, "/")]
}

func (g *progress) now() Progress {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := Progress{Runs: g.runs, Total: g.total, Elapsed: g.elapsed(), Left: g.whole - g.done}
	if g.whole > 0 {
		p.Share = float64(g.done) / float64(g.whole)
	}
	if g.runs > 0 {
		onTop := (g.last - g.done) / time.Duration(g.runs)
		p.Left += onTop * time.Duration(g.total-g.runs)
	}
	p.Left = max(p.Left-(p.Elapsed-g.last), 0) // the run at hand has begun
	return p
}
