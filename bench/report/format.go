package report

import (
	"math"
	"strconv"
	"strings"
)

// none stands where there is no number to be told.
const none = "–"

// blank is one that no line breaks at.
const blank = "\u00a0"

// A scale is a row of units, each so many of the one before.
type scale []struct {
	unit string
	size float64
}

var (
	times = scale{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}
	sizes = scale{{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}
)

// of gives a value in the unit that leaves one to three digits before the point.
func (s scale) of(value float64) string {
	unit := s[0]
	for _, u := range s[1:] {
		if math.Abs(value) >= u.size*0.9995 { // what would be rounded to 1000 of the unit below
			unit = u
		}
	}
	return digits(value/unit.size) + blank + unit.unit
}

// digits gives a number with three digits that tell something, below one with two, and blanks between thousands.
func digits(value float64) string {
	switch a := math.Abs(value); {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return none
	case value == math.Trunc(value) && a < 1e15, a >= 99.95:
		return grouped(int64(math.Round(value)))
	case a >= 9.995:
		return strconv.FormatFloat(value, 'f', 1, 64)
	case a >= 0.995:
		return strconv.FormatFloat(value, 'f', 2, 64)
	case a < 0.0001:
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
	return strconv.FormatFloat(value, 'f', 1-int(math.Floor(math.Log10(math.Abs(value)))), 64)
}

func grouped(n int64) string {
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
	return sign + strings.Join(append([]string{text}, parts...), blank)
}

// duration gives nanoseconds as people read them.
func duration(ns float64) string {
	if ns == 0 {
		return "0"
	}
	return times.of(ns)
}

// latency gives a percentile; nil is one that too few samples tell.
func latency(ns *int64) string {
	if ns == nil {
		return none
	}
	return duration(float64(*ns))
}

func perSecond(rate float64) string { return digits(rate) + "/s" }

func percent(ratio float64) string { return digits(100*ratio) + blank + "%" }

// measure gives a value in the unit that results have for it.
func measured(value float64, unit string) string {
	switch unit {
	case "ns":
		return duration(value)
	case "bytes":
		return sizes.of(value)
	case "1/s":
		return perSecond(value)
	case "s":
		return duration(value * 1e9)
	case "ratio", "":
		return digits(value)
	}
	return digits(value) + blank + unit
}

// raw gives a number as programs read it.
func raw(value float64) string {
	if math.IsNaN(value) {
		return ""
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func rawInt(n int64) string { return strconv.FormatInt(n, 10) }

func rawNS(ns *int64) string {
	if ns == nil {
		return ""
	}
	return rawInt(*ns)
}
