// Package words says numbers as people read them: with three digits that tell something, in the unit that fits, thousands
// parted by blanks.
package words

import (
	"math"
	"strconv"
	"strings"
)

// None stands where there is no number to be told.
const None = "–"

// A scale is a row of units, each so many of the one before.
type scale []struct {
	unit string
	size float64
}

// of gives a value in the unit that leaves one to three digits before the point.
func (s scale) of(value float64) string {
	unit := s[0]
	for _, u := range s[1:] {
		if math.Abs(value) >= u.size*0.9995 { // what would be rounded to 1000 of the unit below
			unit = u
		}
	}
	return Number(value/unit.size) + " " + unit.unit
}

// Duration gives nanoseconds: 1.24 ms, 12.4 ms, 1 s.
func Duration(ns float64) string {
	if ns == 0 {
		return "0"
	}
	return scale{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}.of(ns)
}

// Bytes gives a size: 88.1 MB, of a million bytes each.
func Bytes(n float64) string {
	return scale{{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}.of(n)
}

// Number gives a number with three digits that tell something, below one with two: 1 234, 12.4, 0.12.
func Number(value float64) string {
	switch a := math.Abs(value); {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return None
	case value == math.Trunc(value) && a < 1e15, a >= 99.95:
		return Count(int64(math.Round(value)))
	case a >= 9.995:
		return strconv.FormatFloat(value, 'f', 1, 64)
	case a >= 0.995:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case a < 0.0001:
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
	return strconv.FormatFloat(value, 'f', 1-int(math.Floor(math.Log10(math.Abs(value)))), 64)
}

// Count gives a whole number: 1 234 567.
func Count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "−", text[1:]
	}
	var parts []string
	for len(text) > 3 {
		parts = append([]string{text[len(text)-3:]}, parts...)
		text = text[:len(text)-3]
	}
	return sign + strings.Join(append([]string{text}, parts...), " ")
}
