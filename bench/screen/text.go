package screen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/words"
)

// line is an event in a line; empty: it is not worth one.
func line(e experiment.Event) string {
	switch e.Kind {
	case experiment.Began:
		return "results in " + e.Text
	case experiment.NotRun:
		return fmt.Sprintf("not run: %s, because %s", e.Cell, e.Text)
	case experiment.Block:
		return fmt.Sprintf("block %d of %d; the machine answers an echo in %s (p99 %s)", e.Block, e.Blocks, duration(e.Calibration.EchoP50NS), echo(e.Calibration.EchoP99NS))
	case experiment.Ticked:
		return fmt.Sprintf("%s · %s · %s", where(e), rates(e.Tick), left(e.Progress))
	case experiment.RunEnded:
		return fmt.Sprintf("%s: %s", where(e), outcome(e.Run))
	case experiment.RunFailed:
		return fmt.Sprintf("%s: failed: %s", where(e), e.Text)
	case experiment.Level:
		return fmt.Sprintf("level %s/s: %s", thousands(e.Level.Rate), level(e.Level))
	case experiment.Reporting:
		return "writing the report"
	}
	return ""
}

// where names a run as its path does, in words.
func where(e experiment.Event) string {
	parts := strings.Split(e.Cell, "/")
	if len(parts) == 5 {
		kind, rate, _ := strings.Cut(strings.TrimPrefix(parts[4], "sweep-"), "-")
		if kind == "rate" {
			if v, err := strconv.ParseFloat(rate, 64); err == nil {
				rate = words.Number(v)
			}
			rate += "/s"
		} else {
			rate += " clients"
		}
		parts = []string{parts[0], parts[1], parts[2], rate}
	}
	text := strings.Join(parts, " · ")
	if e.Repeats > 1 {
		text += fmt.Sprintf(" · run %d/%d", e.Repeat, e.Repeats)
	}
	return text
}

func rates(t *experiment.Tick) string {
	return fmt.Sprintf("offered %s, done %s/s, p99 %s", thousands(t.Offered), thousands(t.Achieved), maybe(t.P99))
}

// outcome is a run in a few words.
func outcome(r *result.Run) string {
	o := r.Operations[result.Driving(r.Config).String()]
	rate := float64(o.Achieved) / time.Duration(r.MeasuredNS).Seconds()
	text := fmt.Sprintf("%s/s, response p50 %s p99 %s, ledger %s", thousands(rate), maybe(o.Response.P50NS), maybe(o.Response.P99NS), verdict(r.Ledger))
	if r.Status != result.Valid {
		text += ", " + string(r.Status)
	}
	if len(r.Reasons) > 0 {
		text += ": " + strings.Join(r.Reasons, " ")
	}
	return text
}

func verdict(l result.Ledger) string {
	if l.OK {
		return "clean"
	}
	return "VIOLATED"
}

func level(l *result.SweepLevel) string {
	if l.Carried {
		return fmt.Sprintf("carried, p99 %s", maybe(l.P99NS))
	}
	return "not carried. " + strings.Join(l.Why, " ")
}

// left is how far an experiment is.
func left(p experiment.Progress) string {
	return fmt.Sprintf("%.0f %%, %s left", 100*p.Share, clock(p.Left))
}

// clock is a span as minutes and seconds.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if h := d / time.Hour; h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, d%time.Hour/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}

// echo is the p99 of a calibration, of which a short one tells none.
func echo(p99 int64) string {
	if p99 == 0 {
		return words.None
	}
	return duration(p99)
}

func maybe(ns *int64) string {
	if ns == nil {
		return words.None
	}
	return duration(*ns)
}

func duration(ns int64) string { return words.Duration(float64(ns)) }

func thousands(v float64) string { return words.Count(int64(math.Round(v))) }

// bars draws values as small bars, the largest one full.
func bars(values []float64) string {
	const blocks = "▁▂▃▄▅▆▇█"
	steps, largest := []rune(blocks), 0.0
	for _, v := range values {
		largest = max(largest, v)
	}
	var text strings.Builder
	for _, v := range values {
		at := 0
		if largest > 0 {
			at = int(math.Round(v / largest * float64(len(steps)-1)))
		}
		text.WriteRune(steps[at])
	}
	return text.String()
}
