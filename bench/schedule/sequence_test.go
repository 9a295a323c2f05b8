package schedule

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi/bench/plan"
)

func sequence(t interface {
	Helper()
	Fatal(...any)
}, p Pacing) []time.Duration {
	t.Helper()
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Duration
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		all = append(all, at)
	}
	return all
}

func TestEvenOperationsHaveTheSameTimeBetweenThem(t *testing.T) {
	all := sequence(t, Pacing{Arrivals: plan.Arrivals{Kind: "even"}, Rate: 1000, Length: time.Second})
	if len(all) != 1000 {
		t.Fatalf("%d operations in a second of 1000/s", len(all))
	}
	for i, at := range all {
		if want := time.Duration(i) * time.Millisecond; (at - want).Abs() > time.Microsecond {
			t.Fatalf("operation %d is intended at %v, not %v", i, at, want)
		}
	}
}

// The gaps of a Poisson process are exponential: the test of Kolmogorov and Smirnov, with the bound of its asymptotic
// distribution at p = 0.01, 1.628/√n.
func TestPoissonGapsAreExponential(t *testing.T) {
	const rate = 1000
	all := sequence(t, Pacing{Arrivals: plan.Arrivals{Kind: "poisson"}, Rate: rate, Length: 20 * time.Second, Random: Stream(1, "producer", 0, 0)})
	gaps := make([]float64, len(all)-1)
	for i := range gaps {
		gaps[i] = (all[i+1] - all[i]).Seconds()
	}
	slices.Sort(gaps)
	var distance float64
	for i, gap := range gaps {
		want := 1 - math.Exp(-rate*gap)
		n := float64(len(gaps))
		distance = max(distance, math.Abs(float64(i+1)/n-want), math.Abs(float64(i)/n-want))
	}
	if bound := 1.628 / math.Sqrt(float64(len(gaps))); distance > bound {
		t.Errorf("the gaps are %.4f from an exponential distribution, more than %.4f", distance, bound)
	}
	if n := float64(len(all)); math.Abs(n-20*rate) > 4*math.Sqrt(20*rate) {
		t.Errorf("%v operations in 20 s at %d/s", n, rate)
	}
}

func TestBurstsComeAtOnce(t *testing.T) {
	all := sequence(t, Pacing{Arrivals: plan.Arrivals{Kind: "burst", Size: 10, Every: plan.Duration(100 * time.Millisecond)}, Rate: 100, Length: time.Second})
	if len(all) != 100 {
		t.Fatalf("%d operations, not ten bursts of ten", len(all))
	}
	for i, at := range all {
		if want := time.Duration(i/10) * 100 * time.Millisecond; at != want {
			t.Fatalf("operation %d is intended at %v, not %v", i, at, want)
		}
	}
}

func TestTheRateRisesEvenlyDuringTheRamp(t *testing.T) {
	all := sequence(t, Pacing{Arrivals: plan.Arrivals{Kind: "even"}, Rate: 1000, Ramp: 2 * time.Second, Length: 3 * time.Second})
	if len(all) != 2000 {
		t.Fatalf("%d operations, not half a rate for two seconds and then a rate for one", len(all))
	}
	if first, _ := slices.BinarySearch(all, time.Second); first != 250 {
		t.Errorf("%d operations in the first second, not 250", first)
	}
}

func TestATraceIsPlayedAsItStands(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace.txt")
	if err := os.WriteFile(name, []byte("# seconds\n0\n0.5\n\n0.5\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := sequence(t, Pacing{Arrivals: plan.Arrivals{Kind: "trace", File: name}, Rate: 1, Length: time.Second})
	if want := []time.Duration{0, time.Second / 2, time.Second / 2}; !slices.Equal(all, want) {
		t.Errorf("operations at %v, want %v", all, want)
	}
}

func TestATraceThatMakesNoSenseNamesItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"1\nx\n":     "line 2",
		"1\n0.5\n":   "line 2",
		"-1":         "line 1",
		"NaN":        "line 1",
		"1e300":      "line 1",
		"0\n\n#\nzz": "line 4",
	} {
		if _, err := parseTrace(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseTrace(%q): %v, want an error of %s", text, err, want)
		}
	}
}

func TestNoTimeIsBeforeTheOneBeforeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Pacing{
			Arrivals: plan.Arrivals{Kind: rapid.SampledFrom([]string{"even", "poisson", "burst"}).Draw(t, "kind"), Size: rapid.IntRange(1, 50).Draw(t, "size")},
			Rate:     rapid.Float64Range(0.1, 20_000).Draw(t, "rate"),
			Ramp:     time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "ramp")),
			Length:   time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "length")),
			Random:   Stream(rapid.Uint64().Draw(t, "seed"), "f", 0, 0),
		}
		all := sequence(t, p)
		if !slices.IsSorted(all) {
			t.Fatalf("the times of %+v fall", p)
		}
		if n := len(all); n > 0 && (all[0] < 0 || all[n-1] >= p.Length) {
			t.Fatalf("the times of %+v lie outside of it", p)
		}
	})
}

func TestARateThatCantBeKeptIsRefused(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if _, err := New(Pacing{Rate: rate, Length: time.Second}); err == nil {
			t.Errorf("a rate of %v was taken", rate)
		}
	}
}

func TestStreamsAreThoseOfTheirNames(t *testing.T) {
	first := func(seed uint64, flow string, client, number int) uint64 {
		return Stream(seed, flow, client, number).Uint64()
	}
	seen := map[uint64]bool{}
	for seed := range uint64(3) {
		for _, flow := range []string{"producer", "worker"} {
			for client := range 20 {
				for number := range 20 {
					n := first(seed, flow, client, number)
					if seen[n] {
						t.Fatalf("two streams begin with %d", n)
					}
					seen[n] = true
					if first(seed, flow, client, number) != n {
						t.Fatal("a stream asked for again is another")
					}
				}
			}
		}
	}
}

func FuzzTrace(f *testing.F) {
	f.Add("0\n0.5\n# nothing\n1e3\n")
	f.Add("-0\nInf\n")
	f.Fuzz(func(t *testing.T, text string) {
		times, err := parseTrace(strings.NewReader(text))
		if err == nil && !slices.IsSorted(times) {
			t.Fatalf("the times of %q fall: %v", text, times)
		}
	})
}
