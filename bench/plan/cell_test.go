package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const several = `plan: several
targets:
  - {name: redis, start: {backend: redis, pools: 2}}
  - {name: there, url: "http://127.0.0.1:1", api: [1.1]}
workloads:
  - {use: work-queue, poppers: 1}
  - {use: pub-sub, name: events, vary: {size: [80B, "uniform:1KiB..2KiB"], observers: [1, 2]}, load: {mode: clients, clients: [8]}}
vary: {limit: [1, 2]}
load: {rates: [0.5, 1000]}
sweep: {low: 100, high: 200, only: [work-queue], targets: [redis], duration: 3s, repeats: 2}
skip:
  - {target: there, workload: "events,limit=2,size=80B,observers=1", because: one of them is enough}
  - {target: redis, workload: events, api: 1, because: nobody asked}
`

func TestMatrix(t *testing.T) {
	p := mustParse(t, several)
	var got []string
	for _, c := range slices.Concat(p.Matrix(), p.SweepCells()) {
		line := c.Path()
		if c.Skipped != "" {
			line += " skipped: " + c.Skipped
		}
		got = append(got, line)
	}
	want := strings.Split(strings.TrimSpace(`
work-queue,limit=1/redis/v1/p2/rate-0.5 skipped: version 1.0 of the API has no pop
work-queue,limit=1/redis/v1/p2/rate-1000 skipped: version 1.0 of the API has no pop
work-queue,limit=1/redis/v1.1/p2/rate-0.5
work-queue,limit=1/redis/v1.1/p2/rate-1000
work-queue,limit=1/there/v1.1/p1/rate-0.5
work-queue,limit=1/there/v1.1/p1/rate-1000
work-queue,limit=2/redis/v1/p2/rate-0.5 skipped: version 1.0 of the API has no pop
work-queue,limit=2/redis/v1/p2/rate-1000 skipped: version 1.0 of the API has no pop
work-queue,limit=2/redis/v1.1/p2/rate-0.5
work-queue,limit=2/redis/v1.1/p2/rate-1000
work-queue,limit=2/there/v1.1/p1/rate-0.5
work-queue,limit=2/there/v1.1/p1/rate-1000
events,limit=1,size=80B,observers=1/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=1,size=80B,observers=1/redis/v1.1/p2/clients-8
events,limit=1,size=80B,observers=1/there/v1.1/p1/clients-8
events,limit=1,size=80B,observers=2/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=1,size=80B,observers=2/redis/v1.1/p2/clients-8
events,limit=1,size=80B,observers=2/there/v1.1/p1/clients-8
events,limit=1,size=uniform-1KiB..2KiB,observers=1/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=1,size=uniform-1KiB..2KiB,observers=1/redis/v1.1/p2/clients-8
events,limit=1,size=uniform-1KiB..2KiB,observers=1/there/v1.1/p1/clients-8
events,limit=1,size=uniform-1KiB..2KiB,observers=2/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=1,size=uniform-1KiB..2KiB,observers=2/redis/v1.1/p2/clients-8
events,limit=1,size=uniform-1KiB..2KiB,observers=2/there/v1.1/p1/clients-8
events,limit=2,size=80B,observers=1/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=2,size=80B,observers=1/redis/v1.1/p2/clients-8
events,limit=2,size=80B,observers=1/there/v1.1/p1/clients-8 skipped: one of them is enough
events,limit=2,size=80B,observers=2/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=2,size=80B,observers=2/redis/v1.1/p2/clients-8
events,limit=2,size=80B,observers=2/there/v1.1/p1/clients-8
events,limit=2,size=uniform-1KiB..2KiB,observers=1/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=2,size=uniform-1KiB..2KiB,observers=1/redis/v1.1/p2/clients-8
events,limit=2,size=uniform-1KiB..2KiB,observers=1/there/v1.1/p1/clients-8
events,limit=2,size=uniform-1KiB..2KiB,observers=2/redis/v1/p2/clients-8 skipped: nobody asked
events,limit=2,size=uniform-1KiB..2KiB,observers=2/redis/v1.1/p2/clients-8
events,limit=2,size=uniform-1KiB..2KiB,observers=2/there/v1.1/p1/clients-8
work-queue,limit=1/redis/v1/p2/sweep-rate-0 skipped: version 1.0 of the API has no pop
work-queue,limit=1/redis/v1.1/p2/sweep-rate-0
work-queue,limit=2/redis/v1/p2/sweep-rate-0 skipped: version 1.0 of the API has no pop
work-queue,limit=2/redis/v1.1/p2/sweep-rate-0`), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// TestCellsAreWhole: a cell says all about itself: what was varied, its own load, its time, its faults.
func TestCellsAreWhole(t *testing.T) {
	p := mustParse(t, several)
	last := p.Matrix()[len(p.Matrix())-1]
	w := last.Workload
	if w.Consuming.Limit != 2 || w.Messages.Size.String() != "uniform:1KiB..2KiB" || w.Observers != 2 || w.Producers != 5 {
		t.Errorf("the last cell has %+v", w)
	}
	if w.Load != nil || w.Time != nil || w.Vary != nil || last.Load.Rates != nil || last.Load.Clients != nil {
		t.Errorf("the last cell has levels and times beside its own: %+v", last)
	}
	if want := (Level{Mode: ClosedLoop, Clients: 8}); last.Level != want || last.Load.Mode != ClosedLoop {
		t.Errorf("its level is %+v, want %+v", last.Level, want)
	}
	level := p.SweepCells()[1].At(150)
	if level.Path() != "work-queue,limit=1/redis/v1.1/p2/sweep-rate-150" || level.Time.Duration != 3*second || level.Time.Repeats != 2 {
		t.Errorf("a level of the sweep is %s, %+v", level.Path(), level.Time)
	}

	failing := mustParse(t, strings.Replace(minimal, "{use: work-queue}",
		"{use: failover, faults: [{at: 2s, do: pause, for: 1s}]}, {use: work-queue}, {use: fan-in, faults: []}", 1)+
		"faults: [{at: 1s, do: kill}]\n")
	want := [][]Fault{{{At: 2 * second, Do: "pause", To: "server", For: second}}, {{At: second, Do: "kill", To: "server"}}, {}}
	for _, p := range []*Plan{failing, mustParse(t, string(failing.Effective()))} {
		cells := p.Matrix()
		for i := range want { // two cells each
			if diff := cmp.Diff(want[i], cells[2*i].Faults); diff != "" {
				t.Errorf("faults of %s (-want +got):\n%s", cells[2*i].Path(), diff)
			}
		}
	}
}

// TestCellReadsBack: the JSON of a cell is that cell.
func TestCellReadsBack(t *testing.T) {
	for _, name := range Samples() {
		p, err := Sample(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range slices.Concat(p.Matrix(), p.SweepCells()) {
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			var again Cell
			if err := json.Unmarshal(text, &again); err != nil {
				t.Fatalf("%s: %v\n%s", c.Path(), err, text)
			}
			if diff := cmp.Diff(c, again, same); diff != "" || again.Hash() != c.Hash() || again.Path() != c.Path() {
				t.Fatalf("%s read back (-want +got):\n%s", c.Path(), diff)
			}
		}
	}
}

// TestHash: what servers are asked is in it; which servers, under what names and how often is not.
func TestHash(t *testing.T) {
	hash := func(text string) string { return mustParse(t, text).Matrix()[0].Hash() }
	base := hash(minimal)
	const kept = "97fb6ad5c5b2d2bf"
	if base != kept {
		t.Errorf("the hash of the usual work queue is %s, was %s: results that were kept can't be compared with new ones", base, kept)
	}
	for _, equal := range []string{
		strings.Replace(minimal, "memory", "sqlite", 1),
		strings.Replace(minimal, "plan: p", "plan: q", 1),
		strings.Replace(minimal, "work-queue", "work-queue, name: other", 1),
		strings.Replace(minimal, "{backend: memory}", "{backend: memory, pools: 4}, api: [1.1]", 1),
		minimal + "seed: 2\n",
		minimal + "time: {repeats: 7, cooldown: 1s, drain: 60s}\n",
		strings.Replace(minimal, "work-queue", "work-queue, messages: {size: 1024B}, producers: 10", 1),
	} {
		if got := hash(equal); got != base {
			t.Errorf("another hash of\n%s", equal)
		}
	}
	for _, different := range []string{
		strings.Replace(minimal, "work-queue", "pub-sub", 1),
		strings.Replace(minimal, "work-queue", "work-queue, workers: 11", 1),
		strings.Replace(minimal, "work-queue", "work-queue, messages: {size: 1025B}", 1),
		strings.Replace(minimal, "[100]", "[101]", 1),
		strings.Replace(minimal, "rates: [100]", "mode: clients, clients: [100]", 1),
		strings.Replace(minimal, "[100]", "[100], arrivals: even", 1),
		minimal + "time: {duration: 61s}\n",
		minimal + "faults: [{at: 1s, do: kill}]\n",
	} {
		if got := hash(different); got == base {
			t.Errorf("the same hash of\n%s", different)
		}
	}
}

func TestSweepLevels(t *testing.T) {
	for _, test := range []struct {
		sweep Sweep
		want  []Rate
	}{
		{Sweep{Low: 200, High: 1000, Step: 200}, []Rate{200, 400, 600, 800, 1000}},
		{Sweep{Low: 200, High: 900, Step: 300}, []Rate{200, 500, 800, 900}},
		{Sweep{Low: 100, High: 1000, Factor: 1.5}, []Rate{100, 150, 225, 338, 506, 759, 1000}},
		{Sweep{Low: 0.5, High: 3, Factor: 2}, []Rate{0.5, 1, 2, 3}},
	} {
		if got := test.sweep.Levels(); !slices.Equal(got, test.want) {
			t.Errorf("levels of %+v = %v, want %v", test.sweep, got, test.want)
		}
	}
}

// TestWorkloads: each row of the table can be used as it is, and its driver has clients.
func TestWorkloads(t *testing.T) {
	var names []string
	for _, row := range Workloads() {
		names = append(names, row.Use)
		text := strings.Replace(minimal, "work-queue", row.Use, 1)
		if row.Use == "failover" {
			text += "faults: [{at: 1s, do: kill}]\n"
		}
		p := mustParse(t, text)
		if diff := cmp.Diff(row.Default(), p.Workloads[0], same, cmpopts.IgnoreFields(Workload{}, "Faults")); diff != "" {
			t.Errorf("%s by default and as read (-default +read):\n%s", row.Use, diff)
		}
		d := p.Workloads[0].Describe()
		if p.Workloads[0].Count(d.Drives) == 0 || !slices.Contains(d.Roles, d.Drives) || d.Asks == "" || d.Phases < 1 {
			t.Errorf("%s is driven by %q, of %v", row.Use, d.Drives, d.Roles)
		}
	}
	want := strings.Fields(`work-queue pub-sub pub-sub-read-heavy pub-sub-write-heavy audit point-to-point request-reply mixed fan-in
		fan-out backlog large-messages many-queues redelivery slow-worker idle-poll failover`)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}

func TestEstimate(t *testing.T) {
	e := mustParse(t, strings.Replace(minimal, "work-queue", "request-reply", 1)+
		"time: {warmup: 1s, duration: 9s, drain: 10s, cooldown: 1s, repeats: 2}\n").Estimate()
	if e.Cells != 2 || e.Runs != 4 || e.Messages != 4*10*100*2 {
		t.Errorf("Estimate() = %+v, want 4 runs of 10 s at 100/s, two messages a call", e)
	}
	if least := 4 * 11 * second; Duration(e.Wall) < least || Duration(e.Longest-e.Wall) != 4*(10*second-300*ms) {
		t.Errorf("Estimate() = %+v, want above %s, and drains of 10s apart", e, least)
	}
}
