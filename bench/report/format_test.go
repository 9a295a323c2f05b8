package report

import (
	"math"
	"strings"
	"testing"
)

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0", 1: "1 ns", 999.6: "1.00 µs", 1_240_000: "1.24 ms", 12_400_000: "12.4 ms", 124_000_000: "124 ms", 999_400: "999 µs", 999_960: "1.00 ms", 1.24e9: "1.24 s", 1e9: "1 s",
		90e9: "90 s", -5e6: "−5 ms",
	} {
		if got := plainBlanks(duration(ns)); got != want {
			t.Errorf("duration(%v) = %q, want %q", ns, got, want)
		}
	}
}

func TestDigits(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1000: "1 000", 1234567: "1 234 567", 99.96: "100", 9.996: "10.0", 0.996: "1.00", 0.123: "0.12", 0.0123: "0.012", 0.00001: "1e-05", -4321: "−4 321", 3.14159: "3.14",
	} {
		if got := plainBlanks(digits(v)); got != want {
			t.Errorf("digits(%v) = %q, want %q", v, got, want)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		if got := digits(v); got != none {
			t.Errorf("digits(%v) = %q, want %q", v, got, none)
		}
	}
}

func plainBlanks(s string) string { return strings.ReplaceAll(s, blank, " ") }

func TestCommandIsQuoted(t *testing.T) {
	if got, want := command([]string{"marconi-bench", "run", "it's a plan.yaml", ""}), `marconi-bench run 'it'\''s a plan.yaml' ''`; got != want {
		t.Errorf("command = %s, want %s", got, want)
	}
}
