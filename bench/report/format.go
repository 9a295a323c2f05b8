package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi/bench/words"
)

// none stands where there is no number to be told.
const none = words.None

// blank is one that no line breaks at.
const blank = "\u00a0"

// kept is a number whose line does not break within it.
func kept(text string) string { return strings.ReplaceAll(text, " ", blank) }

func digits(value float64) string { return kept(words.Number(value)) }

func grouped(n int64) string { return kept(words.Count(n)) }

// volume gives bytes as people read them.
func volume(bytes float64) string { return kept(words.Bytes(bytes)) }

// duration gives nanoseconds as people read them.
func duration(ns float64) string { return kept(words.Duration(ns)) }

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
		return volume(value)
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
