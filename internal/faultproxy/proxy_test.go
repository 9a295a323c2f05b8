package faultproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/storage/storagetest"
)

var _, _ storagetest.Line = (*Line)(nil), (*Gateway)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An echo is a server that answers each line with itself, as a simple reply.
type echo struct {
	listener net.Listener
	tasks    sync.WaitGroup
	mu       sync.Mutex // guards heard
	heard    []string
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{listener: listener}
	e.tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.tasks.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		e.tasks.Wait()
	})
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		e.mu.Lock()
		e.heard = append(e.heard, lines.Text())
		e.mu.Unlock()
		fmt.Fprintf(conn, "+%s\r\n", lines.Text())
	}
}

func (e *echo) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.heard, " ")
}

// A caller is a driver's end of a line.
type caller struct {
	net.Conn
	replies *bufio.Reader
}

func call(t *testing.T, l *Line) *caller {
	t.Helper()
	return callAt(t, l.Addr())
}

func callAt(t *testing.T, address string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return talk(t, conn)
}

func talk(t *testing.T, conn net.Conn) *caller {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{conn, bufio.NewReader(conn)}
}

func (c *caller) ask(text string, limit time.Duration) (string, error) {
	_ = c.SetDeadline(time.Now().Add(limit))
	if _, err := fmt.Fprintf(c, "%s\n", text); err != nil {
		return "", err
	}
	return c.replies.ReadString('\n')
}

func startBoth(t *testing.T) (*echo, *Line) {
	t.Helper()
	e := startEcho(t)
	return e, Start(t, e.listener.Addr().String(), RESP)
}

func TestASoundLinePassesEverything(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	for _, text := range []string{"a", "b"} {
		if got, err := c.ask(text, time.Second); got != "+"+text+"\r\n" {
			t.Errorf("ask(%s) = %q, %v", text, got, err)
		}
	}
	if l.Replies() != 2 || l.Connections() != 1 {
		t.Errorf("%d replies on %d connections, want 2 on 1", l.Replies(), l.Connections())
	}
}

func TestALostReplyEndsItsConnectionAlone(t *testing.T) {
	e, l := startBoth(t)
	one, two := call(t, l), call(t, l)
	struck := l.LoseReply(1)
	if _, err := one.ask("first", time.Second); err != nil {
		t.Errorf("the reply before the lost one: %v", err)
	}
	if got, err := two.ask("second", time.Second); err == nil {
		t.Errorf("the lost reply came: %q", got)
	}
	if !struck() {
		t.Error("struck is false after the loss")
	}
	if got, err := one.ask("third", time.Second); err != nil {
		t.Errorf("another connection: %q, %v", got, err)
	}
	if got := e.all(); got != "first second third" {
		t.Errorf("the server heard %q", got)
	}
}

func TestALossIsCalledOff(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	if l.LoseReply(0)() {
		t.Error("struck before anything was said")
	}
	if _, err := c.ask("a", time.Second); err != nil {
		t.Error(err)
	}
}

func TestAReplyIsCutInTheMiddle(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	struck := l.CutReply(0, 4)
	got, err := c.ask("abcdef", time.Second)
	if got != "+abc" || err == nil || !struck() {
		t.Errorf("ask = %q, %v, want %q and an error", got, err, "+abc")
	}
}

// callBoth calls two servers over one line.
func callBoth(t *testing.T) (there, other *echo, l *Line, one, two *caller) {
	t.Helper()
	there, l = startBoth(t)
	other = startEcho(t)
	return there, other, l, call(t, l), callAt(t, to(t, l, other))
}

func to(t *testing.T, l *Line, e *echo) string {
	t.Helper()
	address, err := l.To(e.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestALineToSeveralServersIsOne(t *testing.T) {
	there, other, l, one, two := callBoth(t)
	if again := to(t, l, other); to(t, l, there) != l.Addr() || again != two.RemoteAddr().String() {
		t.Errorf("a server is reached by more than one way")
	}
	struck := l.LoseReply(1)
	if _, err := one.ask("a", time.Second); err != nil {
		t.Errorf("the reply before the lost one: %v", err)
	}
	if got, err := two.ask("b", time.Second); err == nil || !struck() {
		t.Errorf("the lost reply came from the other server: %q", got)
	}
	if there.all() != "a" || other.all() != "b" || l.Replies() != 2 || l.Connections() != 2 {
		t.Errorf("the servers heard %q and %q; %d replies, %d connections", there.all(), other.all(), l.Replies(), l.Connections())
	}
	l.Break()
	if _, err := one.ask("c", time.Second); err == nil {
		t.Error("a connection outlives the break")
	}
	third := startEcho(t)
	if conn, err := net.Dial("tcp", to(t, l, third)); err == nil {
		_, _ = talk(t, conn).ask("d", time.Second)
	}
	if got := third.all(); got != "" {
		t.Errorf("a broken line leads to a third server, which heard %q", got)
	}
	l.Mend()
	if _, err := callAt(t, to(t, l, other)).ask("e", time.Second); err != nil {
		t.Errorf("a mended line: %v", err)
	}
}

func TestOnlyWhatCountsIsLost(t *testing.T) {
	_, other, l, one, two := callBoth(t)
	l.CountOnly(func(target string, reply []byte) bool {
		return target == other.listener.Addr().String() && string(reply) != "+PONG\r\n"
	})
	struck := l.LoseReply(0)
	if _, err := one.ask("a", time.Second); err != nil {
		t.Errorf("the reply of a server whose replies don't count: %v", err)
	}
	if _, err := two.ask("PONG", time.Second); err != nil {
		t.Errorf("a reply that doesn't count: %v", err)
	}
	if got, err := two.ask("b", time.Second); err == nil || !struck() || l.Replies() != 1 {
		t.Errorf("a reply that counts came: %q; %d were counted", got, l.Replies())
	}
}

func TestABrokenLineIsMended(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	if _, err := c.ask("a", time.Second); err != nil {
		t.Fatal(err)
	}
	l.Break()
	if _, err := c.ask("b", time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection outlives the break: %v", err)
	}
	if conn, err := net.Dial("tcp", l.Addr()); err == nil { // the line may be quicker, and reset it even before
		if _, err := talk(t, conn).ask("c", time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a broken line lets connections be made: %v", err)
		}
	}
	l.Mend()
	if _, err := call(t, l).ask("d", time.Second); err != nil {
		t.Errorf("a mended line: %v", err)
	}
}

func TestACutLineTakesNewConnections(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	_, _ = c.ask("a", time.Second)
	l.Cut()
	if _, err := c.ask("b", time.Second); err == nil {
		t.Error("a connection outlives the cut")
	}
	if _, err := call(t, l).ask("c", time.Second); err != nil {
		t.Error(err)
	}
}

func TestWhatIsHeldComesWhenTheLineIsMended(t *testing.T) {
	for _, d := range []Direction{Requests, Replies} {
		e, l := startBoth(t)
		c := call(t, l)
		l.Hold(d)
		if got, err := c.ask("a", 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("direction %d: held, and yet %q, %v", d, got, err)
		}
		if heard := e.all(); (heard == "a") != (d == Replies) {
			t.Errorf("direction %d: the server heard %q", d, heard)
		}
		l.Mend()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if got, err := c.replies.ReadString('\n'); got != "+a\r\n" {
			t.Errorf("direction %d: after the mending %q, %v", d, got, err)
		}
	}
}

func TestADelayIsOneOfEachDirection(t *testing.T) {
	_, l := startBoth(t)
	c := call(t, l)
	l.Delay(Requests, 30*time.Millisecond)
	l.Delay(Replies, 20*time.Millisecond)
	began := time.Now()
	if _, err := c.ask("a", time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("took %v, want 50ms at least", took)
	}
}

func TestASlowCloseIsLearntLate(t *testing.T) {
	e, l := startBoth(t)
	c := call(t, l)
	if _, err := c.ask("a", time.Second); err != nil {
		t.Fatal(err)
	}
	l.SlowClose(60 * time.Millisecond)
	began := time.Now()
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.replies.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("err = %v, want EOF", err)
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("the hang-up was learnt after %v", took)
	}
	_ = e
}

func TestRESPLengths(t *testing.T) {
	whole := []string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*0\r\n", "*-1\r\n", "_\r\n", "#t\r\n", ",1.5\r\n",
		"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "%1\r\n+a\r\n$2\r\n\r\n\r\n", ">3\r\n+message\r\n+c\r\n+m\r\n", "|1\r\n+k\r\n+v\r\n:1\r\n",
	}
	for _, text := range whole {
		for n := range len(text) {
			if got, err := respLength([]byte(text[:n])); got != 0 || err != nil {
				t.Errorf("respLength(%q) = %d, %v, want 0", text[:n], got, err)
			}
		}
		if got, err := respLength([]byte(text + "+next\r\n")); got != len(text) || err != nil {
			t.Errorf("respLength(%q…) = %d, %v, want %d", text, got, err, len(text))
		}
	}
	if _, err := respLength([]byte("HTTP/1.1 200\r\n")); err == nil {
		t.Error("HTTP is taken for RESP")
	}
}
