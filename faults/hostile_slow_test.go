//go:build unix

package faults

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// hostileHaste has the server lose its patience soon.
var hostileHaste = []string{"--store", "memory://", "--header-timeout", "0.5", "--body-timeout", "1", "--write-timeout", "2", "--idle-timeout", "1"}

// hostileSlow are requests that come a byte at a time and go on for long, or that end before they are whole.
var hostileSlow = map[string]struct{ all, slow string }{
	"nothing":                     {},
	"headers":                     {"GET /v1/health HTTP/1.1\r\n", strings.Repeat("X: y\r\n", 100_000)},
	"a line of headers":           {"GET /v1/health HTTP/1.1\r\nX: ", strings.Repeat("y", 100_000)},
	"a first line":                {"GET /", strings.Repeat("y", 100_000)},
	"half of the headers":         {"GET /v1/health HTTP/1.1\r\nHost: x\r\n", ""},
	"TLS":                         {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""},
	"blank lines":                 {"", strings.Repeat("\r\n", 100_000)},
	"a body":                      {hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: 200000"), strings.Repeat(" ", 200_000)},
	"a body that never comes":     {hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: 200000"), ""},
	"a body in chunks":            {hostileRequest("POST /v1.1/queues/q/messages", "", "Transfer-Encoding: chunked"), strings.Repeat("1\r\nx\r\n", 100_000)},
	"a chunk's size":              {hostileRequest("POST /v1.1/queues/q/messages", "", "Transfer-Encoding: chunked"), strings.Repeat("0", 100_000)},
	"chunks that never come":      {hostileRequest("POST /v1.1/queues/q/messages", "", "Transfer-Encoding: chunked"), ""},
	"a body that is refused":      {hostileRequest("POST /v1/nowhere", "", "Content-Length: 200000"), strings.Repeat(" ", 200_000)},
	"a body that is too large":    {hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: 16000000"), strings.Repeat(" ", 200_000)},
	"a body of a GET":             {hostileRequest("GET /v1.1/queues", "", "Content-Length: 200000"), strings.Repeat(" ", 200_000)},
	"a body of one who waits":     {hostileRequest("GET /v1.1/queues/empty/messages?wait=1", "", "Content-Length: 200000"), ""},
	"a body of one who may claim": {hostileRequest("POST /v1.1/queues/empty/claims?wait=20", "", "Content-Length: 200000"), strings.Repeat(" ", 200_000)},
}

// Who takes too long is cut off, whatever it takes long for.
func TestHostileSlowRequests(t *testing.T) {
	h := startHostile(t, hostileHaste...)
	var all sync.WaitGroup
	for name, sent := range hostileSlow {
		for range short(3, 50) {
			c := h.dial()
			all.Go(func() {
				start := time.Now()
				_ = c.send(sent.all)
				cut := make(chan struct{})
				go c.trickle(sent.slow, cut)
				c.closed()
				close(cut)
				// What is asked for takes one second at most, and a second for those who wait. The rest is for the machine.
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("%s: cut off after %v", name, took)
				}
			})
		}
	}
	all.Wait()
	h.end(short(50, 200))
}

// trickle sends a byte at a time.
func (c *hostileConn) trickle(text string, until <-chan struct{}) {
	for i := range text {
		select {
		case <-until:
			return
		case <-time.After(20 * time.Millisecond):
		}
		if c.send(text[i:i+1]) != nil {
			return
		}
	}
}

// Connections that nobody uses cost little, don't keep others out, and are closed after a while.
func TestHostileIdleConnections(t *testing.T) {
	many := short(2_000, 10_000)
	h := startHostile(t, "--store", "memory://", "--header-timeout", "600", "--idle-timeout", short("4", "60"))
	used := make([]*hostileConn, 0, many)
	for i := range many {
		c := h.dial()
		if i%2 == 0 { // the others have never sent anything
			_ = c.send(hostileRequest("GET /v1/health", ""))
			if a := c.answer("GET"); a.status != http.StatusNoContent {
				t.Fatalf("connection %d: status %d", i, a.status)
			}
			used = append(used, c)
		}
	}
	h.canary.await(5)
	for i, c := range used {
		if err := c.SetDeadline(time.Now().Add(90 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if c.closed(); t.Failed() {
			t.Fatalf("connection %d of those that were used is open", i)
		}
	}
	h.canary.await(5)
	h.end(many * 40 >> 10) // 40 KB each
}

// A client that asks and doesn't read costs a bounded amount of memory, for a bounded time.
func TestHostileUnreadAnswers(t *testing.T) {
	h := startHostile(t, "--store", "memory://", "--write-timeout", "3", "--idle-timeout", "2", "--max-body-bytes-in-flight", fmt.Sprint(32<<20))
	message := `{"messages": [{"body": "` + strings.Repeat("x", 262_000) + `"}]}`
	for range 20 {
		h.want("a large message", hostileRequest("POST /v1.1/queues/q/messages", message), http.StatusCreated)
	}
	get := hostileRequest("GET /v1.1/queues/q/messages?echo=true&limit=20", "")
	calm := h.files()
	conns := make([]*hostileConn, short(150, 600))
	for i := range conns {
		conns[i] = h.dial()
		if err := conns[i].SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if err := conns[i].send(get); err != nil {
			t.Fatal(err)
		}
	}
	h.canary.await(5)
	// Nobody reads, and nobody closes a connection but the server.
	hostileAwait(t, "the connections are cut", func() bool { return h.files() <= calm+10 })
	refused := 0
	for _, c := range conns {
		if line, err := c.r.Peek(len("HTTP/1.1 503")); err != nil || string(line) != "HTTP/1.1 503" {
			continue // one that was let in, and what came of it fits into the buffers on the way
		}
		refused++
		if a := c.answer("GET"); a.header.Get("Retry-After") != "30" || !strings.Contains(a.body, `"title"`) {
			t.Errorf("a large answer is refused with %q and %s", a.header, a.body)
		}
	}
	if refused == 0 || refused == len(conns) {
		t.Errorf("%d of %d large answers were refused, want some", refused, len(conns))
	}
	// A connection is closed a moment before the room that its answer took is there again.
	hostileAwait(t, "a large answer is given again", func() bool {
		a := h.ask(get)
		return a.status == http.StatusOK && len(a.body) >= 20*262_000
	})
	h.end(1000) // 32 MB of answers, those that are being made at that moment, and as much again until it is collected
}

// Clients that send most of a large body and then a byte at a time get as much room as there is, and no more; the others are
// told as soon as theirs would be above it.
func TestHostileTrickledBodies(t *testing.T) {
	const size, room, trickled = 256 << 10, 50, 16 << 10
	h := startHostile(t, "--store", "memory://", "--body-timeout", short("3", "20"), "--max-body-bytes-in-flight", fmt.Sprint(room*size))
	h.canary.mute.Store(true)
	h.canary.await(2)
	var all sync.WaitGroup
	var mu sync.Mutex // guards statuses
	statuses := map[int]int{}
	clients := short(200, 2_000)
	for range clients {
		c := h.dial()
		if err := c.send(hostileRequest("POST /v1.1/queues/q/messages", "", fmt.Sprintf("Content-Length: %d", size))); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			cut := make(chan struct{})
			_ = c.send(strings.Repeat(" ", size-trickled)) // who is refused meanwhile can't send all of it
			go c.trickle(strings.Repeat(" ", trickled), cut)
			a := c.answer("POST")
			close(cut)
			if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "30" {
				t.Errorf("refused without saying for how long: %q", a.header)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	all.Wait()
	taken, lost := statuses[http.StatusBadRequest], statuses[0] // the answer to one who is still sending may be lost
	if refused := statuses[http.StatusServiceUnavailable]; taken+lost+refused != clients || taken > 2*room || refused == 0 {
		t.Errorf("the answers' statuses are %v; %d have room at once", statuses, room)
	}
	h.canary.mute.Store(false)
	h.canary.await(2)
	h.end((2*room*size + clients*40<<10) >> 20) // 40 KB are for the connection
}

// A client that breaks off, in the middle of what it sends or of what it gets, is no trouble to anybody.
func TestHostileResets(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri)
			message := `{"messages": [{"body": "` + strings.Repeat("x", 200_000) + `"}]}`
			h.want("a message", hostileRequest("POST /v1.1/queues/q/messages", message), http.StatusCreated)
			post := hostileRequest("POST /v1.1/queues/other/messages", message)
			get := hostileRequest("GET /v1.1/queues/q/messages?echo=true", "")
			claim := hostileRequest("POST /v1.1/queues/other/claims?wait=20", "")
			for i := range short(100, 5_000) {
				for text, answered := range map[string]bool{post[:len(post)*(i%100)/100]: false, post: true, get: true, strings.Repeat(get, 20): true, claim: false} {
					c := h.dial()
					_ = c.send(text)
					if answered && i%2 == 0 {
						_, _ = io.ReadFull(c.r, make([]byte, 10)) // the beginning of the answer
					}
					if err := c.SetLinger(0); err != nil { // a reset in place of an orderly end
						t.Fatal(err)
					}
					_ = c.Close()
				}
				if i%20 == 19 { // what was posted all the same is not what this is about
					h.want("an end", hostileRequest("DELETE /v1.1/queues/other", ""), http.StatusNoContent)
				}
			}
			h.want("a post", hostileRequest("POST /v1.1/queues/q/messages", message), http.StatusCreated)
			h.end(250)
		})
	}
}

// A client that has sent all and says so, with half of the connection closed, waits for its answer like any other.
func TestHostileHalfClosed(t *testing.T) {
	for store, uri := range hostileStores(t) {
		t.Run(store, func(t *testing.T) {
			h := startHostile(t, "--store", uri)
			for _, tt := range []struct {
				text   string
				status int
			}{
				{hostileRequest("POST /v1.1/queues/q/messages", `{"messages": [{"body": 1}]}`), http.StatusCreated},
				{hostileRequest("GET /v1.1/queues/q/messages?echo=true", ""), http.StatusOK},
				{hostileRequest("PUT /v1/queues/q/metadata", `{"a": 1}`), http.StatusNoContent},
				{hostileRequest("GET /v1/queues/q/stats", ""), http.StatusOK},
				{hostileRequest("GET /v1/queues", "") + hostileRequest("GET /v1.1/queues", ""), http.StatusOK},
				{hostileRequest("POST /v1.1/queues/q/messages", "", "Content-Length: 100") + "[", http.StatusBadRequest},
				{"GET /v1/queues HTTP/1.1\r\nHost: x\r\n", http.StatusBadRequest},
				{"", 0},
			} {
				for range short(50, 1_000) {
					c := h.dial()
					if err := c.send(tt.text); err != nil {
						t.Fatal(err)
					}
					if err := c.CloseWrite(); err != nil {
						t.Fatal(err)
					}
					if a := c.answer("GET"); a.status != tt.status {
						t.Fatalf("%.60q: status %d with %s, want %d", tt.text, a.status, a.body, tt.status)
					}
					c.closed()
					_ = c.Close()
				}
			}
			h.end(50)
		})
	}
}
