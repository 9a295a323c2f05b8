package plan

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSamples(t *testing.T) {
	want := []string{
		"smoke", "api-versions", "audit", "backends", "backlog", "concurrency", "failover", "first", "historic-2014", "large", "many-queues",
		"pub-sub", "redelivery", "soak", "standard", "sweep", "swift", "work-queue",
	}
	if got := Samples(); !slices.Equal(got, want) {
		t.Errorf("Samples() = %v, want %v", got, want)
	}
	for _, name := range Samples() {
		p, err := Sample(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Name != name {
			t.Errorf("the plan of %s.yaml is called %s", name, p.Name)
		}
		if about := p.About(); len(about) < 40 || strings.Contains(about, "#") {
			t.Errorf("%s is about %q, want a sentence", name, about)
		}
		text, err := plans.ReadFile("plans/" + name + ".yaml")
		if err != nil || !bytes.Equal(p.Source(), text) {
			t.Errorf("the source of %s is not its file: %v", name, err)
		}
		if e := p.Estimate(); e.Runs == 0 || e.Wall <= 0 || e.Longest < e.Wall {
			t.Errorf("Estimate of %s = %+v", name, e)
		}
		var shown bytes.Buffer
		if err := p.Show(&shown); err != nil || strings.Count(shown.String(), "\n") != len(p.Matrix())+len(p.SweepCells())+3 {
			t.Errorf("Show of %s: %v\n%s", name, err, shown.String())
		}
	}
	if _, err := Sample("smoek"); err == nil || !strings.Contains(err.Error(), `did you mean "smoke"`) {
		t.Errorf("Sample(smoek) = %v, want the nearest named", err)
	}
}

// TestSmoke: the plan that runs without arguments is what is promised of it.
func TestSmoke(t *testing.T) {
	p, err := Sample("smoke")
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for _, c := range p.Matrix() {
		if c.Skipped != "" {
			continue
		}
		runs[c.Target.Name+" "+c.Workload.Use] += c.Time.Repeats
		want := Time{Warmup: 200 * ms, Duration: 800 * ms, Drain: 300 * ms, Repeats: 1}
		if c.Workload.Use == "audit" {
			want.Duration = 3 * 400 * ms
		}
		if c.Time != want || c.Level.Rate != 200 {
			t.Errorf("%s takes %+v", c.Path(), c.Time)
		}
	}
	for _, both := range []string{
		"memory work-queue", "memory pub-sub", "memory audit", "memory redelivery",
		"sqlite work-queue", "sqlite audit", "redis work-queue", "redis audit",
	} {
		if runs[both] != 2 {
			t.Errorf("%s has %d runs, want one a version", both, runs[both])
		}
		delete(runs, both)
	}
	if len(runs) > 0 {
		t.Errorf("runs beyond what was promised: %v", runs)
	}
	swept := p.SweepCells()
	if len(swept) != 1 || swept[0].Target.Name != "memory" || len(p.Sweep.Levels()) != 5 || swept[0].Time.Duration != 500*ms {
		t.Errorf("it sweeps %v over %v", swept, p.Sweep.Levels())
	}
	if e := p.Estimate(); e.Longest > 50*time.Second {
		t.Errorf("it takes up to %s", e.Longest)
	}
}

// TestStandard: the plan that reports are made of is 3 targets × 2 versions × 3 workloads × 3 rates × 5 repeats.
func TestStandard(t *testing.T) {
	p, err := Sample("standard")
	if err != nil {
		t.Fatal(err)
	}
	cells := p.Matrix()
	runs := 0
	for _, c := range cells {
		runs += c.Time.Repeats
		if c.Time.Warmup != 2*second || c.Time.Duration != 8*second || c.Time.Drain > 3*second {
			t.Errorf("%s takes %+v", c.Path(), c.Time)
		}
	}
	if len(cells) != 3*2*3*3 || runs != len(cells)*5 {
		t.Errorf("it has %d cells and %d runs", len(cells), runs)
	}
	for _, c := range p.SweepCells() {
		if c.Workload.Use != "work-queue" || c.Time.Duration != 5*second {
			t.Errorf("it sweeps %s for %s a level", c.Workload.Use, c.Time.Duration)
		}
	}
	if e := p.Estimate(); e.Wall < 45*time.Minute || e.Wall > 75*time.Minute {
		t.Errorf("it takes %s, want about an hour", e.Wall)
	}
}

// TestTinySamples: each of them can be tried from end to end within a minute or so.
func TestTinySamples(t *testing.T) {
	for _, name := range Samples() {
		p, err := Sample(name)
		if err != nil {
			t.Fatal(err)
		}
		tiny, err := p.Scale("tiny")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(name, tiny.Effective()); err != nil {
			t.Errorf("tiny %s is no right plan: %v", name, err)
		}
		if e := tiny.Estimate(); e.Wall > 90*time.Second || e.Messages > 10_000 {
			t.Errorf("tiny %s takes %s and %.0f messages", name, e.Wall, e.Messages)
		}
		if len(tiny.Targets) != len(p.Targets) || len(tiny.Workloads) != len(p.Workloads) {
			t.Errorf("tiny %s leaves out targets or workloads", name)
		}
	}
	if _, err := mustParse(t, minimal).Scale("tinny"); err == nil || !strings.Contains(err.Error(), "tiny") {
		t.Errorf("Scale(tinny) = %v, want the nearest named", err)
	}
}

const ms = Duration(time.Millisecond)
