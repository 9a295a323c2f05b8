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
	"github.com/marconi-mq/marconi/bench/result"
)

// What a claim costs with many messages waiting is told against what it costs with few. The loop is closed: nothing is due at a
// time, so no machine is too busy for it.
func TestTheCostOfABacklogIsReported(t *testing.T) {
	t.Parallel()
	shallow, deep := 60, 600
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		shallow, deep = 100, 100_000
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "backlog.yaml"), filepath.Join(dir, "results")
	err := os.WriteFile(file, fmt.Appendf(nil, `plan: backlog
targets: [{name: memory, start: {backend: memory}, api: [1, 1.1]}]
workloads: [{use: backlog, messages: {size: 256B}, consuming: {limit: 5}, vary: {prefill: [%d, %d]}}]
load: {mode: clients, clients: [2], connections: 32}
time: {warmup: 0s, duration: 1500ms, drain: 2m, cooldown: 0s, repeats: 1}
`, deep, shallow), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	status := command.Run(t.Context(), command.Process{
		Args: []string{"run", file, "--out", out, "--quiet"}, Environ: os.Environ(), Stdout: &said, Stderr: &said,
	})
	if status != command.Fine {
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
	for _, c := range report.Cells {
		if _, enough := c.Metrics["claim_p50_ns"]; !enough {
			t.Errorf("%s: no median of the claims: %+v", c.Cell, c.Operations["worker/claim"])
		}
		if c.Status != result.Valid {
			t.Errorf("%s is %s: %v", c.Cell, c.Status, c.Reasons)
		}
		ratio, told := c.Metrics[result.ClaimsByDepth]
		if isDeep := c.Config.Workload.Space.Prefill == deep; told != isDeep {
			t.Errorf("%s: the ratio is told: %v", c.Cell, told)
		}
		if told && (ratio.Value <= 0 || math.IsInf(ratio.Value, 0) || ratio.Says != fmt.Sprintf("Claims (p50) with a backlog of %d against those with one of %d.", deep, shallow)) {
			t.Errorf("%s: the ratio is %+v", c.Cell, ratio)
		}
	}
	page, err := os.ReadFile(filepath.Join(out, "report.html"))
	if err != nil || !strings.Contains(string(page), fmt.Sprintf("with a backlog of %d against those with one of %d", deep, shallow)) {
		t.Errorf("the report does not tell the ratio: %v", err)
	}
}
