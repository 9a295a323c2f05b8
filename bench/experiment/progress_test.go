package experiment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// pretended carries out a plan of fixed runs and sweeps in no time, and gives how far the end that was expected after a quarter of it lay
// from the real one.
func pretended(t *testing.T, fixed, sweeps int, random *rand.Rand) float64 {
	t.Helper()
	s := &plan.Sweep{Low: 100, High: plan.Rate(800 * (1 + random.IntN(20))), Factor: 2, Repeats: 1 + random.IntN(3)}
	if random.IntN(2) == 0 {
		s.Factor, s.Step = 0, s.High/10
	}
	now, expected := time.Duration(0), time.Duration(0)
	x := &experimenter{plan: &plan.Plan{Sweep: s}, ran: map[string]bool{}}
	second := plan.Cell{Time: plan.Time{Repeats: 1, Duration: plan.Duration(time.Second)}}
	var cells []plan.Cell
	for range fixed {
		cells = append(cells, second)
	}
	x.progress = newProgress(cells, x.done)
	x.progress.elapsed = func() time.Duration { return now }
	second.Sweep = true
	swept := make([]plan.Cell, sweeps)
	for i := range swept {
		swept[i] = second
		swept[i].Workload.Name = fmt.Sprint("w", i)
		x.progress.foresee(swept[i], x.outstanding(swept[i]))
	}
	run := func(c plan.Cell) {
		now += planned(c) + 100*time.Millisecond
		x.progress.ended(c)
		if p := x.progress.now(); expected == 0 && p.Share >= 0.25 {
			expected = p.Elapsed + p.Left
		}
	}
	for _, c := range cells {
		run(c)
	}
	for _, c := range swept {
		limit := float64(s.Low) + float64(s.High)*1.1*random.Float64()
		for search := newSearch(s.Levels()); ; {
			rate, past, more := search.next()
			if !more {
				break
			}
			status := result.Valid
			if rate > limit {
				status = result.Saturated
			}
			at := c.At(plan.Rate(rate))
			for repeat := 1; repeat <= s.Repeats; repeat++ {
				run(at)
				x.runs = append(x.runs, &result.Run{Cell: at.Path(), Repeat: repeat, Status: status})
				x.ran[key(at.Path(), repeat)] = true
			}
			if !past {
				search.told(rate, rate <= limit)
			}
			x.progress.foresee(c, x.outstanding(c))
		}
		if left := x.outstanding(c); left != 0 {
			t.Errorf("a sweep has ended, and %d of its runs are still to come", left)
		}
	}
	if p := x.progress.now(); p.Share != 1 || p.Left != 0 || p.Runs != p.Total {
		t.Errorf("at the end there is %+v", p)
	}
	return float64(expected)/float64(now) - 1
}

// Where sweeps end is not known before: but of plans with several, the end that is expected after a quarter is right within a fifth in
// nineteen of twenty.
func TestTheExpectedEndOfSweepsIsRight(t *testing.T) {
	const plans = 300
	for _, test := range []struct{ fixed, sweeps int }{{0, 2}, {0, 4}, {8, 2}, {16, 1}} {
		random, right := rand.New(rand.NewPCG(1, 1)), 0
		for range plans {
			if off := pretended(t, test.fixed, test.sweeps, random); off > -0.2 && off < 0.2 {
				right++
			}
		}
		if right < plans*19/20 {
			t.Errorf("of %d plans with %d fixed runs and %d sweeps, the end of %d was expected within a fifth", plans, test.fixed, test.sweeps, right)
		}
	}
}

// Of a sweep that goes on what is still to come is known from the runs that are there.
func TestWhatIsLeftOfASweep(t *testing.T) {
	c := plan.Cell{Sweep: true}
	x := &experimenter{plan: &plan.Plan{Sweep: &plan.Sweep{Low: 100, High: 400, Factor: 2, Repeats: 2}}, ran: map[string]bool{}}
	made := func(rate float64, repeat int, s result.Status) {
		at := c.At(plan.Rate(rate)).Path()
		x.runs = append(x.runs, &result.Run{Cell: at, Repeat: repeat, Status: s})
		x.ran[key(at, repeat)] = true
	}
	// Three levels, three to five halvings, and none beyond the highest.
	if n := x.outstanding(c); n < 6 || n > 16 {
		t.Errorf("at first %d runs are to come", n)
	}
	for _, rate := range []float64{100, 200} {
		made(rate, 1, result.Valid)
		made(rate, 2, result.Valid)
	}
	made(400, 1, result.Saturated)
	half := x.outstanding(c)
	made(400, 2, result.Saturated)
	last := x.outstanding(c)
	if last < 6 || last > 10 || half < 2 || half > 11 {
		t.Errorf("with a run of 400 to come there are %d, and after it %d", half, last)
	}
	for _, rate := range []float64{300, 250, 225, 213, 207} {
		made(rate, 1, result.Saturated)
		made(rate, 2, result.Saturated)
		n := x.outstanding(c)
		if n >= last || (n == 0) != (rate == 207) {
			t.Errorf("after %v there are %d to come, and %d were before", rate, n, last)
		}
		last = n
	}
}

// A sweep that is stopped between two levels, and then between two runs of one, goes on from there and finds what it looks for.
func TestAStoppedSweepGoesOn(t *testing.T) {
	needsTime(t)
	const capacity = 200
	p := parse(t, fmt.Sprintf(`plan: stopped
targets: [{name: capped, url: %q, api: [1.1]}]
workloads: [{use: pub-sub, producers: 4, observers: 0, messages: {size: 100B}}]
load: {rates: [50], arrivals: even, connections: 64}
time: {warmup: 50ms, duration: 200ms, drain: 3s, cooldown: 0s, repeats: 1}
sweep: {low: 75, high: 600, factor: 2, duration: 700ms, repeats: 2}
`, capped(t, startMemory(t), capacity)))
	attempts(t, func() string {
		o := options(t, p)
		made := map[string]int{}
		// stage carries the plan out until an event that is the last.
		stage := func(last func(Event) bool) (*result.Experiment, int) {
			stop, stopped, first := make(chan struct{}), false, -1
			o.Stop, o.Events = stop, func(e Event) {
				switch e.Kind {
				case Began:
					first = e.Progress.Total
				case RunBegan:
					made[key(e.Cell, e.Repeat)]++
				}
				if !stopped && last(e) {
					stopped = true
					close(stop)
				}
			}
			report, _ := carry(t, p, o)
			return report, first
		}
		report, _ := stage(func(e Event) bool { return e.Kind == Level && !e.Level.Carried })
		if !report.Partial || len(report.Sweeps) != 1 || report.Sweeps[0].Open {
			t.Fatalf("stopped at the first level that is not carried: cut short %v, %+v", report.Partial, report.Sweeps)
		}
		before := len(report.Sweeps[0].Levels)
		report, _ = stage(func(e Event) bool { return e.Kind == RunEnded && e.Repeat == 1 })
		if !report.Partial || len(report.Sweeps) != 1 || len(report.Sweeps[0].Levels) != before {
			t.Fatalf("stopped in a level: cut short %v, %+v after %d levels", report.Partial, report.Sweeps, before)
		}
		runs := len(made)
		report, expected := stage(func(Event) bool { return false })
		if report.Partial || len(report.Sweeps) != 1 {
			t.Fatalf("gone on with: cut short %v, %+v", report.Partial, report.Sweeps)
		}
		for run, n := range made {
			if n != 1 {
				t.Errorf("%s was made %d times", run, n)
			}
		}
		s := report.Sweeps[0]
		for _, l := range s.Levels {
			if l.Runs != 2 {
				t.Errorf("level %v/s has %d runs", l.Rate, l.Runs)
			}
		}
		above := math.Inf(1)
		for _, l := range s.Levels {
			if !l.Carried && !l.Beyond {
				above = min(above, l.Rate)
			}
		}
		low := s.Saturation.Value // how near it is to the server's limit is for TestASweepFindsTheLimit, on a machine that is not busy
		switch left := len(made) - runs; {
		case low < 75:
			return "The generator was not fit: not even the lowest rate was carried: " + told(s)
		case low > capacity || above-low > precision*above || !s.Levels[len(s.Levels)-1].Beyond:
			t.Errorf("saturation at %v/s of %d/s: %s", low, capacity, told(s))
		case expected < left-3 || expected > left+3:
			t.Errorf("when it went on %d runs were expected, and %d came: %s", expected, left, told(s))
		}
		return ""
	})
}

// The end of a plan with a sweep is where it was expected after a quarter of it, within a fifth.
func TestTheEndOfASweepIsWhereItWasExpected(t *testing.T) {
	needsTime(t)
	p := parse(t, fmt.Sprintf(`plan: expected
targets: [{name: capped, url: %q, api: [1.1]}]
workloads: [{use: pub-sub, producers: 4, observers: 0, messages: {size: 100B}}]
load: {rates: [50, 60, 70], arrivals: even, connections: 64}
time: {warmup: 50ms, duration: 350ms, drain: 3s, cooldown: 0s, repeats: 2}
sweep: {low: 75, high: 600, factor: 2, duration: 400ms, repeats: 1}
`, capped(t, startMemory(t), 200)))
	attempts(t, func() string { return wrongEnd(t, p) })
}
