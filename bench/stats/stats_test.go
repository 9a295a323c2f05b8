package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The mice of Efron and Tibshirani (An introduction to the bootstrap, 1993, table 2.1): days that they lived on.
var (
	treated = []float64{94, 197, 16, 38, 99, 141, 23}
	control = []float64{52, 104, 146, 10, 51, 30, 40, 27, 46}
)

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// upTo is 1 … n, whose order statistics are their own ranks.
func upTo(n int) (values []float64) {
	for i := range n {
		values = append(values, float64(i+1))
	}
	return values
}

// The interval of a median is between two order statistics. Whether it covers the median is a matter of coins (binomial), so
// how surely it does can be computed.
func TestTheIntervalOfAMedian(t *testing.T) {
	for n := 1; n <= 40; n++ {
		i := Median(upTo(n))
		if want := float64(n+1) / 2; i.Value != want {
			t.Errorf("the median of 1…%d is %v, want %v", n, i.Value, want)
		}
		if i.Sure() != (n >= 6) {
			t.Errorf("%d values: the interval %v…%v is sure: %v; want from six on", n, i.Low, i.High, i.Sure())
		}
		if !i.Sure() {
			continue
		}
		if covers := coverage(n, int(i.Low), int(i.High)); covers < confidence || covers > 0.99 {
			t.Errorf("%d values: from the %v. to the %v., which covers the median in %.4f of all cases", n, i.Low, i.High, covers)
		}
	}
	if i := Median(nil); !math.IsNaN(i.Value) || i.Sure() {
		t.Errorf("the median of nothing is %+v", i)
	}
}

// coverage is how probably the median lies between two order statistics of n values.
func coverage(n, low, high int) (p float64) {
	for k := low; k < high; k++ {
		p += choose(n, k) / math.Exp2(float64(n))
	}
	return p
}

func choose(n, k int) float64 {
	c := 1.0
	for i := 1; i <= k; i++ {
		c = c * float64(n-k+i) / float64(i)
	}
	return c
}

// Of the mean of the treated mice the standard error by bootstrap tends to 23.36 (loc. cit., table 2.2), which an interval of
// 95 % is about four times as wide as.
func TestTheBootstrapOfThePublishedMice(t *testing.T) {
	i := Bootstrap(1, treated, mean)
	if !near(i.Value, 86.86, 0.005) {
		t.Errorf("the mean is %v, want 86.86", i.Value)
	}
	if se := (i.High - i.Low) / (2 * 1.96); !near(se, 23.36, 1) {
		t.Errorf("the interval %v…%v is that of a standard error of %v, want 23.36", i.Low, i.High, se)
	}
	if m := Bootstrap(1, treated, MiddleOf); m.Value != 94 || m.Low != 23 || m.High != 141 {
		t.Errorf("the median is %+v, want 94 from 23 to 141", m)
	}
	s := Shift(1, control, treated)
	if s.Value != 48 || s.Low >= 0 || s.High <= 48 {
		t.Errorf("treated mice live on by %+v longer, want 48 and an interval that has 0 in it: the difference is not significant", s)
	}
}

// An interval that says 95 % covers what is true in about so many cases; a bootstrap of few values in somewhat fewer.
func TestIntervalsCoverWhatIsTrue(t *testing.T) {
	const trials, n = 120, 15
	random := rand.New(rand.NewPCG(1, 1))
	draw := func(by float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = by + random.ExpFloat64()
		}
		return values
	}
	covered := map[string]int{}
	for trial := range trials {
		values, others := draw(0), draw(3)
		for name, c := range map[string]struct {
			i     Interval
			truth float64
		}{
			"median": {Median(values), math.Ln2}, "bootstrap": {Bootstrap(uint64(trial), values[:], MiddleOf), math.Ln2}, "shift": {Shift(uint64(trial), values, others), 3},
		} {
			if c.i.Low <= c.truth && c.truth <= c.i.High {
				covered[name]++
			}
		}
	}
	for name, n := range covered {
		if share := float64(n) / trials; share < 0.88 {
			t.Errorf("the interval of a %s covers the truth in %v of all cases, want about 0.95", name, share)
		}
	}
}

// Anscombe's first set of four (Graphs in statistical analysis, 1973): the line through it rises by 0.500.
func TestTheSlopeOfAPublishedLine(t *testing.T) {
	x := []float64{10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5}
	y := []float64{8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68}
	s := Slope(1, x, y)
	if !near(s.Value, 0.5001, 0.0001) {
		t.Errorf("the slope is %v, want 0.5001", s.Value)
	}
	if se := (s.High - s.Low) / (2 * 1.96); !near(se, 0.1179, 0.03) { // the published standard error
		t.Errorf("the interval %v…%v is that of a standard error of %v, want about 0.1179", s.Low, s.High, se)
	}
	for n := range 4 {
		if s := Slope(1, x[:n], y[:n]); s.Sure() {
			t.Errorf("the slope of %d points is sure: %+v", n, s)
		}
	}
}

// Published cases of the U test, and what their p is.
func TestTheUTestOfPublishedCases(t *testing.T) {
	for name, c := range map[string]struct {
		a, b []float64
		p    float64
	}{
		// Hollander and Wolfe (Nonparametric statistical methods, 1973, p. 69): how permeable a membrane is.
		"permeability": {
			[]float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46}, []float64{1.15, 0.88, 0.90, 0.74, 1.21}, 0.2544,
		},
		"five against five, none between": {upTo(5), []float64{11, 12, 13, 14, 15}, 2 / choose(10, 5)},
		"four against four, none between": {upTo(4), []float64{11, 12, 13, 14}, 2 / choose(8, 4)},
		"the same":                        {[]float64{1, 2, 3}, []float64{1, 2, 3}, 1},
		"nothing":                         {nil, []float64{1}, 1},
	} {
		if got := Differ(c.a, c.b); !near(got, c.p, 0.00005) {
			t.Errorf("%s: p = %.5f, want %.5f", name, got, c.p)
		}
	}
}

// Of small groups every way to part them can be tried: p is the share of those that differ as much. That holds with ties, too.
func TestTheUTestIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]int{2, 4, 1000}).Draw(t, "values, of which there are")
		all := rapid.SliceOfN(rapid.Map(rapid.IntRange(1, most), func(i int) float64 { return float64(i) }), 2, 10).Draw(t, "values")
		n := rapid.IntRange(1, len(all)-1).Draw(t, "of the first group")
		distance := func(of func(i int) bool) float64 {
			u, first := 0.0, 0
			for i := range all {
				if !of(i) {
					continue
				}
				first++
				for j := range all {
					switch {
					case of(j):
					case all[i] > all[j]:
						u++
					case all[i] == all[j]:
						u += 0.5
					}
				}
			}
			return math.Abs(u - float64(first*(len(all)-first))/2)
		}
		seen := distance(func(i int) bool { return i < n })
		as, total := 0.0, 0.0
		for mask := range 1 << len(all) {
			of := func(i int) bool { return mask>>i&1 == 1 }
			count := 0
			for i := range all {
				if of(i) {
					count++
				}
			}
			if count != n {
				continue
			}
			total++
			if distance(of) >= seen-1e-9 {
				as++
			}
		}
		if got := Differ(all[:n], all[n:]); !near(got, as/total, 1e-9) {
			t.Errorf("p = %v, want %v of %v", got, as, total)
		}
	})
}

// Large groups are compared by an approximation, which is that of small ones where they meet.
func TestLargeGroupsAreComparedAsSmallOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	draw := func(n int, by float64) (values []float64) {
		for range n {
			values = append(values, math.Round(by+10*random.NormFloat64()))
		}
		return values
	}
	for _, by := range []float64{0, 3, 6} {
		a, b := draw(60, 0), draw(60, by)
		if approximate, counted := Differ(a, b), exactly(a, b); !near(approximate, counted, 0.005) {
			t.Errorf("shifted by %v: p is about %v, and counted %v", by, approximate, counted)
		}
	}
}

func TestSpreads(t *testing.T) {
	if got := SD([]float64{2, 4, 4, 4, 5, 5, 7, 9}); !near(got, 2.13809, 0.00001) {
		t.Errorf("the standard deviation is %v, want 2.13809", got)
	}
	if one, none := SD([]float64{7}), SD(nil); one != 0 || none != 0 {
		t.Errorf("the standard deviations of one and of no value are %v and %v", one, none)
	}
	if got := MAD([]float64{1, 1, 2, 2, 4, 6, 9}); got != 1 {
		t.Errorf("the MAD is %v, want 1", got)
	}
	if got := MAD([]float64{1, 1, 2, 2, 4, 6, 9e9}); got != 1 {
		t.Errorf("one wild value moves the MAD to %v", got)
	}
	if none, two := MiddleOf(nil), MiddleOf([]float64{4, 1}); !math.IsNaN(none) || two != 2.5 {
		t.Errorf("the medians of nothing and of 1 and 4 are %v and %v", none, two)
	}
}

// estimates are all figures that one group has.
var estimates = map[string]func([]float64) Interval{
	"median":    Median,
	"bootstrap": func(v []float64) Interval { return Bootstrap(1, v, MiddleOf) },
	"shift":     func(v []float64) Interval { return Shift(1, []float64{0, 0, 0}, v) },
	"slope":     func(v []float64) Interval { return Slope(1, upTo(len(v)), v) },
	"MAD":       func(v []float64) Interval { return Interval{Value: MAD(v)} },
	"SD":        func(v []float64) Interval { return Interval{Value: SD(v)} },
}

// Whatever is estimated: the same seed gives the same, what is given stays as it was, the interval holds the figure, and twice
// the values have twice the figure.
func TestEstimatesKeepTheirLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Map(rapid.IntRange(-1000, 1000), func(i int) float64 { return float64(i) }), 3, 12).Draw(t, "values")
		before, twice := slices.Clone(values), make([]float64, len(values))
		for i, v := range values {
			twice[i] = 2 * v
		}
		name := rapid.SampledFrom([]string{"median", "bootstrap", "shift", "slope", "MAD", "SD"}).Draw(t, "figure")
		estimate := estimates[name]
		i := estimate(values)
		if !slices.Equal(values, before) {
			t.Fatalf("%s has changed what it was given: %v, before %v", name, values, before)
		}
		if again := estimate(values); fmt.Sprint(again) != fmt.Sprint(i) {
			t.Errorf("%s is %v and then %v", name, i, again)
		}
		if ranged := i.Low != 0 || i.High != 0; ranged && (i.Low > i.Value+1e-9 || i.High < i.Value-1e-9) {
			if name != "slope" { // of few points a bootstrap can lie beside
				t.Errorf("%s: %v is not within %v…%v", name, i.Value, i.Low, i.High)
			}
		}
		if double := estimate(twice); !near(double.Value, 2*i.Value, 1e-6) {
			t.Errorf("%s of twice the values is %v, want twice %v", name, double.Value, i.Value)
		}
	})
}

// Two groups differ as much whichever comes first, and whatever rising scale they are measured on; a shift the other way is
// as large.
func TestComparisonsAreFair(t *testing.T) {
	group := rapid.SliceOfN(rapid.Map(rapid.IntRange(1, 50), func(i int) float64 { return float64(i) }), 3, 12)
	rapid.Check(t, func(t *rapid.T) {
		a, b := group.Draw(t, "a"), group.Draw(t, "b")
		p := Differ(a, b)
		if back := Differ(b, a); !near(p, back, 1e-9) || p <= 0 || p > 1+1e-9 {
			t.Errorf("p is %v one way and %v the other", p, back)
		}
		scaled := func(v []float64) (all []float64) {
			for _, x := range v {
				all = append(all, math.Log(x))
			}
			return all
		}
		if other := Differ(scaled(a), scaled(b)); !near(p, other, 1e-9) {
			t.Errorf("p is %v, and of the logarithms %v", p, other)
		}
		if there, back := Shift(1, a, b).Value, Shift(1, b, a).Value; there != -back {
			t.Errorf("b is above a by %v, and a above b by %v", there, back)
		}
	})
}
