//go:build unix

package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	hostileClient = "3381af92-2b9e-11e3-b191-71861300734c"
	hostileUsual  = "Host: x\r\nClient-ID: " + hostileClient + "\r\nX-Project-ID: p\r\n"

	// hostilePatience is for what should come at once, on a machine that has much else to do.
	hostilePatience = 20 * time.Second
)

// A hostile is a server that is ill-treated. An ordinary client, the canary, is served all the while, and the memory that
// the server takes is watched.
type hostile struct {
	*process
	t      testing.TB
	canary *hostileCanary
	before int // kilobytes
}

func startHostile(t testing.TB, args ...string) *hostile {
	t.Helper()
	h := &hostile{process: start(t, args...), t: t}
	h.canary = singCanary(t, h.url)
	h.canary.await(3) // so that what the first requests take is not counted
	h.before = h.peak()
	return h
}

// peak is the most memory that the server has had, in kilobytes; 0 where the system doesn't say.
func (h *hostile) peak() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kilobytes
}

// files is how many files and sockets the server has open; 0 where the system doesn't say.
func (h *hostile) files() int {
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.cmd.Process.Pid)) // on some systems there is none
	return len(open)
}

// end ends the canary's song, and complains if the server took more than so many megabytes for what was done to it, or
// found fault with itself.
func (h *hostile) end(megabytes int) {
	h.t.Helper()
	rounds, slowest := h.canary.stop()
	grown := (h.peak() - h.before) >> 10
	if grown > megabytes {
		h.t.Errorf("the server took %d MB for it, and may take %d", grown, megabytes)
	}
	h.t.Logf("%d MB; an ordinary client was served %d times, in %v at most", grown, rounds, slowest.Round(time.Millisecond))
	if said := h.said.String(); strings.Contains(said, "panic") || strings.Contains(said, "level=ERROR") {
		h.t.Errorf("the server says\n%.4000s", said)
	}
	h.stop(h.t)
}

// A hostileCanary is an ordinary client: what it posts it takes back, over a connection that lives and over new ones.
type hostileCanary struct {
	t       testing.TB
	url     string
	clients [2]*http.Client
	leave   context.CancelFunc
	left    chan struct{}
	mute    atomic.Bool // it only looks: nobody's bodies have room

	mu      sync.Mutex // guards what follows
	rounds  int
	slowest time.Duration
}

func singCanary(t testing.TB, url string) *hostileCanary {
	ctx, leave := context.WithCancel(context.Background())
	c := &hostileCanary{t: t, url: url, leave: leave, left: make(chan struct{})}
	for i := range c.clients {
		c.clients[i] = &http.Client{Timeout: hostilePatience, Transport: &http.Transport{DisableKeepAlives: i == 1}}
	}
	go func() {
		defer close(c.left)
		for i := 0; ctx.Err() == nil; i++ {
			if err := c.round(ctx, i); err != nil && ctx.Err() == nil {
				t.Errorf("an ordinary client, round %d: %v", i, err)
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { leave(); <-c.left })
	return c
}

// round posts a message and pops it.
func (c *hostileCanary) round(ctx context.Context, i int) error {
	client, start := c.clients[i%2], time.Now()
	if c.mute.Load() {
		_, err := c.ask(ctx, client, "GET", "/v1.1/queues/canary/messages", "", http.StatusOK)
		c.served(start, err)
		return err
	}
	body := fmt.Sprintf(`{"messages": [{"ttl": 300, "body": "round %d"}]}`, i)
	if _, err := c.ask(ctx, client, "POST", "/v1.1/queues/canary/messages", body, http.StatusCreated); err != nil {
		return err
	}
	popped, err := c.ask(ctx, client, "DELETE", "/v1.1/queues/canary/messages?pop=1", "", http.StatusOK)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf(`"body":"round %d"`, i); !strings.Contains(popped, want) {
		err = fmt.Errorf("popped %s, without %s", popped, want)
	}
	c.served(start, err)
	return err
}

func (c *hostileCanary) served(start time.Time, err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds++
	c.slowest = max(c.slowest, time.Since(start))
}

func (c *hostileCanary) ask(ctx context.Context, client *http.Client, method, path, body string, want int) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Client-ID", hostileClient)
	r.Header.Set("X-Project-ID", "canary")
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d with %s", method, path, response.StatusCode, text)
	}
	return string(text), err
}

func (c *hostileCanary) sofar() (rounds int, slowest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rounds, c.slowest
}

// await waits until the canary was served so many times more.
func (c *hostileCanary) await(more int) {
	c.t.Helper()
	first, _ := c.sofar()
	hostileAwait(c.t, "the ordinary client is served", func() bool { n, _ := c.sofar(); return n >= first+more })
}

func (c *hostileCanary) stop() (rounds int, slowest time.Duration) {
	c.t.Helper()
	c.await(1)
	c.leave()
	<-c.left
	for _, client := range c.clients {
		client.CloseIdleConnections()
	}
	return c.sofar()
}

// hostileAwait waits for something to become true.
func hostileAwait(t testing.TB, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 2*hostilePatience {
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// A hostileConn is a connection whose far end is the server.
type hostileConn struct {
	*net.TCPConn
	t testing.TB
	r *bufio.Reader
}

func (h *hostile) dial() *hostileConn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * hostilePatience)); err != nil {
		h.t.Fatal(err)
	}
	return &hostileConn{TCPConn: conn.(*net.TCPConn), t: h.t, r: bufio.NewReader(conn)}
}

// send sends a text, as far as the server takes it.
func (c *hostileConn) send(text string) error {
	_, err := io.WriteString(c.TCPConn, text)
	return err
}

// A hostileAnswer is what came back. A status of 0 is a connection that was closed without a word.
type hostileAnswer struct {
	status int
	header http.Header
	body   string
}

// answer reads the next answer. Only that the server keeps silent is an error.
func (c *hostileConn) answer(method string) hostileAnswer {
	c.t.Helper()
	response, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("the server neither answers nor closes the connection")
	}
	if err != nil {
		return hostileAnswer{}
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body) // what is missing of it was cut off
	return hostileAnswer{response.StatusCode, response.Header, string(body)}
}

// closed waits for the server's end of the connection, whatever comes before it, and says how long that took.
func (c *hostileConn) closed() time.Duration {
	c.t.Helper()
	start := time.Now()
	if _, err := io.Copy(io.Discard, c.r); errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Error("the server doesn't close the connection")
	}
	return time.Since(start)
}

// ask sends a request on a connection of its own, and reads one answer.
func (h *hostile) ask(text string) hostileAnswer {
	h.t.Helper()
	c := h.dial()
	defer c.Close()
	sent := make(chan struct{})
	go func() { // the answer may come before all is sent, and then nobody takes the rest
		defer close(sent)
		_ = c.send(text)
	}()
	method, _, _ := strings.Cut(text, " ")
	a := c.answer(method)
	_ = c.Close()
	<-sent
	return a
}

// want complains about an answer whose status is none of those.
func (h *hostile) want(name, text string, statuses ...int) hostileAnswer {
	h.t.Helper()
	a := h.ask(text)
	if !slices.Contains(statuses, a.status) {
		h.t.Errorf("%s, %.150q: status %d with %.200q, want %d", name, text, a.status, a.body, statuses)
	}
	return a
}

// hostileRequest is the text of a request with the usual headers, and others, each "Name: value".
func hostileRequest(line, body string, headers ...string) string {
	var b bytes.Buffer
	b.WriteString(line + " HTTP/1.1\r\n" + hostileUsual)
	for _, header := range headers {
		b.WriteString(header + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	return b.String() + "\r\n" + body
}

// hostileStores are the stores that meet what the API does not look into itself.
func hostileStores(t *testing.T) map[string]string {
	return map[string]string{"memory": "memory://", "sqlite": "sqlite:///" + t.TempDir() + "/hostile.db"}
}
