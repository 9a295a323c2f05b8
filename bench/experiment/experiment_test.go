package experiment

import (
	"testing"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

// options are those of an experiment in folders of the test's own.
func options(t *testing.T, p *plan.Plan) Options {
	t.Helper()
	f, err := result.Create(t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Folder: f, Work: t.TempDir(), Server: benchtest.Server(t), Command: []string{"marconi-bench", "run", p.Name}, Version: "test"}
}

func parse(t *testing.T, text string) *plan.Plan {
	t.Helper()
	p, err := plan.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPlanIsCarriedOut(t *testing.T) {
	t.Parallel()
	p := parse(t, `plan: test
targets:
  - {name: memory, start: {backend: memory}, api: [1, 1.1]}
  - {name: sqlite, start: {backend: sqlite}, api: [1.1]}
workloads: [{use: work-queue}, {use: audit, time: {duration: 600ms}}]
load: {rates: [200], connections: 32}
time: {warmup: 100ms, duration: 400ms, drain: 5s, cooldown: 0s, repeats: 2}
`)
	o := options(t, p)
	report, runs, err := Run(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 12 || len(report.Cells) != 6 || report.Partial {
		t.Errorf("%d runs of %d cells, partial %v; want 12 of 6", len(runs), len(report.Cells), report.Partial)
	}
	for _, r := range runs {
		if !r.Ledger.OK || !r.Ledger.Balanced {
			t.Errorf("%s: %s %v", r.Cell, r.Status, r.Reasons)
		}
	}
	back, err := o.Folder.Runs()
	if err != nil || len(back) != len(runs) {
		t.Errorf("%d runs are in the folder, %v", len(back), err)
	}
}
