package flow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/bench/wire"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/ledger"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// startServer begins a real server in this process.
func startServer(t testing.TB) (url string) {
	t.Helper()
	return startServerOver(t, nil)
}

// startServerOver begins one over a store with something round it.
func startServerOver(t testing.TB, wrap func(marconi.DataStore) marconi.DataStore) (url string) {
	t.Helper()
	return "http://" + testserver.Serve(t, server.Options{Drivers: storage.Drivers{"memory": memory.Open}, DataURI: "memory:", WrapData: wrap})
}

// cells gives those of a plan with these workloads, for a tenth of a second or so each.
func cells(t testing.TB, workloads string) []plan.Cell {
	t.Helper()
	p, err := plan.Parse("test.yaml", fmt.Appendf(nil, `plan: test
targets: [{name: memory, url: "http://127.0.0.1:1", api: [1, 1.1]}]
workloads: [%s]
load: {rates: [300], connections: 64, timeout: 5s}
time: {warmup: 100ms, duration: 300ms, drain: 10s, repeats: 1}
`, workloads))
	if err != nil {
		t.Fatal(err)
	}
	return p.Matrix()
}

var versions = map[string]client.Version{"1": client.V1, "1.1": client.V11}

// A played run is one that is over.
type played struct {
	*Traffic
	verdict ledger.Verdict
	drained bool
}

// prepare makes the traffic of a cell for the server at url, and its queues.
func prepare(t testing.TB, url string, c plan.Cell, seed uint64) *Traffic {
	t.Helper()
	transport := wire.New(strings.TrimPrefix(url, "http://"), c.Load.Connections)
	t.Cleanup(transport.CloseIdleConnections)
	return prepareOver(t, func(cfg client.Config) (*client.Client, error) {
		cfg.Transport, cfg.Version = transport, versions[c.API]
		return client.New(url, cfg)
	}, c, seed)
}

// prepareOver makes it over connections of the caller's.
func prepareOver(t testing.TB, connect func(client.Config) (*client.Client, error), c plan.Cell, seed uint64) *Traffic {
	t.Helper()
	traffic, err := New(Setup{
		Cell: c, Seed: seed, Run: "test", Clock: schedule.NewReal(), Ledger: ledger.New(ledger.Options{Run: "test"}), Recorder: measure.NewRecorder(),
		Connect: connect,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := traffic.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return traffic
}

// play runs a cell against the server at url.
func play(t testing.TB, url string, c plan.Cell, seed uint64) played {
	t.Helper()
	traffic := prepare(t, url, c, seed)
	if err := traffic.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	drained, err := traffic.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := traffic.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	return played{traffic, traffic.Ledger.Verdict(), drained}
}

// Each workload runs on each version of the API, and the ledger is clean.
func TestWorkloads(t *testing.T) {
	url := startServer(t)
	for _, w := range plan.Workloads() {
		if w.Use == "failover" {
			continue // what fails has to be started: see package experiment
		}
		for _, c := range cells(t, "{use: "+w.Use+"}") {
			t.Run(c.Workload.Use+"/v"+c.API, func(t *testing.T) {
				if c.Skipped != "" {
					t.Skip(c.Skipped)
				}
				if c.Workload.Use == "slow-worker" && testing.Short() {
					t.Skip("takes a minute")
				}
				shrink(&c)
				run := play(t, url, c, 1)
				if !run.verdict.OK() || !run.drained || len(run.Broken()) > 0 {
					t.Errorf("drained %v, broken %v\n%s", run.drained, run.Broken(), run.verdict.Report())
				}
				run.wantTraffic(t)
			})
		}
	}
}

// shrink makes the large ones fit a test.
func shrink(c *plan.Cell) {
	s := &c.Workload.Space
	s.Queues, s.Prefill = min(s.Queues, 50), min(s.Prefill, 500)
	c.Workload.Observers, c.Workload.Producers = min(c.Workload.Observers, 20), min(c.Workload.Producers, 20)
	if c.Workload.Use == "slow-worker" {
		c.Workload.Consuming.Process, _ = plan.ParseDistribution("20ms")
	}
}

// wantTraffic looks whether each role has done what it is for.
func (p played) wantTraffic(t *testing.T) {
	t.Helper()
	p.Recorder.Harvest()
	done := map[measure.Key]measure.Counts{}
	for _, s := range p.Recorder.Seconds() {
		for k, c := range s.By {
			sum := done[k]
			sum.Achieved += c.Achieved
			sum.Messages += c.Messages
			for class, n := range c.Errors {
				t.Errorf("%d of %s failed: %s", n, k, class)
			}
			done[k] = sum
		}
	}
	for role, operations := range map[plan.Role]string{
		plan.Producers: "post", plan.Workers: "claim delete", plan.Poppers: "pop", plan.Observers: "list",
		plan.Auditors: "list", plan.Callers: "post list",
	} {
		for _, operation := range strings.Fields(operations) {
			k := measure.Key{Flow: singular(role), Operation: operation}
			switch {
			case p.workload.Count(role) == 0 || p.workload.Use == "idle-poll":
			case done[k].Achieved == 0 || done[k].Messages == 0:
				t.Errorf("%s was never done: %+v", k, done)
			}
		}
	}
	if p.workload.Use == "idle-poll" && done[measure.Key{Flow: "worker", Operation: "claim.empty"}].Achieved == 0 {
		t.Errorf("nobody found nothing: %+v", done)
	}
}

func TestThePlanOfARunFollowsFromItsSeed(t *testing.T) {
	url := startServer(t)
	c := cells(t, "{use: work-queue, messages: {size: \"uniform:200B..2KiB\", batch: 3}}")[1]
	sequence := func(seed uint64) string {
		text, err := play(t, url, c, seed).Sequence()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one, same, other := sequence(1), sequence(1), sequence(2)
	if one == "" || one != same || one == other {
		t.Errorf("the sequences of seeds 1, 1 and 2 are %s, %s and %s", one, same, other)
	}
}
