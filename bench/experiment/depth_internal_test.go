package experiment

import (
	"strings"
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
		got, told := cells[i].Metrics[result.ClaimsByDepth]
		if got.Value != want || told != (want > 0) {
			t.Errorf("cell %d: the ratio is %v, want %v", i, got.Value, want)
		}
	}
	if says := cells[0].Metrics[result.ClaimsByDepth].Says; says != "Claims (p50) with a backlog of 10000 against those with one of 100." {
		t.Errorf("the ratio is explained as %q", says)
	}
}

// The interval of a ratio is as wide as those of its two figures allow.
func TestARatioHasAnInterval(t *testing.T) {
	figure := func(value, low, high float64) result.Figure {
		return result.Figure{Value: value, Low: &low, High: &high}
	}
	got := ratio(figure(30, 20, 40), figure(10, 8, 20), "")
	if got.Value != 3 || got.Low == nil || *got.Low != 1 || *got.High != 5 {
		t.Errorf("the ratio is %v (%v…%v), want 3 (1…5)", got.Value, got.Low, got.High)
	}
	if got := ratio(result.Figure{Value: 30}, figure(10, 8, 20), ""); got.Value != 3 || got.Low != nil {
		t.Errorf("without an interval: %+v", got)
	}
}

// A backlog that is not drained in time is more than the target carries.
func TestABacklogIsDrained(t *testing.T) {
	for _, drained := range []bool{true, false} {
		r, _ := worked(t)
		r.Config.Workload.Space.Prefill, r.Drained, r.Generator.Healthy = 1000, drained, true
		why := strings.Join(undrained(r, 7), " ")
		if (why == "") != drained || !drained && !strings.Contains(why, "not drained within") {
			t.Errorf("drained %v: %q", drained, why)
		}
		if why := undrained(r, 0); len(why) > 0 {
			t.Errorf("nothing is left over: %q", why)
		}
		if r.Config.Workload.Space.Prefill = 0; len(undrained(r, 7)) > 0 {
			t.Errorf("without a backlog: %q", undrained(r, 7))
		}
	}
}
