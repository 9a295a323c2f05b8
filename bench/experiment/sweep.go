package experiment

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/stats"
)

// precision is how close a sweep comes to the point of saturation.
const precision = 0.05

// beyond is how many levels are run past saturation, to show what then happens.
const beyond = 2

// A search looks for the highest level that is carried. It is told of levels, and says which comes next; it knows neither
// time nor servers.
type search struct {
	coarse  []float64        // levels from low to high that have not been tried
	carried map[float64]bool // those that were
	past    int              // levels that were run above the first that was not carried
}

func newSearch(levels []plan.Rate) *search {
	s := &search{carried: map[float64]bool{}}
	for _, l := range levels {
		s.coarse = append(s.coarse, float64(l))
	}
	return s
}

// bounds are the highest level that was carried, below all that were not, and the lowest of these.
func (s *search) bounds() (low, high float64) {
	high = math.Inf(1)
	for rate, carried := range s.carried {
		if !carried {
			high = min(high, rate)
		}
	}
	for rate, carried := range s.carried {
		if carried && rate < high {
			low = max(low, rate)
		}
	}
	return low, high
}

// next gives the next level: from below until one isn't carried, then halves of what is left, then those above.
func (s *search) next() (rate float64, past, more bool) {
	low, high := s.bounds()
	switch {
	case math.IsInf(high, 1) && len(s.coarse) > 0:
		rate, s.coarse = s.coarse[0], s.coarse[1:]
		return rate, false, true
	case math.IsInf(high, 1):
		return 0, false, false // all were carried
	case low > 0 && high-low > precision*high:
		return between(low, high), false, true
	case s.past < beyond-1 && len(s.coarse) > 0: // the one that was not carried is the first of them
		s.past++
		rate, s.coarse = s.coarse[0], s.coarse[1:]
		return rate, true, true
	}
	return 0, false, false
}

// expected is how many levels are still to come, on average over where the limit may lie: between any two of them, or above all. Who chose
// them meant the lowest to be carried.
func (s *search) expected() float64 {
	low, high := s.bounds()
	if !math.IsInf(high, 1) {
		return halvings(low, high) + float64(min(beyond-1-s.past, len(s.coarse)))
	}
	sum, ways := float64(len(s.coarse)), 1.0 // if all are carried
	for i, level := range s.coarse {
		if low > 0 {
			sum += float64(i+1+min(beyond-1, len(s.coarse)-i-1)) + halvings(low, level)
			ways++
		}
		low = level
	}
	return sum / ways
}

// halvings is how many levels it takes, on average, to come from two levels, the lower of which is carried, as close as a sweep comes.
func halvings(low, high float64) float64 {
	if low == 0 || high-low <= precision*high {
		return 0
	}
	middle := between(low, high)
	return 1 + (halvings(low, middle)+halvings(middle, high))/2
}

// between is the middle, a whole number if there is one.
func between(low, high float64) float64 {
	if whole := math.Round((low + high) / 2); low < whole && whole < high {
		return whole
	}
	return (low + high) / 2
}

func (s *search) told(rate float64, carried bool) { s.carried[rate] = carried }

// sweep searches a cell's highest rate.
func (x *experimenter) sweep(ctx context.Context, c plan.Cell) error {
	s, found := newSearch(x.plan.Sweep.Levels()), newSweeping(c)
	for {
		rate, past, more := s.next()
		if !more || x.stopped(ctx) {
			break
		}
		runs, err := x.level(ctx, c.At(plan.Rate(rate)))
		if err != nil {
			if len(found.Levels) > 0 {
				x.report.Sweeps = append(x.report.Sweeps, found.finish(x.plan.Seed))
			}
			return err
		}
		if len(runs) == 0 {
			break // it was stopped, or could not be run
		}
		level := judge(runs, rate)
		level.Beyond = past
		if !past {
			s.told(rate, level.Carried)
		}
		found.add(level, runs)
		x.progress.foresee(c, x.outstanding(c))
		x.tell(Event{Kind: Level, Cell: level.Cell, Level: &level})
	}
	x.progress.foresee(c, 0)
	if len(found.Levels) > 0 {
		x.report.Sweeps = append(x.report.Sweeps, found.finish(x.plan.Seed))
	}
	return nil
}

// outstanding is about how many runs a sweep has still to come: those that were made, now or before, say how far it is.
func (x *experimenter) outstanding(c plan.Cell) int {
	s, repeats := newSearch(x.plan.Sweep.Levels()), x.plan.Sweep.Repeats
	for {
		levels := s.expected()
		rate, past, more := s.next()
		if !more {
			return 0
		}
		level := c.At(plan.Rate(rate)).Path()
		left := repeats
		for repeat := 1; repeat <= repeats; repeat++ {
			if x.done(level, repeat) {
				left--
			}
		}
		if left > 0 {
			return int(math.Round(max(levels-1, 0)*float64(repeats))) + left
		}
		if runs := x.whole(level); !past && len(runs) > 0 {
			s.told(rate, carriedBy(runs))
		} else if !past {
			return 0
		}
	}
}

// whole are the runs of a cell that were not broken off.
func (x *experimenter) whole(cell string) (runs []*result.Run) {
	for _, r := range x.runs {
		if r.Cell == cell && !r.Partial {
			runs = append(runs, r)
		}
	}
	return runs
}

// level runs one level so often as the sweep says, and gives the runs, those that were in the folder already among them.
func (x *experimenter) level(ctx context.Context, c plan.Cell) (runs []*result.Run, err error) {
	for repeat := 1; repeat <= c.Time.Repeats; repeat++ {
		if x.done(c.Path(), repeat) {
			continue
		}
		if x.stopped(ctx) {
			return nil, nil
		}
		if err := x.freshened(ctx, c); err != nil {
			return nil, err
		}
		if err := x.once(ctx, c, repeat, 0, nil); err != nil {
			return nil, err
		}
		x.cool(ctx, time.Duration(c.Time.Cooldown))
	}
	return x.whole(c.Path()), nil
}

// judge sums up the runs of a level: it is carried if the median run carried it.
func judge(runs []*result.Run, rate float64) result.SweepLevel {
	l := result.SweepLevel{Rate: rate, Cell: runs[0].Cell, Runs: len(runs), Carried: carriedBy(runs), Unfit: unfit(runs)}
	if !l.Carried {
		for _, r := range runs {
			l.Why = append(l.Why, r.Reasons...)
		}
		slices.Sort(l.Why)
		l.Why = slices.Compact(l.Why)
	}
	of := func(f func(*result.Run) float64) float64 {
		values := make([]float64, len(runs))
		for i, r := range runs {
			values[i] = f(r)
		}
		return stats.MiddleOf(values)
	}
	quantile := func(f func(result.Latency) *int64) *int64 {
		var values []float64
		for _, r := range runs {
			if ns := f(driven(r).Response); ns != nil {
				values = append(values, float64(*ns))
			}
		}
		if len(values) < len(runs) {
			return nil
		}
		ns := int64(stats.MiddleOf(values))
		return &ns
	}
	seconds := func(r *result.Run) float64 { return time.Duration(r.MeasuredNS).Seconds() }
	l.Achieved = of(func(r *result.Run) float64 { return float64(driven(r).Achieved) / seconds(r) })
	l.P50NS = quantile(func(r result.Latency) *int64 { return r.P50NS })
	l.P99NS = quantile(func(r result.Latency) *int64 { return r.P99NS })
	l.P999NS = quantile(func(r result.Latency) *int64 { return r.P999NS })
	l.ResponseMeanNS = int64(of(func(r *result.Run) float64 { return float64(driven(r).Response.MeanNS) }))
	l.Errors = of(errorShare)
	l.BytesPerS = of(func(r *result.Run) float64 { return float64(driven(r).Bytes) / seconds(r) })
	l.MinRate, l.MaxRate = of(func(r *result.Run) float64 { return r.Seconds.Min }), of(func(r *result.Run) float64 { return r.Seconds.Max })
	l.SDRate = of(func(r *result.Run) float64 { return r.Seconds.SD })
	return l
}

// unfit is in how many runs the generator was not fit.
func unfit(runs []*result.Run) (n int) {
	for _, r := range runs {
		if r.Status == result.InvalidGenerator {
			n++
		}
	}
	return n
}

// driven is what became of the operation that the rate drives.
func driven(r *result.Run) result.Operation { return r.Operations[result.Driving(r.Config).String()] }

func carriedBy(runs []*result.Run) bool {
	n := 0
	for _, r := range runs {
		switch r.Status {
		case result.Valid, result.Drifting, result.Suspicious:
			n++
		case result.InvalidGenerator:
			// Its times say nothing about the server, and the level says so. But one that kept up with bursts of a late generator
			// carries the rate, too: that is so if the generator is all there is to complain of.
			if len(r.Reasons) == 1 {
				n++
			}
		}
	}
	return 2*n > len(runs)
}

// A sweeping is a sweep under way.
type sweeping struct {
	result.Sweep
	runs map[float64][]*result.Run
}

func (s *sweeping) add(l result.SweepLevel, runs []*result.Run) {
	s.Levels = append(s.Levels, l)
	s.runs[l.Rate] = runs
}

// finish says where the point of saturation is, and the knee.
func (s *sweeping) finish(seed uint64) result.Sweep {
	slices.SortFunc(s.Levels, func(a, b result.SweepLevel) int { return cmp.Compare(a.Rate, b.Rate) })
	highest := saturation(s.runs, func(runs []*result.Run) []*result.Run { return runs })
	stopped := slices.IndexFunc(s.Levels, func(l result.SweepLevel) bool { return !l.Carried })
	s.Open = stopped < 0
	s.Unfit = stopped >= 0 && s.Levels[stopped].MostlyUnfit()
	s.Saturation = result.Figure{Value: highest, Unit: "1/s", Says: "The highest rate that was carried."}
	if s.Open {
		s.Saturation.Says = "The highest rate that was tried, and it was carried: saturation lies above it."
	}
	if s.Unfit {
		s.Saturation.Says = "The highest rate that was carried. Above it the generator was not fit: the server may carry more."
	}
	if low, high, sure := s.interval(seed); sure {
		s.Saturation.Low, s.Saturation.High = &low, &high
	}
	s.Knee = knee(s.Levels)
	return s.Sweep
}

// saturation is the highest level that is carried, below all that are not, by a choice of each level's runs.
func saturation(runs map[float64][]*result.Run, of func([]*result.Run) []*result.Run) float64 {
	s := &search{carried: map[float64]bool{}}
	for rate, all := range runs {
		s.told(rate, carriedBy(of(all)))
	}
	low, _ := s.bounds()
	return low
}

// interval is that of the point of saturation, by bootstrap over the repeats of each level. It takes three of them.
func (s *sweeping) interval(seed uint64) (low, high float64, sure bool) {
	for _, runs := range s.runs {
		if len(runs) < 3 {
			return 0, 0, false
		}
	}
	const draws = 1000
	random, all := rand.New(rand.NewPCG(seed, 4)), make([]float64, draws)
	for i := range all {
		all[i] = saturation(s.runs, func(runs []*result.Run) []*result.Run {
			drawn := make([]*result.Run, len(runs))
			for j := range drawn {
				drawn[j] = runs[random.IntN(len(runs))]
			}
			return drawn
		})
	}
	slices.Sort(all)
	return all[draws/40], all[draws-1-draws/40], len(s.runs) > 0
}

// knee is where the p99 leaves twice its floor, between the levels on both sides of that by their logarithms.
func knee(levels []result.SweepLevel) *result.Figure {
	levels = slices.DeleteFunc(slices.Clone(levels), func(l result.SweepLevel) bool { return l.MostlyUnfit() })
	floor := math.Inf(1)
	for _, l := range levels {
		if l.P99NS != nil {
			floor = min(floor, float64(*l.P99NS))
		}
	}
	for i, l := range levels {
		if l.P99NS == nil || float64(*l.P99NS) <= 2*floor {
			continue
		}
		at := l.Rate
		if i > 0 && levels[i-1].P99NS != nil {
			before, after := math.Log(float64(*levels[i-1].P99NS)), math.Log(float64(*l.P99NS))
			share := (math.Log(2*floor) - before) / (after - before)
			at = levels[i-1].Rate + min(max(share, 0), 1)*(l.Rate-levels[i-1].Rate)
		}
		return &result.Figure{Value: at, Unit: "1/s", Says: fmt.Sprintf("Where the p99 leaves twice its floor of %v.", time.Duration(floor).Round(time.Microsecond))}
	}
	return nil
}

// secondsOf is the spread of a run's rate over its whole seconds.
func secondsOf(seconds []measure.Second, k measure.Key) (r result.Rates) {
	var rates []float64
	for _, s := range seconds {
		if result.Measured(s.Phase) && s.To-s.From >= time.Second/2 {
			rates = append(rates, float64(s.By[k].Achieved)/(s.To-s.From).Seconds())
		}
	}
	if len(rates) == 0 {
		return r
	}
	return result.Rates{Min: slices.Min(rates), Max: slices.Max(rates), SD: stats.SD(rates)}
}
