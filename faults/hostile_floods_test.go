//go:build unix

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// pour sends a text again and again until nobody takes it any more, and gives how many megabytes went out.
func (c *hostileConn) pour(text string, most int) int {
	sent := 0
	for sent < most<<20 && c.send(text) == nil {
		sent += len(text)
	}
	return sent >> 20
}

// Bodies of a gigabyte, sent or not, with a length or in chunks, cost nobody but their sender.
func TestHostileLargeBodies(t *testing.T) {
	h := startHostile(t, "--store", "memory://", "--body-timeout", "3")
	piece := strings.Repeat("x", 64<<10)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece)
	var all sync.WaitGroup
	for range short(2, 100) {
		for _, line := range []string{"POST /v1.1/queues/q/messages", "PUT /v1.1/queues/q", "POST /v1/queues/q/claims", "PUT /v1/queues/q/metadata", "GET /v1/queues", "DELETE /v1/nowhere"} {
			for _, length := range []string{"Content-Length: 1073741824", "Content-Length: 9223372036854775807", "Transfer-Encoding: chunked"} {
				c, sends := h.dial(), piece
				if strings.HasPrefix(length, "Transfer") {
					sends = chunk
				}
				all.Go(func() {
					if err := c.send(hostileRequest(line, "", length)); err != nil {
						t.Error(err)
						return
					}
					if sent := c.pour(sends, 1024); sent > 100 { // what is dropped, and what is on the way
						t.Errorf("%s with %s: %d MB were taken", line, length, sent)
					}
					_ = c.CloseWrite()
					c.closed()
				})
			}
		}
	}
	all.Wait()
	for _, length := range []string{"1073741824", "262145"} {
		h.want("a body that is announced", hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: "+length), http.StatusBadRequest)
		h.want("a body that is asked for first", hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: "+length, "Expect: 100-continue"), http.StatusBadRequest)
	}
	h.end(100)
}

// More headers than are allowed are refused, with as little read of them as may be.
func TestHostileHeaderFloods(t *testing.T) {
	h := startHostile(t, "--store", "memory://")
	many := strings.Builder{}
	for i := range 10_000 {
		fmt.Fprintf(&many, "X-%d: y\r\n", i)
	}
	for name, headers := range map[string]string{
		"many headers": many.String(), "one header many times": strings.Repeat("X: y\r\n", 20_000), "a large header": "X: " + strings.Repeat("y", 1<<20) + "\r\n",
		"a large name": strings.Repeat("X", 1<<20) + ": y\r\n", "a folded header": "X: y\r\n" + strings.Repeat(" y\r\n", 100_000), "many clients": strings.Repeat("Client-ID: "+hostileClient+"\r\n", 2_000),
	} {
		// The answer is lost to one who still sends.
		h.want(name, "GET /v1/health HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n", http.StatusRequestHeaderFieldsTooLarge, 0)
	}
	h.want("a large path", hostileRequest("GET /"+strings.Repeat("x", 1<<20), ""), http.StatusRequestHeaderFieldsTooLarge, 0)
	h.want("as many headers as may be", "GET /v1/health HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X: y\r\n", 100)+"\r\n", http.StatusNoContent)
	h.want("one more", "GET /v1/health HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X: y\r\n", 101)+"\r\n", http.StatusRequestHeaderFieldsTooLarge)
	var all sync.WaitGroup
	for range short(20, 500) {
		for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\nX: ", "GET /", "G", "GET / HTTP/1.1\r\nHost: x\r\n"} {
			c := h.dial()
			all.Go(func() {
				_ = c.send(text)
				endless := strings.Repeat("y", 64<<10)
				if strings.HasSuffix(text, "\n") {
					endless = strings.Repeat("X: y\r\n", 10_000)
				}
				if sent := c.pour(endless, 1024); sent > 20 {
					t.Errorf("%q and no end: %d MB were taken", text, sent)
				}
				c.closed()
			})
		}
	}
	all.Wait()
	h.end(100)
}

// Requests ahead of their answers are answered in order, those behind one that can't be read not at all.
func TestHostilePipelines(t *testing.T) {
	h := startHostile(t, "--store", "memory://")
	const many = 1_000
	c := h.dial()
	go func() {
		for i := range many {
			_ = c.send(hostileRequest(fmt.Sprintf("PUT /v1.1/queues/q%d", i), `{"a": 1}`))
		}
	}()
	for i := range many {
		a := c.answer("PUT")
		if want := fmt.Sprintf("/v1.1/queues/q%d", i); a.status != http.StatusCreated || a.header.Get("Location") != want {
			t.Fatalf("request %d: status %d, location %q", i, a.status, a.header.Get("Location"))
		}
	}
	for name, text := range map[string]string{
		"two lengths":         hostileRequest("PUT /v1.1/queues/x", "", "Content-Length: 2", "Content-Length: 100"),
		"an odd encoding":     hostileRequest("PUT /v1.1/queues/x", "", "Transfer-Encoding: chunked, identity", "Content-Length: 2"),
		"chunks and a length": hostileRequest("PUT /v1.1/queues/x", "", "Content-Length: 100", "Transfer-Encoding: chunked") + "0\r\n\r\n",
		"no request at all":   "\x00\x00\r\n\r\n",
		"a bad chunk":         hostileRequest("PUT /v1.1/queues/x", "", "Transfer-Encoding: chunked") + "zz\r\n",
		"a long body":         hostileRequest("PUT /v1.1/queues/y", "", "Content-Length: 1073741824"),
	} {
		c := h.dial()
		_ = c.send(text + hostileRequest("PUT /v1.1/queues/smuggled", "") + hostileRequest("GET /v1/health", ""))
		_ = c.CloseWrite()
		c.answer("PUT") // which it is, is another test's
		if a := c.answer("PUT"); a.status != 0 {
			t.Errorf("%s: what stands behind it is answered with status %d", name, a.status)
		}
	}
	if a := h.ask(hostileRequest("PUT /v1.1/queues/smuggled", "")); a.status != http.StatusCreated {
		t.Errorf("a request behind one that can't be read was carried out: status %d", a.status)
	}
	h.end(50)
}

// A server that has more to do than it may says so at once, and does what it has said it would.
func TestHostileOverload(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri, "--max-requests", "4")
			rounds, _ := h.canary.stop() // from here on it might be refused like any other
			var all sync.WaitGroup
			var mu sync.Mutex // guards what follows
			statuses, waits := map[int]int{}, []time.Duration{}
			for range 100 {
				c := h.dial()
				all.Go(func() {
					for range short(20, 200) {
						start := time.Now()
						if err := c.send(hostileRequest("POST /v1.1/queues/q/messages", `{"messages": [{"body": 1}]}`)); err != nil {
							t.Error(err)
							return
						}
						a := c.answer("POST")
						refused := a.status == http.StatusServiceUnavailable
						if refused && (a.header.Get("Retry-After") != "30" || !strings.Contains(a.body, `"title":"Service temporarily unavailable"`)) {
							t.Errorf("a refusal has %q and %s", a.header, a.body)
						}
						mu.Lock()
						statuses[a.status]++
						if refused {
							waits = append(waits, time.Since(start))
						}
						mu.Unlock()
					}
				})
			}
			all.Wait()
			if statuses[http.StatusCreated] == 0 || len(statuses) > 2 || len(statuses) == 2 && len(waits) == 0 {
				t.Errorf("the statuses are %v, want 201 and 503", statuses)
			}
			if slices.Sort(waits); len(waits) > 0 && waits[len(waits)/2] > time.Second {
				t.Errorf("half of those who were refused waited for %v and longer", waits[len(waits)/2])
			}
			stats := h.want("stats", hostileRequest("GET /v1.1/queues/q/stats", ""), http.StatusOK)
			if want := fmt.Sprintf(`"total":%d`, statuses[http.StatusCreated]); !strings.Contains(stats.body, want) {
				t.Errorf("%v, and the queue has %s", statuses, stats.body)
			}
			t.Logf("%v after %d rounds of the ordinary client", statuses, rounds)
			h.stop(t)
		})
	}
}
