//go:build unix

package redis

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// figures are a meter that a test can read.
type figures struct {
	mu  sync.Mutex // guards all
	all map[string]float64
}

func (f *figures) Add(name string, n float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string]float64{}
	}
	f.all[name] += n
}

func (f *figures) Observe(string, float64) {}

func (f *figures) get(name string) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[name]
}

// A journal is what a client logged.
type journal struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// A wired is a client with what it told.
type wired struct {
	*client
	figures *figures
	journal *journal
}

func tryDial(t testing.TB, uri string) (wired, error) {
	t.Helper()
	s, err := parseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	w := wired{figures: &figures{}, journal: &journal{}}
	w.client, err = openClient(t.Context(), s, slog.New(slog.NewTextHandler(w.journal, nil)), w.figures)
	return w, err
}

func dialURI(t testing.TB, uri string) wired {
	t.Helper()
	w, err := tryDial(t, uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

// luaOf makes a script of a text.
func luaOf(name, text string) *script {
	sum := sha1.Sum([]byte(text))
	return &script{name: name, text: text, sha: hex.EncodeToString(sum[:]), repeat: true}
}

// increment counts how often it ran; as a post it is not to be repeated.
func increment() *script { return luaOf("increment", "return redis.call('INCR', KEYS[1])").once() }

func get() *script {
	s := luaOf("get", "return redis.call('GET', KEYS[1])")
	s.readOnly = true
	return s
}

// count runs the increment and gives what it counted.
func (w wired) count(ctx context.Context, key string) (int64, error) {
	m, err := w.run(ctx, increment(), []string{key}, nil)
	if err != nil {
		return 0, err
	}
	return m.AsInt64()
}

func mustCount(t testing.TB, w wired, key string, want int64) {
	t.Helper()
	if got, err := w.count(within(t, 5*time.Second), key); got != want || err != nil {
		t.Errorf("count = %d, %v, want %d", got, err, want)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until a call goes through again, and gives how long that took.
func eventually(t testing.TB, w wired, key string, limit time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		_, err := w.count(within(t, 2*time.Second), key)
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Fatalf("no call went through for %v: %v", limit, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestUnansweredCallsThatMayNotBeRepeatedAreNot(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	w := dialURI(t, "redis://"+line.Addr()+"?connections=1")
	mustCount(t, w, "{k}", 1)

	struck := line.LoseReply(0)
	_, err := w.count(within(t, 5*time.Second), "{k}")
	if !struck() {
		t.Fatal("the reply was not lost")
	}
	if !errors.Is(err, marconi.ErrUnavailable) || !strings.Contains(err.Error(), "it may have been done") {
		t.Errorf("err = %v, want unavailable, and that it may have been done", err)
	}
	mustCount(t, w, "{k}", 3)
}

func TestUnansweredCallsThatMayBeRepeatedAre(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	w := dialURI(t, "redis://"+line.Addr()+"?connections=1")
	mustCount(t, w, "{k}", 1)

	again := increment()
	again.repeat = true
	struck := line.LoseReply(0)
	m, err := w.run(within(t, 5*time.Second), again, []string{"{k}"}, nil)
	if n, _ := m.AsInt64(); err != nil || n != 3 || !struck() {
		t.Errorf("run = %d, %v, want 3: the lost try and the one after it", n, err)
	}
	if got := w.figures.get("redis_repeats_total"); got != 1 {
		t.Errorf("%v repeats are metered, want 1", got)
	}
}

func TestAReplyCutInTheMiddleIsNoReply(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	w := dialURI(t, "redis://"+line.Addr()+"?connections=1")
	big := luaOf("big", "redis.call('INCR', KEYS[1]); return string.rep('x', 100000)").once()
	if _, err := w.run(within(t, 5*time.Second), big, []string{"{k}"}, nil); err != nil {
		t.Fatal(err)
	}
	struck := line.CutReply(0, 5000)
	_, err := w.run(within(t, 5*time.Second), big, []string{"{k}"}, nil)
	if !errors.Is(err, marconi.ErrUnavailable) || !struck() {
		t.Errorf("err = %v", err)
	}
	mustCount(t, w, "{k}", 3)
}

func TestACallEndsWithItsContextAlone(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	w := dialURI(t, "redis://"+line.Addr()+"?connections=1")
	mustCount(t, w, "{k}", 1)
	made := line.Connections()

	line.Hold(faultproxy.Replies)
	began := time.Now()
	_, err := w.count(within(t, 50*time.Millisecond), "{k}")
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("err = %v, want unavailable because of its deadline", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := w.count(ctx, "{k}"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
	if took := time.Since(began); took > 800*time.Millisecond {
		t.Errorf("the calls ended after %v", took)
	}
	line.Mend()
	mustCount(t, w, "{k}", 4)
	if line.Connections() != made {
		t.Errorf("calls that ended early cost the others their connection")
	}
}

func TestScriptsAreLearntAgain(t *testing.T) {
	server := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+server.Address)
	if err := w.load(t.Context(), increment(), get()); err != nil {
		t.Fatal(err)
	}
	mustCount(t, w, "{k}", 1)
	if got := w.figures.get("redis_scripts_sent_total"); got != 0 {
		t.Errorf("%v scripts were sent though they were loaded", got)
	}
	server.Do("SCRIPT", "FLUSH")
	mustCount(t, w, "{k}", 2)
	mustCount(t, w, "{k}", 3)
	if got := w.figures.get("redis_scripts_sent_total"); got != 1 {
		t.Errorf("%v scripts were sent after SCRIPT FLUSH, want 1", got)
	}
}

func TestRepliesThatAreErrorsOrNull(t *testing.T) {
	server := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+server.Address)
	m, err := w.run(t.Context(), get(), []string{"absent"}, nil)
	if err != nil || !m.IsNil() {
		t.Errorf("a null reply is %v, %v", m, err)
	}
	failing := luaOf("failing", "return redis.error_reply('SEALED it is')")
	if _, err := w.run(t.Context(), failing, []string{"k"}, nil); err == nil || err.Error() != "SEALED it is" {
		t.Errorf("err = %v, want the reply itself", err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "1")
	if _, err := w.count(t.Context(), "k"); !errors.Is(err, marconi.ErrFull) {
		t.Errorf("err of a full server = %v, want %v", err, marconi.ErrFull)
	}
	if _, err := w.run(t.Context(), get(), []string{"absent"}, nil); err != nil {
		t.Errorf("a full server refuses to read: %v", err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	mustCount(t, w, "k", 1)
}

// Before 7.0 Redis does not mind its replicas in scripts.
func TestTooFewReplicasAreTrouble(t *testing.T) {
	server := testservices.StartRedis(t, "--min-replicas-to-write", "1")
	w := dialURI(t, "redis://"+server.Address)
	_, err := w.count(t.Context(), "k")
	if server.AtLeast(7, 0) && !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("err without enough replicas = %v, want %v", err, marconi.ErrUnavailable)
	}
}

func TestAServerThatWasKilledComesBack(t *testing.T) {
	server := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+server.Address)
	mustCount(t, w, "{k}", 1)
	server.Kill()
	for i := range 20 {
		began := time.Now()
		_, err := w.count(within(t, 5*time.Second), "{k}")
		if !errors.Is(err, marconi.ErrUnavailable) {
			t.Fatalf("err of a dead server = %v", err)
		}
		if took := time.Since(began); i > 3 && took > 200*time.Millisecond {
			t.Errorf("call %d to a dead server took %v", i, took)
		}
	}
	server.Start()
	if took := eventually(t, w, "{k}", 10*time.Second); took > 3*time.Second {
		t.Errorf("it took %v to find that the server is back", took)
	}
}

func TestAServerThatStandsStillIsGivenUp(t *testing.T) {
	server := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+server.Address+"?socket_timeout=1&connect_timeout=0.5")
	mustCount(t, w, "{k}", 1)
	server.Pause()
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			if _, err := w.count(within(t, 10*time.Second), "{k}"); !errors.Is(err, marconi.ErrUnavailable) {
				t.Errorf("err = %v", err)
			}
		})
	}
	began := time.Now()
	calls.Wait()
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("the calls under way ended after %v", took)
	}
	for i := range 5 { // until it is left alone
		if _, err := w.count(within(t, 5*time.Second), "{k}"); err == nil {
			t.Errorf("call %d: a server that stands still answered", i)
		}
	}
	began = time.Now()
	for range 20 {
		_, _ = w.count(within(t, 5*time.Second), "{k}")
	}
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("20 calls in a row to a server that stands still took %v", took)
	}
	server.Resume()
	eventually(t, w, "{k}", 15*time.Second)
}

func TestChangesOfThePassword(t *testing.T) {
	server := testservices.StartRedis(t, "--requirepass", "Hunter2Hunter2")
	server.WithAdmin("default", "Hunter2Hunter2")
	w := dialURI(t, "redis://:Hunter2Hunter2@"+server.Address)
	mustCount(t, w, "{k}", 1)
	server.Do("CONFIG", "SET", "requirepass", "another")
	server.WithAdmin("default", "another")
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	var err error
	for range 5 {
		_, err = w.count(within(t, 2*time.Second), "{k}")
	}
	if !errors.Is(err, marconi.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("err = %v, want unavailable, with Redis' own word", err)
	}
	if strings.Contains(fmt.Sprint(err)+w.journal.String(), "Hunter2") {
		t.Error("the password was told")
	}
	server.Do("CONFIG", "SET", "requirepass", "Hunter2Hunter2")
	eventually(t, w, "{k}", 5*time.Second)
}

func TestCallsAfterTheEnd(t *testing.T) {
	server := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+server.Address)
	w.close()
	if _, err := w.count(t.Context(), "k"); !errors.Is(err, marconi.ErrUnavailable) || !errors.Is(err, errClosed) {
		t.Errorf("err = %v, want that the store is closed", err)
	}
}

func TestMessagesOfTheSubscription(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	w := dialURI(t, "redis://"+line.Addr())
	messages, connects := make(chan string, 10), make(chan struct{}, 10)
	w.subscribe("mq1:wake:me", func(m string) { messages <- m }, func() { connects <- struct{}{} })
	for round := range 3 {
		awaitFrom(t, connects, "a connection")
		text := fmt.Sprint("message ", round)
		server.Do("PUBLISH", "mq1:wake:me", text)
		if got := awaitFrom(t, messages, "a message"); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
		line.Cut()
	}
	awaitFrom(t, connects, "the last connection")
}

// A connection that the library needs no more is no sign of trouble; one that breaks, or that is given up since no answer comes, is.
func TestALostConnectionIsNoted(t *testing.T) {
	server := testservices.StartRedis(t)
	line := faultproxy.Start(t, server.Address, faultproxy.RESP)
	for _, test := range []struct {
		name string
		end  func(conn net.Conn, ask func() error)
		want bool
	}{
		{"closed after an answer", func(_ net.Conn, ask func() error) { _ = ask() }, false},
		{"closed without a word", func(net.Conn, func() error) {}, false},
		{"broken", func(_ net.Conn, ask func() error) { _ = ask(); line.Cut(); _ = ask() }, true},
		{"broken while nobody asks", func(c net.Conn, ask func() error) { _ = ask(); line.Cut(); _, _ = c.Read(make([]byte, 1)) }, true},
		{"given up", func(c net.Conn, ask func() error) {
			_ = ask()
			line.Hold(faultproxy.Replies)
			_, _ = io.WriteString(c, "PING\r\n")
		}, true},
	} {
		d := newDialer(settings{}, &figures{})
		conn, err := d.dialShared(t.Context(), line.Addr(), &net.Dialer{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		test.end(conn, func() error {
			if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
				return err
			}
			_, err := conn.Read(make([]byte, 100))
			return err
		})
		_ = conn.Close()
		_, _ = io.WriteString(conn, "PING\r\n")
		_ = conn.Close()
		if got := len(d.lost) > 0; got != test.want {
			t.Errorf("a connection %s: noted %v, want %v", test.name, got, test.want)
		}
		line.Mend()
	}
}

func awaitFrom[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(5 * time.Second):
		t.Fatalf("no sign of %s", what)
	}
	return v
}

func containsText(err error, text string) bool { return strings.Contains(err.Error(), text) }

func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	server := testservices.StartRedis(t)
	before := goleak.IgnoreCurrent()
	w := dialURI(t, "redis://"+server.Address+"?durability=replicas&wait_ms=10")
	connects := make(chan struct{}, 10)
	w.subscribe("mq1:wake:me", func(string) {}, func() { connects <- struct{}{} })
	awaitFrom(t, connects, "a connection")
	_, _ = w.count(t.Context(), "k")
	w.close()
	goleak.VerifyNone(t, before)
}
