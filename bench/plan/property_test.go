package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// object is a mapping of a random plan: JSON is YAML.
type object map[string]any

// sometimes adds a key, or leaves it to its default.
func sometimes[V any](t *rapid.T, o object, key string, of *rapid.Generator[V]) {
	if rapid.Bool().Draw(t, key+"?") {
		o[key] = of.Draw(t, key)
	}
}

func oneOf(words ...string) *rapid.Generator[string] { return rapid.SampledFrom(words) }

// durations are written in all units, whole and not.
func durations(low, high int, unit string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(low, high).Draw(t, "n")
		if rapid.Bool().Draw(t, "half") && n < high {
			return fmt.Sprintf("%d.5%s", n, unit)
		}
		return fmt.Sprintf("%d%s", n, unit)
	})
}

func wholeSeconds(low, high int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("%ds", rapid.IntRange(low, high).Draw(t, "s")) })
}

var (
	sizes = oneOf("80B", "1KiB", "1.5KiB", "2kB", "fixed:300B", "uniform:1B..1KiB", "lognormal:200B,0.5", "mix:{0.8: 80B, 0.1: 1KiB, 0.1: 300B}",
		"mix:{0.333333: 1B, 0.666667: 2B}")
	processes = oneOf("0", "0s", "1ms", "fixed:1.5ms", "uniform:1ms..2us", "exponential:20ms", "lognormal:3ms,1.25", "uniform:1ns..1h")
	choices   = oneOf("round_robin", "uniform", "sticky", "zipf:1.1", "zipf:2")
)

func randomMessages(t *rapid.T) object {
	o := object{"size": sizes.Draw(t, "size")} // that of large-messages allows no batches
	sometimes(t, o, "batch", rapid.IntRange(1, 10))
	sometimes(t, o, "ttl", wholeSeconds(60, 1209600))
	sometimes(t, o, "compressible", rapid.Float64Range(0, 1))
	return o
}

func randomConsuming(t *rapid.T) object {
	o := object{}
	sometimes(t, o, "limit", rapid.IntRange(1, 20))
	sometimes(t, o, "claim_ttl", wholeSeconds(60, 43200))
	sometimes(t, o, "grace", wholeSeconds(60, 43200))
	sometimes(t, o, "process", processes.Filter(func(s string) bool { return s != "uniform:1ms..2us" }))
	sometimes(t, o, "idle_wait", durations(1, 1000, "ms"))
	sometimes(t, o, "delete", oneOf("each", "bulk"))
	sometimes(t, o, "verify_every", rapid.IntRange(1, 100))
	return o
}

func randomSpace(t *rapid.T) object {
	o := object{}
	o["tenants"] = rapid.IntRange(1, 5).Draw(t, "tenants")
	o["queues"] = rapid.IntRange(5, 100).Draw(t, "queues")
	sometimes(t, o, "queue_choice", choices)
	sometimes(t, o, "prefill", rapid.IntRange(0, 1000))
	return o
}

func randomLoad(t *rapid.T) object {
	o := object{"mode": "clients", "clients": rapid.SliceOfNDistinct(rapid.IntRange(1, 64), 1, 3, rapid.ID[int]).Draw(t, "clients")}
	if rapid.Bool().Draw(t, "open") {
		o = object{"mode": "rate", "rates": rapid.SliceOfNDistinct(rapid.Float64Range(0.1, 3000), 1, 3, rapid.ID[float64]).Draw(t, "rates")}
	}
	sometimes(t, o, "arrivals", oneOf("even", "poisson", "burst{size: 10}"))
	sometimes(t, o, "ramp", durations(0, 5, "s"))
	sometimes(t, o, "connections", rapid.IntRange(100, 300))
	sometimes(t, o, "max_in_flight", rapid.IntRange(0, 100))
	sometimes(t, o, "timeout", durations(1, 60, "s"))
	sometimes(t, o, "slo", rapid.Just(object{"p99": "25.5ms"}))
	return o
}

func randomTime(t *rapid.T) object {
	o := object{}
	sometimes(t, o, "warmup", durations(0, 5000, "ms"))
	sometimes(t, o, "duration", durations(200, 100000, "ms"))
	sometimes(t, o, "drain", durations(0, 60, "s"))
	sometimes(t, o, "cooldown", durations(0, 2000000, "us"))
	sometimes(t, o, "repeats", rapid.IntRange(1, 10))
	return o
}

func randomWorkload(t *rapid.T, i int) object {
	row := rapid.SampledFrom(slices.DeleteFunc(Workloads(), func(d Description) bool { return d.Use == "failover" })).Draw(t, "use")
	o := object{"use": row.Use, "name": fmt.Sprintf("w%d", i), "messages": randomMessages(t), "consuming": randomConsuming(t), "space": randomSpace(t)}
	for _, r := range row.Roles {
		sometimes(t, o, string(r), rapid.IntRange(1, 20))
	}
	if slices.Contains(row.Roles, Workers) {
		sometimes(t, o, "crash", rapid.Float64Range(0, 1))
		o["workers"] = 3
	}
	sometimes(t, o, "load", rapid.Custom(randomLoad))
	sometimes(t, o, "time", rapid.Custom(randomTime))
	if rapid.Bool().Draw(t, "vary") {
		o["vary"] = object{"limit": []int{1, 5, 20}, "size": []string{"80B", "1KiB"}, "process": []string{"0", "uniform:1ms..2ms"}}
	}
	return o
}

func randomPlan(t *rapid.T) []byte {
	o := object{"plan": "random", "load": randomLoad(t), "time": randomTime(t)}
	var targets []object
	for i := range rapid.IntRange(1, 3).Draw(t, "targets") {
		target := object{"name": fmt.Sprintf("t%d", i)}
		sometimes(t, target, "api", rapid.SampledFrom([]any{1, []float64{1.1}, []string{"1.1", "1"}}))
		target["start"] = object{"backend": "memory", "pools": rapid.IntRange(1, 4).Draw(t, "pools"), "config": object{"a:b.c": "d: {e}, #f", "g": 1.50}}
		targets = append(targets, target)
	}
	o["targets"] = targets
	var workloads []object
	for i := range rapid.IntRange(1, 3).Draw(t, "workloads") {
		workloads = append(workloads, randomWorkload(t, i))
	}
	o["workloads"] = workloads
	sometimes(t, o, "vary", rapid.Just(object{"verify_every": []int{2, 1}, "delete": "bulk"}))
	sometimes(t, o, "seed", rapid.Uint64())
	sometimes(t, o, "restart", oneOf("never", "block", "run"))
	sometimes(t, o, "max_wall", durations(0, 50, "h"))
	sometimes(t, o, "skip", rapid.Just([]object{{"target": "t0", "workload": "w0", "because": "of \"it\": no, #really"}}))
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestEffectiveReadsBack: what a plan says with all defaults filled in is read as the same plan, to the last byte, and so is
// its tiny form; and its cells are as many as there should be, each with a name of its own.
func TestEffectiveReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := randomPlan(t)
		p, err := Parse("random", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		readsBack(t, p)
		tiny, err := p.Scale("tiny")
		if err != nil {
			t.Fatal(err)
		}
		readsBack(t, tiny)
		if e := tiny.Estimate(); e.Runs > e.Cells {
			t.Fatalf("the tiny plan has %d runs of %d cells", e.Runs, e.Cells)
		}
	})
}

func readsBack(t *rapid.T, p *Plan) {
	again, err := Parse("effective", p.Effective())
	if err != nil {
		t.Fatalf("%v\n%s", err, p.Effective())
	}
	if !bytes.Equal(again.Effective(), p.Effective()) || again.Hash() != p.Hash() {
		t.Fatalf("Effective is read as another plan:\n%s\n%s", p.Effective(), again.Effective())
	}
	if diff := cmp.Diff(p, again, same); diff != "" {
		t.Fatalf("Effective read back (-want +got):\n%s", diff)
	}
	paths := map[string]bool{}
	cells := again.Matrix()
	for _, c := range cells {
		paths[c.Path()] = true
	}
	readsBackCell(t, rapid.SampledFrom(cells).Draw(t, "cell"))
	want := 0
	for _, w := range p.Workloads {
		for _, target := range p.Targets {
			want += p.combinations(w) * len(target.API) * len(p.LoadOf(w).levels())
		}
	}
	if len(paths) != want {
		t.Fatalf("%d cells have names of their own, want %d", len(paths), want)
	}
}

func readsBackCell(t *rapid.T, c Cell) {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Cell
	if err := json.Unmarshal(text, &again); err != nil || again.Hash() != c.Hash() {
		t.Fatalf("a cell is read back as another: %v\n%s", err, text)
	}
}

// TestDrawsKeepBounds: whatever is drawn lies where its text says.
func TestDrawsKeepBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		size, err := ParseSize(sizes.Draw(t, "size"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if n := size.Draw(r); n < 1 || n > size.Max() {
				t.Fatalf("%s drew %d, beyond %d", size, n, size.Max())
			}
		}
		queues, client := rapid.IntRange(1, 50).Draw(t, "queues"), rapid.IntRange(0, 99).Draw(t, "client")
		choice, err := ParseQueueChoice(choices.Draw(t, "choice"))
		if err != nil {
			t.Fatal(err)
		}
		next := choice.Of(r, client, queues)
		for range 100 {
			if q := next(); q < 0 || q >= queues {
				t.Fatalf("%s chose %d of %d queues", choice, q, queues)
			}
		}
	})
}

// FuzzPlan: no text brings the reader down; what it takes has an end and is read back as the same.
func FuzzPlan(f *testing.F) {
	for _, name := range Samples() {
		p, err := Sample(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Source())
	}
	f.Add([]byte(several))
	f.Add([]byte(minimal + "sweep: {low: 1, high: 1e3, factor: 1.05}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			t.Skip("the parser's time grows with the square")
		}
		p, err := Parse("fuzz", data)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatalf("Parse(%q) = %v, %v", data, p, err)
			}
			return
		}
		if n := len(p.Matrix()) + len(p.SweepCells()); n > MaxCells {
			t.Fatalf("%q has %d cells", data, n)
		}
		again, err := Parse("effective", p.Effective())
		if len(p.Effective()) <= maxSource && (err != nil || again.Hash() != p.Hash()) {
			t.Fatalf("Parse(%q) is not read back: %v\n%s", data, err, p.Effective())
		}
		if tiny, err := p.Scale("tiny"); err != nil || tiny.Estimate().Runs < 0 {
			t.Fatalf("Scale: %v", err)
		}
	})
}
