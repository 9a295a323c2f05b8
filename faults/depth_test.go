//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A depthOperation is one request whose cost must not depend on what else the queue holds. Do gives how long that took,
// and leaves the queue as it was.
type depthOperation struct {
	name    string
	bounded bool
	do      func(*depthClientOf) (time.Duration, error)
}

// A depthClientOf pages through the queue of one server, and knows where it is.
type depthClientOf struct {
	*depthConn
	server *depthServer
	queue  string
	next   string // the page to list
	random *rand.Rand
}

var depthOperations = []depthOperation{
	{"post 1", true, func(c *depthClientOf) (time.Duration, error) {
		href, took, err := c.postOne(c.queue)
		if err == nil {
			_, err = c.remove(href)
		}
		return took, err
	}},
	{"claim 10", true, func(c *depthClientOf) (time.Duration, error) {
		href, took, err := c.claimTen(c.queue)
		if err == nil {
			_, err = c.remove(href)
		}
		return took, err
	}},
	{"release 10", true, func(c *depthClientOf) (time.Duration, error) {
		href, _, err := c.claimTen(c.queue)
		if err != nil {
			return 0, err
		}
		return c.remove(href)
	}},
	{"list 10, paging on", true, listOn},
	{"list 10 anywhere", false, listAnywhere},
	{"stats", true, func(c *depthClientOf) (time.Duration, error) { return c.get(c.queue + "/stats") }},
}

// listOn lists the next page, and begins anew behind the last full one.
func listOn(c *depthClientOf) (time.Duration, error) {
	if c.next == "" {
		c.next = c.queue + "/messages?limit=10&echo=true"
	}
	took, err := c.get(c.next)
	c.next = c.between(`"rel":"next","href":"`, `"`)
	if n := c.messages(); err == nil && n < 10 {
		c.next = ""
		return listOn(c)
	}
	return took, err
}

func listAnywhere(c *depthClientOf) (time.Duration, error) {
	marker := c.server.first
	if room := c.server.last - c.server.first - 1000; room > 0 {
		marker += c.random.Int64N(room)
	}
	return c.get(fmt.Sprintf("%s/messages?limit=10&echo=true&marker=%d", c.queue, marker))
}

// A depthCase is a kind of store, and how much dearer the deepest queue may be.
type depthCase struct {
	name   string
	uri    func(t *testing.T) string
	bound  float64
	looser float64 // in the short form, beside other tests: a cost that grows with the queue is a hundred times as high
}

var depthCases = []depthCase{
	{"memory", func(*testing.T) string { return "memory://" }, 1.3, 2.5},
	{"sqlite", func(t *testing.T) string {
		return "sqlite:///" + filepath.Join(t.TempDir(), "depth.db") + "?synchronous=off"
	}, 1.6, 2.5},
}

// TestDepth lets clients post, claim, list and count in queues of few messages and of many, and behind many that are
// claimed. The servers take turns, so that all have the same of what else the machine does. SQLite doesn't wait for the disk
// here: that would hide what depth costs.
func TestDepth(t *testing.T) {
	for _, c := range depthCases {
		t.Run(c.name, func(t *testing.T) {
			fills := short(
				[]depthFill{{0, 100}, {0, 10_000}, {0, 100_000}, {100_000, 100}},
				[]depthFill{{0, 100}, {0, 10_000}, {0, 1_000_000}, {100_000, 100}, {100_000, 10_000}, {100_000, 1_000_000}})
			if depthRace && !soak {
				fills = []depthFill{{0, 100}, {0, 20_000}, {20_000, 100}}
			}
			clients := depthClients(t, c, fills)
			for _, op := range depthOperations {
				t.Run(op.name, func(t *testing.T) { measureDepth(t, c, op, fills, clients) })
			}
		})
	}
}

// depthClients starts a server for each fill, and gives a client of each.
func depthClients(t *testing.T, c depthCase, fills []depthFill) []*depthClientOf {
	t.Helper()
	servers := make([]*depthServer, len(fills))
	for i, f := range fills {
		servers[i] = startDepth(t, depthJob{URI: c.uri(t), Fill: f})
	}
	clients := make([]*depthClientOf, len(fills))
	for i, s := range servers {
		conn := dialDepth(t, s.addr) // only now: a server does not wait for long until a connection is used
		clients[i] = &depthClientOf{depthConn: conn, server: s, queue: "/v1.1/queues/q", random: rand.New(rand.NewPCG(1, 2))}
	}
	return clients
}

// A depthCost is what an operation costs on average, in microseconds: its time, and that of the server's processors. The latter
// takes in what is done to leave the queue as it was.
type depthCost struct{ time, cpu []float64 }

// measureDepth compares what an operation costs at each depth with what it costs at the first.
func measureDepth(t *testing.T, c depthCase, op depthOperation, fills []depthFill, clients []*depthClientOf) {
	t.Helper()
	rounds, turn := short(10, 12), short(15*time.Millisecond, 300*time.Millisecond)
	costs := make([]depthCost, len(fills))
	for round := range rounds {
		for i := range fills {
			// The first may not be the one that always comes behind the deepest.
			i = (i + round) % len(fills)
			took, used := depthRound(t, op, clients[i], turn)
			costs[i].time, costs[i].cpu = append(costs[i].time, took), append(costs[i].cpu, used)
		}
	}
	var table strings.Builder
	for i, f := range fills {
		ratio, ratioCPU := depthRatio(costs[i].time, costs[0].time), depthRatio(costs[i].cpu, costs[0].cpu)
		fmt.Fprintf(&table, "\n\t%-6s | %-18s | %-29s | %7.1f µs | %5.2f | %7.1f µs CPU | %5.2f", c.name, op.name, f,
			depthMedian(costs[i].time), ratio, depthMedian(costs[i].cpu), ratioCPU)
		if !soak {
			ratio = min(ratio, ratioCPU) // who else works on the machine costs time, but hardly our processors'
		}
		if bound := short(c.looser, c.bound); op.bounded && ratio > bound {
			t.Errorf("%s with %s messages takes %.2f times as long as with %s, want at most %.1f", op.name, f, ratio, fills[0], bound)
		}
	}
	t.Log(table.String())
}

// depthRound does the operation for a turn.
func depthRound(t *testing.T, op depthOperation, c *depthClientOf, turn time.Duration) (took, cpu float64) {
	t.Helper()
	var total time.Duration
	n := 0
	before := c.server.used(t)
	for start := time.Now(); n < 10 || time.Since(start) < turn; n++ {
		took, err := op.do(c)
		if err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		total += took
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(n) / 1000 }
	return each(total), each(c.server.used(t) - before)
}

// depthRatio is how many times as dear as others some costs of the same rounds are: the median of the rounds. In the short form,
// beside other tests, it is that of the cheapest rounds, which the machine disturbed least.
func depthRatio(costs, others []float64) float64 {
	if !soak {
		return slices.Min(costs) / slices.Min(others)
	}
	ratios := make([]float64, len(costs))
	for i := range ratios {
		ratios[i] = costs[i] / others[i]
	}
	return depthMedian(ratios)
}

func depthMedian(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
