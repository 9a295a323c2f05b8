package experiment_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/command"
	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/result"
)

// What a claim costs with many messages waiting is told against what it costs with few.
func TestTheCostOfABacklogIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "backlog.yaml"), filepath.Join(dir, "results")
	err := os.WriteFile(file, []byte(`plan: backlog
targets: [{name: memory, start: {backend: memory}, api: [1, 1.1]}]
workloads: [{use: backlog, messages: {size: 256B}, consuming: {limit: 10}, vary: {prefill: [3000, 100]}}]
load: {rates: [200], connections: 32}
time: {warmup: 0s, duration: 800ms, drain: 10s, cooldown: 0s, repeats: 1}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	status := command.Run(t.Context(), command.Process{
		Args: []string{"run", file, "--out", out, "--quiet"}, Environ: os.Environ(), Stdout: &said, Stderr: &said,
	})
	if status != command.Fine && status != command.Unfit {
		t.Fatalf("exit status %d\n%s", status, said.String())
	}
	f, err := result.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	report, err := f.Experiment()
	if err != nil || len(report.Cells) != 4 {
		t.Fatalf("%d cells, want 4: %v", len(report.Cells), err)
	}
	busy := ""
	for _, c := range report.Cells {
		if _, enough := c.Metrics["claim_p50_ns"]; !enough {
			t.Skipf("this machine is too busy: %s made too few claims", c.Cell)
		}
		if c.Status != result.Valid {
			busy = fmt.Sprint(c.Cell, " is ", c.Status, ": ", c.Reasons)
		}
		ratio, told := c.Metrics[experiment.ByDepth]
		if deep := c.Config.Workload.Space.Prefill == 3000; told != deep {
			t.Errorf("%s: the ratio is told: %v", c.Cell, told)
		}
		if told && (ratio.Value <= 0 || math.IsInf(ratio.Value, 0) || ratio.Says != "Claims (p50) with a backlog of 3000 against those with one of 100.") {
			t.Errorf("%s: the ratio is %+v", c.Cell, ratio)
		}
	}
	if busy != "" {
		t.Skip("no figures in the report of a machine too busy for them: " + busy)
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil || !strings.Contains(string(page), "with a backlog of 3000 against those with one of 100") {
		t.Errorf("the report does not tell the ratio: %v", err)
	}
}
