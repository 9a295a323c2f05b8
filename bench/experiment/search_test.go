package experiment

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// A trace is what a search tried.
type trace struct{ tried, past []float64 }

// look carries a search out on a server that carries what capacity says.
func look(t interface{ Fatalf(string, ...any) }, levels []plan.Rate, carries func(rate float64) bool) (trace, *search) {
	s, all := newSearch(levels), trace{}
	for range 200 {
		rate, past, more := s.next()
		if !more {
			return all, s
		}
		if past {
			all.past = append(all.past, rate)
			continue
		}
		all.tried = append(all.tried, rate)
		s.told(rate, carries(rate))
	}
	t.Fatalf("the search has no end: %v", all.tried[:20])
	return all, s
}

func upTo(capacity float64) func(float64) bool {
	return func(rate float64) bool { return rate <= capacity }
}

func TestTheSearchHalvesAndGoesBeyond(t *testing.T) {
	levels := []plan.Rate{100, 200, 400, 800, 1600, 3200, 6400}
	for _, c := range []struct {
		capacity    float64
		tried, past []float64
		found       float64
	}{
		{1000, []float64{100, 200, 400, 800, 1600, 1200, 1000, 1100, 1050}, []float64{3200}, 1000},
		{6400, []float64{100, 200, 400, 800, 1600, 3200, 6400}, nil, 6400},
		{50, []float64{100}, []float64{200}, 0},
		{5000, []float64{100, 200, 400, 800, 1600, 3200, 6400, 4800, 5600, 5200, 5000}, nil, 5000},
	} {
		got, s := look(t, levels, upTo(c.capacity))
		low, _ := s.bounds()
		if !slices.Equal(got.tried, c.tried) || !slices.Equal(got.past, c.past) || low != c.found {
			t.Errorf("a server of %v/s: tried %v, past %v, found %v; want %v, %v, %v", c.capacity, got.tried, got.past, low, c.tried, c.past, c.found)
		}
	}
}

// Wherever the limit of a server is, the search ends, comes as close as it says, tries nothing twice and goes beyond.
func TestTheSearchFindsAnyLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sweep := plan.Sweep{Low: plan.Rate(rapid.Float64Range(0.1, 50).Draw(t, "low")), Factor: rapid.Float64Range(1.05, 10).Draw(t, "factor")}
		sweep.High = sweep.Low * plan.Rate(rapid.Float64Range(1, 1000).Draw(t, "span"))
		levels := sweep.Levels()
		capacity := rapid.Float64Range(0, 2*float64(sweep.High)).Draw(t, "capacity")
		got, s := look(t, levels, upTo(capacity))
		low, high := s.bounds()
		all := slices.Concat(got.tried, got.past)
		slices.Sort(all)
		switch {
		case len(slices.Compact(all)) != len(got.tried)+len(got.past):
			t.Errorf("%v and %v: something was tried twice", got.tried, got.past)
		case low > capacity || high <= capacity:
			t.Errorf("the limit %v is not between %v and %v", capacity, low, high)
		case !math.IsInf(high, 1) && low > 0 && high-low > precision*high:
			t.Errorf("the limit %v is between %v and %v, which is too far", capacity, low, high)
		case low == 0 && float64(levels[0]) <= capacity:
			t.Errorf("nothing was found of a server of %v, from %v on", capacity, levels[0])
		}
		if first := slices.IndexFunc(levels, func(l plan.Rate) bool { return float64(l) > capacity }); first >= 0 {
			if want := min(beyond-1, len(levels)-first-1); len(got.past) != want {
				t.Errorf("%d levels beyond %v, want %d", len(got.past), levels[first], want)
			}
		}
	})
}

// A server that answers by chance can't keep the search from its end.
func TestTheSearchEndsOnAnyAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sweep := plan.Sweep{Low: plan.Rate(rapid.IntRange(1, 50).Draw(t, "low")), Step: plan.Rate(rapid.IntRange(1, 50).Draw(t, "step"))}
		sweep.High = sweep.Low + plan.Rate(rapid.IntRange(0, 500).Draw(t, "span"))
		got, s := look(t, sweep.Levels(), func(float64) bool { return rapid.Bool().Draw(t, "carried") })
		if low, high := s.bounds(); low >= high || len(got.tried) == 0 {
			t.Errorf("found %v to %v", low, high)
		}
	})
}

func level(rate float64, p99 time.Duration) result.SweepLevel {
	ns := int64(p99)
	return result.SweepLevel{Rate: rate, P99NS: &ns, Carried: true}
}

func TestTheKneeIsWhereTheTailDoubles(t *testing.T) {
	const ms = time.Millisecond
	k := knee([]result.SweepLevel{level(100, 10*ms), level(200, 10*ms), level(400, 40*ms)})
	if k == nil || math.Abs(k.Value-300) > 1 { // half of the way from 10 to 40, by logarithms
		t.Errorf("the knee is %+v, want 300/s", k)
	}
	if k := knee([]result.SweepLevel{level(100, 10*ms), level(200, 15*ms), {Rate: 300}}); k != nil {
		t.Errorf("a knee at %v, though the tail never doubles", k.Value)
	}
	if k := knee(nil); k != nil {
		t.Errorf("a knee of nothing: %+v", k)
	}
}

// carriedRuns are repeats of a level, so many of which carried it.
func carriedRuns(carried, of int) []*result.Run {
	all := make([]*result.Run, of)
	for i := range all {
		all[i] = &result.Run{Status: result.Saturated, Reasons: []string{"The backlog grows."}}
		if i < carried {
			all[i] = &result.Run{Status: result.Valid}
		}
	}
	return all
}

// The point of saturation has an interval if levels were repeated.
func TestSaturationHasAnInterval(t *testing.T) {
	s := sweeping{runs: map[float64][]*result.Run{100: carriedRuns(5, 5), 200: carriedRuns(3, 5), 300: carriedRuns(0, 5)}}
	s.Levels = []result.SweepLevel{level(300, time.Second), level(100, time.Second), level(200, time.Second)}
	s.Levels[0].Carried = false
	got := s.finish(1)
	if got.Saturation.Value != 200 || got.Open || got.Levels[0].Rate != 100 || got.Levels[2].Rate != 300 {
		t.Errorf("saturation %v, open %v", got.Saturation.Value, got.Open)
	}
	if got.Saturation.Low == nil || *got.Saturation.Low != 100 || *got.Saturation.High != 200 {
		t.Errorf("its interval is %v to %v, want 100 to 200: a draw of the runs may say either", got.Saturation.Low, got.Saturation.High)
	}
	s.runs[100] = carriedRuns(2, 2)
	if got := s.finish(1); got.Saturation.Low != nil {
		t.Error("two repeats have an interval")
	}
}

// Where the generator was not fit at the level that was not carried, the server may carry more.
func TestASweepThatEndsWithTheGenerator(t *testing.T) {
	late := func(n int) (runs []*result.Run) {
		for range n {
			runs = append(runs, &result.Run{Status: result.InvalidGenerator, Reasons: []string{"The generator was not fit.", "The backlog grows."}})
		}
		return runs
	}
	for _, c := range []struct {
		runs []*result.Run
		want bool
	}{{late(3), true}, {append(late(2), carriedRuns(0, 1)...), true}, {append(late(1), carriedRuns(0, 2)...), false}, {carriedRuns(0, 3), false}} {
		s := sweeping{runs: map[float64][]*result.Run{100: carriedRuns(3, 3), 200: c.runs}}
		s.Levels = []result.SweepLevel{level(100, time.Second), level(200, time.Second)}
		s.Levels[1].Carried, s.Levels[1].Runs, s.Levels[1].Unfit = false, len(c.runs), unfit(c.runs)
		if got := s.finish(1); got.Unfit != c.want || got.AtLeast() != c.want || got.Saturation.Value != 100 {
			t.Errorf("%d of %d runs were unfit: %+v", s.Levels[1].Unfit, len(c.runs), got)
		}
	}
}

// Runs of sweeps are sweeps again, as far as they came.
func TestSweepsAreFoundAmongRuns(t *testing.T) {
	var runs []*result.Run
	for _, rate := range []float64{200, 100} {
		c := plan.Cell{Target: plan.Target{Name: "memory"}, API: "1.1", Workload: plan.Workload{Name: "work-queue"}, Sweep: true}
		c = c.At(plan.Rate(rate))
		for n := range 2 {
			r := &result.Run{Status: result.Valid, Config: c, Cell: c.Path(), Repeat: n + 1, MeasuredNS: int64(time.Second)}
			if rate > 100 {
				r.Status = result.Saturated
			}
			runs = append(runs, r)
		}
	}
	runs = append(runs, &result.Run{Status: result.Valid, Cell: "work-queue/memory/v1.1/p1/rate-5"})
	got := sweepsOf(runs, 1)
	if len(got) != 1 || len(got[0].Levels) != 2 || got[0].Saturation.Value != 100 || got[0].Target != "memory" || got[0].Levels[0].Runs != 2 {
		t.Errorf("there are %+v", got)
	}
}

// A generator that was late, and a server that kept up all the same.
func TestALateGeneratorIsNotTheServersFault(t *testing.T) {
	late := &result.Run{Status: result.InvalidGenerator, Reasons: []string{"The generator was not fit."}}
	both := &result.Run{Status: result.InvalidGenerator, Reasons: []string{"The generator was not fit.", "The backlog grows."}}
	for _, c := range []struct {
		runs []*result.Run
		want bool
	}{
		{[]*result.Run{late}, true}, {[]*result.Run{both}, false}, {[]*result.Run{late, both, late}, true}, {[]*result.Run{late, both}, false},
		{carriedRuns(1, 2), false}, {carriedRuns(2, 3), true}, {[]*result.Run{{Status: result.Drifting}}, true}, {[]*result.Run{{Status: result.Invalid}}, false},
	} {
		if got := carriedBy(c.runs); got != c.want {
			t.Errorf("carried by %v: %v, want %v", c.runs, got, c.want)
		}
	}
}
