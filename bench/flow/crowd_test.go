package flow

import (
	"testing"

	"github.com/marconi-mq/marconi/bench/plan"
)

// A flow is crowded once every connection was taken at a time, however many operations there were one after the other.
func TestCrowded(t *testing.T) {
	c := plan.Cell{}
	c.Load.Connections = 2
	traffic := &Traffic{Setup: Setup{Cell: c}}
	for range 5 {
		traffic.crowd.enter()
		traffic.crowd.leave()
	}
	if traffic.Crowded() {
		t.Error("one operation at a time has taken two connections")
	}
	traffic.crowd.enter()
	traffic.crowd.enter()
	traffic.crowd.leave()
	traffic.crowd.leave()
	if !traffic.Crowded() {
		t.Error("two operations at a time have not taken two connections")
	}
}
