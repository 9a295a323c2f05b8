package experiment

import (
	"fmt"

	"github.com/marconi-mq/marconi/bench/result"
)

// ByDepth is the figure of how much longer claims take for the messages that wait behind them.
const ByDepth = "claim_p50_by_depth"

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
		c.Metrics[ByDepth] = result.Figure{
			Value: is / was, Unit: "ratio", Says: fmt.Sprintf("Claims (p50) with a backlog of %d against those with one of %d.", depth(c), depth(base)),
		}
	}
}

func depth(c result.Summary) int { return c.Config.Workload.Space.Prefill }

// besideDepth is what cells have in common that differ in their backlogs alone.
func besideDepth(s result.Summary) string {
	c := s.Config
	c.Workload.Space.Prefill = 0
	return fmt.Sprint(c.Target.Name, " ", c.API, " ", c.Hash())
}
