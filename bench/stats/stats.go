// Package stats says how sure a figure is that was measured a few times.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/stat"
)

// confidence is that of all intervals.
const confidence = 0.95

// resamples is how often a bootstrap draws.
const resamples = 10_000

// An Interval is a figure and where it lies with 95 % confidence. With too little to go by it is the whole line.
type Interval struct {
	Value, Low, High float64
}

// Sure reports whether the interval has two ends.
func (i Interval) Sure() bool {
	return !math.IsInf(i.Low, 0) && !math.IsInf(i.High, 0) && !math.IsNaN(i.Value)
}

func unsure(value float64) Interval {
	return Interval{Value: value, Low: math.Inf(-1), High: math.Inf(1)}
}

// Median is the median of values and its interval, which rests on their order alone and so on no assumption about how they
// are distributed. Fewer than six values are too few for one.
func Median(values []float64) Interval {
	if len(values) == 0 {
		return unsure(math.NaN())
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), confidence)
	return Interval{Value: s.Center, Low: s.Lo, High: s.Hi}
}

// Bootstrap is the interval of a figure of values: those of many samples drawn from them, with putting back (Efron, 1979).
// Fewer than three values are too few. The same seed draws the same.
func Bootstrap(seed uint64, values []float64, figure func([]float64) float64) Interval {
	value := figure(slices.Clone(values))
	if len(values) < 3 {
		return unsure(value)
	}
	random, sample, all := rand.New(rand.NewPCG(seed, 1)), make([]float64, len(values)), make([]float64, resamples)
	for i := range all {
		all[i] = figure(redrawn(random, values, sample))
	}
	return percentiles(value, all)
}

// Shift is by how much the median of b is above that of a, with a bootstrap interval. It takes three values of each.
func Shift(seed uint64, a, b []float64) Interval {
	value := middle(slices.Clone(b)) - middle(slices.Clone(a))
	if len(a) < 3 || len(b) < 3 {
		return unsure(value)
	}
	random, all := rand.New(rand.NewPCG(seed, 2)), make([]float64, resamples)
	fromA, fromB := make([]float64, len(a)), make([]float64, len(b))
	for i := range all {
		all[i] = middle(redrawn(random, b, fromB)) - middle(redrawn(random, a, fromA))
	}
	return percentiles(value, all)
}

// Slope is that of the line through values at times (least squares), with a bootstrap interval over the points.
func Slope(seed uint64, times, values []float64) Interval {
	if len(times) < 2 {
		return unsure(math.NaN())
	}
	_, slope := stat.LinearRegression(times, values, nil, false)
	if len(times) < 4 {
		return unsure(slope)
	}
	random, all := rand.New(rand.NewPCG(seed, 3)), make([]float64, 0, resamples)
	x, y := make([]float64, len(times)), make([]float64, len(times))
	for range resamples {
		for i := range x {
			j := random.IntN(len(times))
			x[i], y[i] = times[j], values[j]
		}
		if _, s := stat.LinearRegression(x, y, nil, false); !math.IsNaN(s) && !math.IsInf(s, 0) { // all of one time
			all = append(all, s)
		}
	}
	return percentiles(slope, all)
}

// SD is the standard deviation of values; of fewer than two it is 0.
func SD(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	return stat.StdDev(values, nil)
}

// MAD is the median of the distances from the median: a spread that a few wild values don't move.
func MAD(values []float64) float64 {
	m := middle(slices.Clone(values))
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - m)
	}
	return middle(distances)
}

func redrawn(random *rand.Rand, values, into []float64) []float64 {
	for i := range into {
		into[i] = values[random.IntN(len(values))]
	}
	return into
}

// middle is the median. It sorts what it is given.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// MiddleOf is the median of values.
func MiddleOf(values []float64) float64 { return middle(slices.Clone(values)) }

func percentiles(value float64, all []float64) Interval {
	slices.Sort(all)
	return Interval{
		Value: value,
		Low:   stat.Quantile((1-confidence)/2, stat.Empirical, all, nil),
		High:  stat.Quantile((1+confidence)/2, stat.Empirical, all, nil),
	}
}
