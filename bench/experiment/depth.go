package experiment

import (
	"fmt"

	"github.com/marconi-mq/marconi/bench/result"
)

// compareDepths tells of cells with a backlog how long their claims take against those of the cell with the smallest one that
// is the same otherwise.
func compareDepths(cells []result.Summary) {
	shallowest := map[string]result.Summary{}
	for _, c := range cells {
		if base, known := shallowest[besideDepth(c)]; !known || depth(c) < depth(base) {
			shallowest[besideDepth(c)] = c
		}
	}
	for _, c := range cells {
		base := shallowest[besideDepth(c)]
		is, was := c.Metrics["claim_p50_ns"].Value, base.Metrics["claim_p50_ns"].Value
		if depth(c) == depth(base) || is == 0 || was == 0 {
			continue
		}
		c.Metrics[result.ClaimsByDepth] = ratio(c.Metrics["claim_p50_ns"], base.Metrics["claim_p50_ns"], fmt.Sprintf("Claims (p50) with a backlog of %d against those with one of %d.", depth(c), depth(base)))
	}
}

// ratio is one figure to another, with an interval that is too wide rather than too narrow, if both have one.
func ratio(is, was result.Figure, says string) result.Figure {
	f := result.Figure{Value: is.Value / was.Value, Unit: "ratio", Says: says}
	if is.Low != nil && was.Low != nil && *was.Low > 0 {
		low, high := *is.Low / *was.High, *is.High / *was.Low
		f.Low, f.High = &low, &high
	}
	return f
}

func depth(c result.Summary) int { return c.Config.Workload.Space.Prefill }

// besideDepth is what cells have in common that differ in their backlogs alone.
func besideDepth(s result.Summary) string {
	c := s.Config
	c.Workload.Space.Prefill = 0
	return fmt.Sprint(c.Target.Name, " ", c.API, " ", c.Hash())
}
