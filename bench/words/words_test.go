package words

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0", 1: "1 ns", 999: "999 ns", 999.6: "1.00 µs", 12_345: "12.3 µs", 1_240_000: "1.24 ms", 12_400_000: "12.4 ms", 124_000_000: "124 ms",
		999_400: "999 µs", 999_960: "1.00 ms", 1.24e9: "1.24 s", 1e9: "1 s", 90e9: "90 s", -5e6: "−5 ms",
	} {
		if got := Duration(ns); got != want {
			t.Errorf("Duration(%v) = %q, want %q", ns, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1000: "1 000", 1234567: "1 234 567", 99.96: "100", 9.996: "10.0", 0.996: "1.00", 0.123: "0.12", 0.0123: "0.012", 0.00001: "1e-05",
		-4321: "−4 321", 3.14159: "3.14", math.NaN(): None, math.Inf(1): None,
	} {
		if got := Number(v); got != want {
			t.Errorf("Number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 1024: "1.02 kB", 84 << 20: "88.1 MB", 2e9: "2 GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%v) = %q, want %q", n, got, want)
		}
	}
}

// What is said is what was meant, to the digits that are told.
func TestNumbersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e9, 1e9).Draw(t, "value")
		text := strings.NewReplacer(" ", "", "−", "-").Replace(Number(v))
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || math.Abs(back-v) > max(0.051*math.Abs(v), 1e-12) {
			t.Errorf("Number(%v) = %q", v, Number(v))
		}
		n := rapid.Int64().Draw(t, "count")
		if n == math.MinInt64 {
			return
		}
		text = strings.NewReplacer(" ", "", "−", "-").Replace(Count(n))
		if back, err := strconv.ParseInt(text, 10, 64); err != nil || back != n {
			t.Errorf("Count(%d) = %q", n, Count(n))
		}
	})
}
