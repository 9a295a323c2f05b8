//go:build unix

package experiment

import (
	"os"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// The workloads of a queue, of events and of an audit, in the long form all, run on a real Swift, alone and with an index, and the ledger is clean.
// At this rate a small machine has time for the thirty requests of a claim in Swift alone.
func TestWorkloadsOnSwift(t *testing.T) {
	swift, err := testservices.RunSwift(t.TempDir(), testservices.SwiftOptions{})
	testservices.Require(t, err)
	t.Cleanup(swift.Close)
	t.Setenv("MARCONI_BENCH_SWIFT", swift.StorageURI)
	duration, workloads := "2s", "{use: work-queue}, {use: pub-sub, observers: 2}, {use: audit}"
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		duration, workloads = "5s", all()
	}
	p := parse(t, `plan: swift
targets: [{name: swift, start: {backend: swift}, api: [1.1]}, {name: swift+index, start: {backend: swift+index}, api: [1.1]}]
workloads: [`+workloads+`]
load: {rates: [5], connections: 16, timeout: 30s}
time: {warmup: 500ms, duration: `+duration+`, drain: 60s, cooldown: 0s, repeats: 1}
`)
	_, runs, err := Run(t.Context(), p, options(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != len(p.Matrix()) {
		t.Errorf("%d runs, want %d", len(runs), len(p.Matrix()))
	}
	for _, r := range runs {
		t.Logf("%s: %d messages posted, %s", r.Cell, r.Messages.Posted, r.Status)
		if !r.Ledger.OK || !r.Ledger.Balanced || !r.Drained || r.Messages.Posted == 0 && r.Config.Workload.Use != "idle-poll" {
			t.Errorf("%s: %s %v, drained %v, %d messages", r.Cell, r.Status, r.Reasons, r.Drained, r.Messages.Posted)
		}
	}
}
