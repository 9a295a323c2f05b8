//go:build unix

package faults

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// massEvery is how often each client sends a request. It is seldom enough that they don't wait for each other, nor a client for its own
// last request, if each is answered within the bounds.
const massEvery = 25 * time.Millisecond

// A massProbe is what one client does again and again, in turn on each of the queues.
type massProbe struct {
	name string
	do   func(c *depthConn, queue string) error
}

// The probes leave what they find: what is posted stays, for claims and pages to come.
var massProbes = []massProbe{
	{"post", func(c *depthConn, queue string) error {
		_, _, err := c.postOne(queue)
		return err
	}},
	{"claim", func(c *depthConn, queue string) error {
		_, err := c.doAny(depthRequest(http.MethodPost, queue+"/claims?limit=5", `{"ttl": 60, "grace": 60}`), http.StatusCreated, http.StatusOK, http.StatusNoContent)
		if err != nil || c.status != http.StatusCreated {
			return err
		}
		_, err = c.remove(c.location)
		return err
	}},
	{"list", func(c *depthConn, queue string) error {
		_, err := c.get(queue + "/messages?limit=10&echo=true")
		return err
	}},
	{"stats", func(c *depthConn, queue string) error {
		_, err := c.get(queue + "/stats")
		return err
	}},
	// Asks nothing of the server: a millisecond's work that is late as far as the machine is.
	{theMachine, func(*depthConn, string) error {
		sha256.Sum256(massWork)
		return nil
	}},
}

// diskProbe asks nothing of the server either, but that as little as a post needs is safe on the disk it has: what waits for that waits
// for no server.
func diskProbe(t testing.TB) massProbe {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return massProbe{theDisk, func(*depthConn, string) error {
		_, err := f.Write(massWork[:4<<10])
		return errors.Join(err, f.Sync())
	}}
}

const (
	theMachine = "machine"
	theDisk    = "disk"
)

var massWork = make([]byte, 1<<20)

// doAny is do for an answer that may have one of several statuses.
func (c *depthConn) doAny(request []byte, want ...int) (time.Duration, error) {
	took, err := c.do(want[0], request)
	if err != nil && slices.Contains(want, c.status) {
		err = nil
	}
	return took, err
}

// massWaits are how long requests took, from when they were to be sent, by what they were.
type massWaits map[string][]time.Duration

// max gives the longest waits: for the server, for the machine alone, and for the disk alone.
func (w massWaits) max() (server, machine, disk time.Duration) {
	for name, all := range w {
		switch longest := slices.Max(all); {
		case strings.HasPrefix(name, theMachine):
			machine = max(machine, longest)
		case strings.HasPrefix(name, theDisk):
			disk = max(disk, longest)
		default:
			server = max(server, longest)
		}
	}
	return server, machine, disk
}

// String is a table.
func (w massWaits) String() string {
	var text strings.Builder
	for _, p := range append(slices.Clip(massProbes), massProbe{name: theDisk}) {
		for name, all := range w {
			if strings.HasPrefix(name, p.name) {
				sorted := slices.Sorted(slices.Values(all))
				at := func(share float64) float64 { return sorted[int(share*float64(len(all)-1))].Seconds() * 1000 }
				fmt.Fprintf(&text, "\n\t%-22s %5d × p50 %6.2f  p99 %6.2f  max %6.2f ms", name, len(all), at(0.5), at(0.99), at(1))
			}
		}
	}
	return text.String()
}

// probeMass lets the clients work until until is closed, at a steady rate, each first in this queue and then in the other. One that
// is kept waiting sends what it had to send meanwhile at once, late: that counts as waiting, too.
func probeMass(t testing.TB, addr string, until <-chan struct{}, queues ...string) massWaits {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	waits, errs := massWaits{}, []error{}
	start := time.Now()
	probes := append(slices.Clip(massProbes), diskProbe(t))
	for i, p := range probes {
		c := dialDepth(t, addr)
		all.Go(func() {
			mine, err := p.run(c, start.Add(massEvery*time.Duration(i)/time.Duration(len(probes))), until, queues)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			for name, w := range mine {
				waits[name] = w
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return waits
}

func (p massProbe) run(c *depthConn, start time.Time, until <-chan struct{}, queues []string) (massWaits, error) {
	waits := massWaits{}
	for n := 0; ; n++ {
		intended := start.Add(time.Duration(n) * massEvery)
		select {
		case <-until:
			return waits, nil
		case <-time.After(time.Until(intended)):
		}
		queue := queues[n%len(queues)]
		if err := p.do(c, queue); err != nil {
			return nil, fmt.Errorf("%s in %s: %w", p.name, queue, err)
		}
		name := p.name + " " + queue[strings.LastIndex(queue, "/")+1:]
		waits[name] = append(waits[name], time.Since(intended))
	}
}
