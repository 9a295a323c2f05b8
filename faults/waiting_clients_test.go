//go:build linux

package faults

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// waitingEnv makes the test's program one of the other processes of these tests, for which it has the job.
const waitingEnv = "MARCONI_TEST_WAITING"

// TestWaitingChild is not a test but those processes.
func TestWaitingChild(t *testing.T) {
	job, addr, _ := strings.Cut(os.Getenv(waitingEnv), " ")
	events := json.NewEncoder(os.Stdout)
	switch job {
	case "clients":
		c := &waitingCrowd{addr: addr, events: events}
		if err := c.obey(os.Stdin); err != nil {
			t.Fatal(err)
		}
	case "bare":
		if err := serveBareWaiting(events); err != nil {
			t.Fatal(err)
		}
	}
}

// A waitingOrder is what the clients are told to do.
type waitingOrder struct {
	Wait    int // so many requests, each on a connection of its own; 0: all go away
	Queues  int // over which they are spread in turn
	Seconds int
}

// A waitingEvent is what happens in another process.
type waitingEvent struct {
	Done   bool   // the order was carried out
	Listen string // it serves there

	// Of an answer, unless Status is 0: which request's, and the bodies of the messages in it.
	Client, Status int
	At             time.Time
	Bodies         []int
	Err            string // why there is no answer
}

// A waitingCrowd is all clients, in their own process.
type waitingCrowd struct {
	addr string

	mu     sync.Mutex // guards what follows
	events *json.Encoder
	conns  []net.Conn
	rounds int // that have ended: nobody hears of their connections any more
}

// obey carries out orders until there are no more.
func (c *waitingCrowd) obey(orders io.Reader) error {
	for all := json.NewDecoder(orders); ; {
		var o waitingOrder
		if err := all.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if o.Wait == 0 {
			c.leave()
		} else if err := c.wait(o); err != nil {
			return err
		}
		if err := c.tell(waitingEvent{Done: true}); err != nil {
			return err
		}
	}
}

func (c *waitingCrowd) tell(e waitingEvent) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events.Encode(e)
}

// wait sends the requests. Few connect at once, so that no backlog overflows.
func (c *waitingCrowd) wait(o waitingOrder) error {
	turns, failed := make(chan int), make(chan error, 1)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := range turns {
				if err := c.ask(i, o); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range o.Wait {
		turns <- i
	}
	close(turns)
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// ask sends a request, whose answer is awaited apart.
func (c *waitingCrowd) ask(client int, o waitingOrder) error {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, waitingRequest(client%o.Queues, o.Seconds)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	go c.await(client, conn, c.rounds)
	return nil
}

// await reads an answer and tells of it. It ends with the connection.
func (c *waitingCrowd) await(client int, conn net.Conn, round int) {
	e := readWaiting(client, conn)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rounds == round {
		_ = c.events.Encode(e) // who does not get it misses an answer, and says so
	}
}

// waitingRequest claims one message, or waits for it.
func waitingRequest(queue, seconds int) string {
	const terms = `{"ttl": 300, "grace": 300}`
	return fmt.Sprintf("POST /v1.1/queues/%s/claims?limit=1&wait=%d HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		waitingQueue(queue), seconds, waitingHeaders, len(terms), terms)
}

const waitingHeaders = "Client-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: waiting\r\nAccept: application/json\r\n"

func waitingQueue(i int) string { return fmt.Sprintf("queue-%d", i) }

// readWaiting reads an answer.
func readWaiting(client int, conn net.Conn) waitingEvent {
	e := waitingEvent{Client: client}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		e.Err = err.Error()
		return e
	}
	e.Status, e.At = answer.StatusCode, time.Now()
	var found struct{ Messages []struct{ Body int } }
	if e.Status == http.StatusCreated {
		if err := json.NewDecoder(answer.Body).Decode(&found); err != nil {
			e.Err = err.Error()
		}
	}
	for _, m := range found.Messages {
		e.Bodies = append(e.Bodies, m.Body)
	}
	return e
}

// leave closes all connections.
func (c *waitingCrowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rounds++
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// serveBareWaiting serves with what anybody's handler needs who waits: a channel and the request's context.
func serveBareWaiting(events *json.Encoder) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	never := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPost {
			select {
			case <-never:
			case <-r.Context().Done():
			}
		}
	})
	if err := events.Encode(waitingEvent{Listen: l.Addr().String()}); err != nil {
		return err
	}
	return http.Serve(l, handler)
}

// A waitingChild is one of those processes, as its parent sees it.
type waitingChild struct {
	pid     int
	orders  *json.Encoder
	told    chan waitingEvent // but for answers
	answers chan waitingEvent
}

// startWaitingChild starts a process with a job. It ends with the test.
func startWaitingChild(t testing.TB, job string) *waitingChild {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWaitingChild$")
	cmd.Env = append(os.Environ(), waitingEnv+"="+job)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &waitingChild{
		pid: cmd.Process.Pid, orders: json.NewEncoder(in),
		told: make(chan waitingEvent), answers: make(chan waitingEvent, 2*waitingFull),
	}
	var all sync.WaitGroup
	all.Go(func() { c.listen(out) })
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		all.Wait()
		_ = cmd.Wait() // killed
	})
	return c
}

func (c *waitingChild) listen(out io.Reader) {
	defer close(c.told)
	for all := json.NewDecoder(out); ; {
		var e waitingEvent
		if all.Decode(&e) != nil { // the end, and what the testing package says of it
			return
		}
		if e.Done || e.Listen != "" {
			c.told <- e
		} else {
			c.answers <- e
		}
	}
}

// order has the clients do something, and returns when they have.
func (c *waitingChild) order(t testing.TB, o waitingOrder) {
	t.Helper()
	if err := c.orders.Encode(o); err != nil {
		t.Fatal(err)
	}
	c.hear(t)
}

// hear waits for an event that is no answer.
func (c *waitingChild) hear(t testing.TB) waitingEvent {
	t.Helper()
	select {
	case e, open := <-c.told:
		if open {
			return e
		}
	case <-time.After(time.Minute):
	}
	t.Fatal("the other process does not do what it was told to")
	return waitingEvent{}
}

// take gives the next n answers, or fails the test if they do not come in time.
func (c *waitingChild) take(t testing.TB, n int, within time.Duration) []waitingEvent {
	t.Helper()
	over := time.After(within)
	var got []waitingEvent
	for range n {
		select {
		case e := <-c.answers:
			got = append(got, e)
		case <-over:
			t.Fatalf("%d of %d answers came within %v", len(got), n, within)
		}
	}
	return got
}

// waitingRaced is whether this program, and so the bare handler, has the race detector in it, which costs memory.
func waitingRaced() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}
