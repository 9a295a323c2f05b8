package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/words"
)

// conclusion is what came of an experiment, in a few lines.
func conclusion(e *result.Experiment, runs []*result.Run) []string {
	lines := []string{"verdict     " + verdict(e, runs)}
	for _, s := range e.Sweeps {
		lines = append(lines, fmt.Sprintf("saturation  %s: %s", s.Cell, saturation(s)))
	}
	if best, worst := extremes(e.Cells); best != nil {
		lines = append(lines, fmt.Sprintf("best p99    %s, %s", words.Duration(best.Metrics["response_p99_ns"].Value), best.Cell))
		lines = append(lines, fmt.Sprintf("worst p99   %s, %s", words.Duration(worst.Metrics["response_p99_ns"].Value), worst.Cell))
	}
	for _, line := range deep(e.Cells) {
		lines = append(lines, "backlog     "+line)
	}
	for _, line := range bad(runs) {
		lines = append(lines, "invalid     "+line)
	}
	for _, a := range absences(e.Absent) {
		lines = append(lines, "not run     "+a)
	}
	return lines
}

func verdict(e *result.Experiment, runs []*result.Run) string {
	counts := map[result.Status]int{}
	for _, r := range runs {
		counts[r.Status]++
	}
	text := fmt.Sprintf("%d runs of %d cells", len(runs), len(e.Cells))
	if counts[result.Invalid] == 0 {
		text += ", every message accounted for"
	}
	if lost := result.Forgotten(runs); lost > 0 {
		text += fmt.Sprintf(", %d lost to a kill as their store may lose them", lost)
	}
	for _, s := range []result.Status{result.Invalid, result.InvalidGenerator, result.Saturated, result.Suspicious, result.Drifting} {
		if counts[s] > 0 {
			text += fmt.Sprintf(", %d %s", counts[s], s)
		}
	}
	if e.Partial {
		text += "; cut short"
	}
	return text
}

func saturation(s result.Sweep) string {
	switch {
	case s.Saturation.Value == 0 && s.Unfit:
		return "not even the lowest rate was carried, for which the generator was not fit"
	case s.Saturation.Value == 0:
		return "not even the lowest rate was carried"
	case s.Open:
		return fmt.Sprintf("above %.0f/s, the highest rate that was tried", s.Saturation.Value)
	case s.Unfit:
		return fmt.Sprintf("%.0f/s at least: above that the generator was not fit either", s.Saturation.Value)
	}
	return fmt.Sprintf("%.0f/s", s.Saturation.Value)
}

// extremes are the valid cells with the shortest and the longest p99; nil: there is none with one.
func extremes(cells []result.Summary) (best, worst *result.Summary) {
	p99 := func(s *result.Summary) float64 { return s.Metrics["response_p99_ns"].Value }
	for i := range cells {
		s := &cells[i]
		if s.Status != result.Valid || p99(s) == 0 {
			continue
		}
		if best == nil || p99(s) < p99(best) {
			best = s
		}
		if worst == nil || p99(s) > p99(worst) {
			worst = s
		}
	}
	return best, worst
}

// deep are the cells in which claims cost more for the messages that wait behind them.
func deep(cells []result.Summary) (lines []string) {
	for _, c := range cells {
		if judged, dear := c.Deep(); dear && c.Status == result.Valid {
			lines = append(lines, fmt.Sprintf("%s: claims take %.1f times as long as with the smallest backlog, %s", c.Cell, c.Metrics[result.ClaimsByDepth].Value, judged))
		}
	}
	return shortened(lines)
}

// most is how many lines a conclusion has of one kind.
const most = 3

func bad(runs []*result.Run) (lines []string) {
	for _, r := range runs {
		if r.Status == result.Invalid || r.Status == result.InvalidGenerator {
			lines = append(lines, fmt.Sprintf("%s run %d: %s", r.Cell, r.Repeat, strings.Join(r.Reasons, " ")))
		}
	}
	return shortened(lines)
}

// absences names targets that are not there; cells that the plan itself leaves out are in the report.
func absences(all []result.Absent) (lines []string) {
	for _, a := range all {
		if !strings.Contains(a.What, "/") {
			lines = append(lines, fmt.Sprintf("%s, because %s", a.What, a.Because))
		}
	}
	slices.SortFunc(lines, cmp.Compare[string])
	return shortened(lines)
}

func shortened(lines []string) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", len(lines)-most))
}
