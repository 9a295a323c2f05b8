package experiment

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/result"
)

// Faults happen, are survived by stores that promise that, and their cost is told.
func TestFaultsAreSurvived(t *testing.T) {
	backends := []string{
		`{name: sqlite, start: {backend: sqlite}, api: [1, 1.1]}`,
		`{name: redis, start: {backend: redis, settings: {appendonly: "yes", appendfsync: always}}, api: [1, 1.1]}`,
	}
	faults := map[string]string{
		"sqlite": "{at: 300ms, do: kill, to: server, for: 200ms}, {at: 1500ms, do: restart, to: server, for: 100ms}",
		"redis":  "{at: 300ms, do: kill, to: backend, for: 200ms}, {at: 1500ms, do: pause, to: backend, for: 200ms}",
	}
	for _, backend := range backends {
		name := strings.TrimSuffix(strings.Fields(backend)[1], ",")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parse(t, fmt.Sprintf(`plan: faults
targets: [%s]
workloads: [{use: failover, producers: 2, workers: 2, faults: [%s]}]
load: {rates: [50], connections: 16, timeout: 2s}
time: {warmup: 100ms, duration: 3500ms, drain: 10s, cooldown: 0s, repeats: 1}
`, backend, faults[name]))
			report, runs := carry(t, p, options(t, p))
			if len(report.Absent) > 0 {
				if os.Getenv("CI") == "true" {
					t.Fatal(report.Absent)
				}
				t.Skip(report.Absent)
			}
			if len(runs) != 2 {
				t.Fatalf("%d runs, want one of each version", len(runs))
			}
			for _, r := range runs {
				wantSurvived(t, r)
			}
		})
	}
}

func wantSurvived(t *testing.T, r *result.Run) {
	t.Helper()
	if r.Status == result.Invalid || !r.Ledger.OK || !r.Ledger.Balanced || r.Ledger.Classes["lost"] != 0 || r.Partial {
		t.Errorf("%s: %v, the ledger has %v", r.Status, r.Reasons, r.Ledger.Classes)
	}
	if len(r.Faults) != 2 || r.Faults[0].Do != "kill" {
		t.Fatalf("the faults are %+v, want two", r.Faults)
	}
	for _, f := range r.Faults {
		if gone := time.Duration(f.ToNS - f.FromNS); gone < 100*time.Millisecond || gone > 5*time.Second {
			t.Errorf("%s: the process was gone for %v", f.Do, gone)
		}
		if gap := time.Duration(f.GapNS); gap < 90*time.Millisecond || gap > 5*time.Second {
			t.Errorf("%s: nothing succeeded for %v, and the process was gone for %v", f.Do, gap, time.Duration(f.ToNS-f.FromNS))
		}
		if f.RecoveredNS < f.ToNS-f.FromNS || f.RecoveredNS > int64(5*time.Second) {
			t.Errorf("%s: recovered after %v of a fault of %v", f.Do, time.Duration(f.RecoveredNS), time.Duration(f.ToNS-f.FromNS))
		}
	}
	if failed := r.Operations["producer/post"].Errors; len(failed) == 0 {
		t.Error("a store was killed, and no post failed")
	}
}

// What memory has confirmed is gone with its process, and the ledger says so.
func TestTheLedgerTellsWhatAKillHasLost(t *testing.T) {
	t.Parallel()
	p := parse(t, `plan: amnesia
targets: [{name: memory, start: {backend: memory}, api: [1, 1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 1, consuming: {process: 100ms, limit: 1}, faults: [{at: 500ms, do: kill, to: server, for: 10ms}]}]
load: {rates: [100], connections: 16, timeout: 2s}
time: {warmup: 0s, duration: 1s, drain: 20s, cooldown: 0s, repeats: 1}
`)
	_, runs := carry(t, p, options(t, p))
	if len(runs) != 2 {
		t.Fatalf("%d runs, want one of each version", len(runs))
	}
	for _, r := range runs {
		if r.Ledger.Counts["excused lost"] == 0 || r.Ledger.Classes["lost"] != 0 || len(r.Ledger.Offenders) == 0 || !r.Ledger.Balanced {
			t.Errorf("%s: the ledger has %v and %v", r.Cell, r.Ledger.Classes, r.Ledger.Counts)
		}
		if r.Status == result.Invalid || r.Partial { // a store in memory has promised nothing else
			t.Errorf("%s: the run is %s, partial %v: %v", r.Cell, r.Status, r.Partial, r.Reasons)
		}
	}
}

// A fault that can't be done breaks the run off: what it was to show was not shown.
func TestAFaultThatCanNotBeDoneIsNoRun(t *testing.T) {
	t.Parallel()
	p := parse(t, strings.Replace(strings.Replace(three, "repeats: 3", "repeats: 1", 1), "workers: 2}", "workers: 2, faults: [{at: 50ms, do: kill, to: backend, for: 10ms}]}", 1))
	_, runs := carry(t, p, options(t, p))
	if r := runs[0]; !r.Partial || len(r.Faults) != 0 || !strings.Contains(strings.Join(r.Reasons, " "), "was not started by this program") {
		t.Errorf("partial %v, faults %v: %v", r.Partial, r.Faults, r.Reasons)
	}
}
