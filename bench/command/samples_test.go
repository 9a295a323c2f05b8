//go:build unix

package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// Every sample runs, if briefly, and the books of each of its runs balance.
func TestSamplesRun(t *testing.T) {
	samples := []string{"redelivery"}
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		samples = plan.Samples()
	}
	for _, name := range samples {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if name == "swift" {
				t.Setenv("MARCONI_BENCH_SWIFT", testservices.StartSwift(t, testservices.SwiftOptions{}).StorageURI)
			}
			status, out, said := bench(t, dir, "run", name, "--scale", "tiny", "--out", "results", "--quiet")
			if status != Fine && status != Unfit {
				t.Errorf("exit status %d: %s%s", status, out, said)
			}
			all := runs(t, dir)
			if len(all) == 0 {
				t.Error("nothing was run")
			}
			for _, r := range all {
				if !r.Ledger.Balanced || !r.Ledger.OK {
					t.Errorf("%s run %d: %v, %v", r.Cell, r.Repeat, r.Ledger.Identity, r.Ledger.Classes)
				}
				if again := r.Ledger.Counts["redelivered"]; again > 0 && (r.Redelivery == nil || r.Redelivery.Count != again || r.Redelivery.Histogram == "") {
					t.Errorf("%s run %d: of %d messages that were delivered again the delays are %+v", r.Cell, r.Repeat, r.Ledger.Counts["redelivered"], r.Redelivery)
				}
			}
			page, err := os.ReadFile(filepath.Join(dir, "results", "report.html"))
			if again := strings.Contains(string(page), "How long until a message is delivered again"); err != nil || name == "redelivery" && !again {
				t.Errorf("the report has no delays of what was delivered again: %v", err)
			}
		})
	}
}

// A folder of the name of a sample does not stand before it.
func TestAFolderIsNoPlan(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("smoke", 0o700); err != nil {
		t.Fatal(err)
	}
	if p, err := readPlan("smoke"); err != nil || p.Name != "smoke" {
		t.Errorf("the plan is %v, %v", p, err)
	}
}
