package experiment

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/target"
)

// Each workload runs on each backend that is here, in each version of the API, and the ledger is clean. The short form tries
// a few of them; over memory all run in package flow's tests.
func TestWorkloadsOnBackends(t *testing.T) {
	workloads := "{use: work-queue}, {use: pub-sub, observers: 5}, {use: redelivery}"
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		workloads = all()
	}
	var targets []string
	for _, name := range target.Names() {
		if name != "memory" || os.Getenv("MARCONI_TEST_SOAK") == "1" {
			targets = append(targets, fmt.Sprintf("{name: %s, start: {backend: %s}}", name, name))
		}
	}
	p := parse(t, fmt.Sprintf(`plan: matrix
targets: [%s]
workloads: [%s]
load: {rates: [100], connections: 64}
time: {warmup: 100ms, duration: 300ms, drain: 20s, cooldown: 0s, repeats: 1}
`, strings.Join(targets, ", "), workloads))
	report, runs, err := Run(t.Context(), p, options(t, p))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if !r.Ledger.OK || !r.Ledger.Balanced || !r.Drained || r.Messages.Posted == 0 && r.Config.Workload.Use != "idle-poll" {
			t.Errorf("%s: %s %v, drained %v, %d messages", r.Cell, r.Status, r.Reasons, r.Drained, r.Messages.Posted)
		}
	}
	_, absent := target.Present()
	for name, why := range absent {
		if os.Getenv("CI") == "true" && !strings.HasPrefix(name, "swift") { // which has a test of its own
			t.Errorf("%s is not tested: %v", name, why)
		}
	}
	if want := len(p.Matrix()) * (len(targets) - len(absent)) / len(targets); len(runs) != want || len(report.Absent) != len(absent) {
		t.Errorf("%d runs, want %d; absent %v", len(runs), want, report.Absent)
	}
}

// all are all workloads but the one that needs a fault, made small.
func all() string {
	small := map[string]string{
		"backlog": ", space: {prefill: 500}", "many-queues": ", space: {queues: 50}", "slow-worker": ", consuming: {process: 20ms}",
		"pub-sub-read-heavy": ", observers: 20", "pub-sub-write-heavy": ", observers: 20", "fan-out": ", observers: 50",
	}
	var rows []string
	for _, w := range plan.Workloads() {
		if w.Use != "failover" {
			rows = append(rows, "{use: "+w.Use+small[w.Use]+"}")
		}
	}
	return strings.Join(rows, ", ")
}
