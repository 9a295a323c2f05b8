package stats

import (
	"cmp"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// exact is how many values both groups may have together for every way to part them to be counted.
const exact = 60

// Differ is how probable a difference of two groups as large as theirs is if there is none (Mann–Whitney U test, two-sided).
// With an empty group it is 1.
func Differ(a, b []float64) (p float64) {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 1
	case len(a)+len(b) <= exact: // the library's way of counting is wrong where values are equal: its p can be above 1
		return exactly(a, b)
	}
	sample := func(values []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	}
	return min(benchmath.AssumeNothing.Compare(sample(a), sample(b)).P, 1)
}

// exactly is the share of all ways to part the values into groups of these sizes in which the sum of the first group's ranks
// is as far from the usual as it is here.
func exactly(a, b []float64) float64 {
	ranks := doubleRanks(slices.Concat(a, b))
	sum, total := 0, 0
	for i, r := range ranks {
		if total += r; i < len(a) {
			sum += r
		}
	}
	// ways[k][s] is in how many ways k of the values so far have ranks of the sum s.
	ways := make([][]float64, len(a)+1)
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := len(a); k > 0; k-- {
			for s := total; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	usual := float64(total) * float64(len(a)) / float64(len(ranks))
	as, all := 0.0, 0.0
	for s, n := range ways[len(a)] {
		if all += n; math.Abs(float64(s)-usual) >= math.Abs(float64(sum)-usual)-1e-9 {
			as += n
		}
	}
	return as / all
}

// doubleRanks are the ranks of values, twice, so that the mean of the ranks of equal ones is whole.
func doubleRanks(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	ranks := make([]int, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + to + 1
		}
		from = to
	}
	return ranks
}
