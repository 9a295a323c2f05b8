package experiment

import (
	"testing"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

// Cells are compared with the shallowest one that is the same otherwise, and with no other.
func TestDepthsAreCompared(t *testing.T) {
	cell := func(target, api string, rate float64, prefill int, p50 float64) result.Summary {
		c := plan.Cell{Target: plan.Target{Name: target}, API: api, Level: plan.Level{Mode: plan.OpenLoop, Rate: rate}}
		c.Workload = plan.Workloads()[0].Default()
		c.Workload.Name, c.Workload.Space.Prefill = "any", prefill
		s := result.Summary{Config: c, Metrics: map[string]result.Figure{}}
		if p50 > 0 {
			s.Metrics["claim_p50_ns"] = result.Figure{Value: p50, Unit: "ns"}
		}
		return s
	}
	cells := []result.Summary{
		cell("a", "1", 100, 10_000, 300), cell("a", "1", 100, 100, 200), cell("a", "1", 100, 1000, 100),
		cell("a", "1.1", 100, 10_000, 900), // alone, as the next ones
		cell("a", "1", 500, 10_000, 900), cell("b", "1", 100, 10_000, 900),
		cell("c", "1", 100, 100, 0), cell("c", "1", 100, 1000, 100), // too few claims for a median
	}
	compareDepths(cells)
	for i, want := range []float64{1.5, 0, 0.5, 0, 0, 0, 0, 0} {
		got, told := cells[i].Metrics[ByDepth]
		if got.Value != want || told != (want > 0) {
			t.Errorf("cell %d: the ratio is %v, want %v", i, got.Value, want)
		}
	}
	if says := cells[0].Metrics[ByDepth].Says; says != "Claims (p50) with a backlog of 10000 against those with one of 100." {
		t.Errorf("the ratio is explained as %q", says)
	}
}
