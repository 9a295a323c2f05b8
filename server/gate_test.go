package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/config"
)

const messages = "/v1.1/queues/q/messages"

// Bodies beyond the bytes that may be under way are refused before they come.
func TestBodyBytes(t *testing.T) {
	t.Parallel()
	s := serve(t, configured(func(c *config.Config) { c.Marconi.MaxBodyBytesInFlight = 1000 }))
	body := `{"messages": [{"body": "` + strings.Repeat("x", 600) + `"}]}`
	slow := s.dial()
	slow.begin("POST", messages, len(body))
	eventually(t, "the first is under way", func() bool { return s.server.gate.bodyBytes.Load() == int64(len(body)) })

	other := s.dial()
	other.begin("POST", messages, len(body))
	start := time.Now()
	refused := other.answer()
	wantRefusal(t, refused)
	if took := time.Since(start); took > time.Second || !refused.closes {
		t.Errorf("refused after %v, the connection closes: %v; want at once, and to be told so", took, refused.closes)
	}
	if a := s.dial().do("GET", messages, ""); a.status != 200 {
		t.Errorf("a request without a body: status %d", a.status)
	}
	if a := s.dial().do("POST", messages, onePost); a.status != 201 {
		t.Errorf("a body that fits: status %d", a.status)
	}
	slow.send(body)
	if a := slow.answer(); a.status != 201 {
		t.Errorf("the first: status %d", a.status)
	}
	if a := s.dial().do("POST", messages, strings.Replace(body, "x", strings.Repeat("x", 2000), 1)); a.status != 201 {
		t.Errorf("a large body that is alone: status %d", a.status)
	}
	eventually(t, "nothing is under way", func() bool { return s.server.gate.bodyBytes.Load() == 0 })
	if n := s.server.refusals.counts[tooManyBytes].all.Load(); n != 1 {
		t.Errorf("%d refusals were counted, want 1", n)
	}
}

// What is announced and never sent takes no room from others: of a body that is read the first piece, of others nothing.
func TestAnnouncedBodies(t *testing.T) {
	t.Parallel()
	s := serve(t, configured(func(c *config.Config) { c.Marconi.MaxBodyBytesInFlight = 100_000 }))
	for range 10 {
		s.dial().begin("GET", "/v1/health", 99_000)
		s.dial().begin("DELETE", messages+"?pop=1&wait=20", 99_000)
		s.dial().begin("POST", "/v1.1/nowhere", 99_000)
	}
	for range 3 {
		s.dial().begin("POST", messages, 50_000)
	}
	eventually(t, "three pieces are under way", func() bool { return s.server.gate.bodyBytes.Load() >= 3*16<<10 })
	if a := s.dial().do("POST", messages, onePost); a.status != 201 {
		t.Errorf("a post beside them: status %d, %s", a.status, a.body)
	}
}

// Who waits for messages holds no room for the body that it had.
func TestWhoWaitsHoldsNoBody(t *testing.T) {
	t.Parallel()
	s := serve(t)
	body := "{}" + strings.Repeat(" ", 100_000)
	c := s.dial()
	c.begin("POST", "/v1.1/queues/q/claims?wait=20", len(body))
	eventually(t, "its body counts", func() bool { return s.server.gate.bodyBytes.Load() > 0 })
	c.send(body)
	eventually(t, "it waits", func() bool { return s.server.broker.Waiting() == 1 })
	if n := s.server.gate.bodyBytes.Load(); n != 0 {
		t.Errorf("it holds %d bytes", n)
	}
}

// A body for which there is no room any more is refused midway, and its client need not send the rest.
func TestABodyRefusedMidway(t *testing.T) {
	t.Parallel()
	s := serve(t, configured(func(c *config.Config) { c.Marconi.MaxBodyBytesInFlight = 70_000 }))
	under := func(n int64) func() bool { return func() bool { return s.server.gate.bodyBytes.Load() >= n } }
	first, second := s.dial(), s.dial()
	first.begin("POST", messages, 50_000)
	eventually(t, "the first is under way", under(16<<10))
	second.begin("POST", messages, 50_000)
	eventually(t, "the second is under way", under(32<<10))
	s.dial().begin("POST", messages, 10_000)
	eventually(t, "the third is under way", under(32<<10+10_000))
	second.send(strings.Repeat(" ", 20_000))
	start := time.Now()
	a := second.answer()
	wantRefusal(t, a)
	if took := time.Since(start); took > time.Second || !a.closes {
		t.Errorf("refused after %v, the connection closes: %v", took, a.closes)
	}
}

// While clients have yet to read as much as they may, nothing more is taken out of the store for them.
func TestNothingIsTakenForFullHands(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.dial().do("POST", messages, onePost)
	s.server.gate.answerBytes.Store(s.server.gate.maxBodyBytes)
	for _, take := range [][2]string{
		{"POST", "/v1.1/queues/q/claims"}, {"DELETE", messages + "?pop=1"},
	} {
		a := s.dial().do(take[0], take[1], "")
		wantRefusal(t, a)
		if !strings.Contains(a.body, "giving out as many bytes") {
			t.Errorf("%s %s: %s", take[0], take[1], a.body)
		}
	}
	if a := s.dial().do("GET", messages+"?echo=true", ""); a.status != 200 {
		t.Errorf("a small list: status %d", a.status)
	}
	s.server.gate.answerBytes.Store(0)
	if a := s.dial().do("DELETE", messages+"?pop=1", ""); a.status != 200 || !strings.Contains(a.body, `"body"`) {
		t.Errorf("afterwards: status %d, %s", a.status, a.body)
	}
	if n := s.server.refusals.counts[tooManyBytes].all.Load(); n != 2 {
		t.Errorf("%d refusals were counted, want 2", n)
	}
}

// A slowStore takes its time for posts.
type slowStore struct {
	marconi.DataStore
	before func(context.Context) error
}

func (s slowStore) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	if err := s.before(ctx); err != nil {
		return nil, err
	}
	return s.DataStore.Post(ctx, q, p)
}

// beforePosts has the store do something before each post.
func beforePosts(before func(context.Context) error) func(*Options) {
	return func(o *Options) {
		o.WrapData = func(d marconi.DataStore) marconi.DataStore { return slowStore{d, before} }
	}
}

func sleeping(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d)
		return nil
	}
}

// More calls than the stores may work on are refused early, in the API's words; those who wait for messages don't count.
func TestOverload(t *testing.T) {
	t.Parallel()
	finish := make(chan struct{})
	s := serve(t, beforePosts(func(context.Context) error { <-finish; return nil }), configured(func(c *config.Config) {
		c.Marconi.MaxRequests = 2
		c.Marconi.LogLevel = "debug"
	}))
	s.dial().do("PUT", "/v1.1/queues/q", "")
	var waiting []*client
	for range 10 {
		c := s.dial()
		c.begin("POST", "/v1.1/queues/q/claims?wait=20", 0)
		waiting = append(waiting, c)
	}
	eventually(t, "ten wait", func() bool { return s.server.broker.Waiting() == 10 && s.server.observer.Calls() == 0 })
	posts := []*client{s.dial(), s.dial()}
	for _, c := range posts {
		c.begin("POST", messages, len(onePost))
		c.send(onePost)
	}
	eventually(t, "two post", func() bool { return s.server.observer.Calls() == 2 })

	for range 3 {
		start := time.Now()
		wantRefusal(t, s.dial().do("POST", messages, onePost))
		if took := time.Since(start); took > time.Second {
			t.Errorf("refused after %v, want at once", took)
		}
	}
	if a := s.dial().do("GET", "/v1/health", ""); a.status != 204 {
		t.Errorf("health under load: status %d", a.status)
	}
	close(finish)
	for _, c := range posts {
		if a := c.answer(); a.status != 201 {
			t.Errorf("a post that was let in: status %d", a.status)
		}
	}
	s.stop()
	for _, c := range waiting {
		if a := c.answer(); a.status != 201 && a.status != 204 {
			t.Errorf("one who waited: status %d", a.status)
		}
	}
	// Two who waited may have looked before the posts that woke them were over: their looks are refused, and they are not.
	if n := s.server.refusals.counts[tooManyCalls].all.Load(); n < 3 || n > 5 {
		t.Errorf("%d refusals were counted, want 3", n)
	}
	if lines := s.log.lines("refused for want of room", "reason=store_calls"); len(lines) != 1 {
		t.Errorf("the log has %d lines about refusals, want one: %v", len(lines), lines)
	}
	if lines := s.log.lines("level=ERROR"); len(lines) > 0 {
		t.Errorf("the log calls an overload an error: %v", lines)
	}
}

// However many come at once, the store has no more to do than it may, and each client has an answer.
func TestAStorm(t *testing.T) {
	t.Parallel()
	const clients, each, most = 64, 20, 8
	var now, highest atomic.Int64
	s := serve(t, configured(func(c *config.Config) { c.Marconi.MaxRequests = most }), beforePosts(func(context.Context) error {
		n := now.Add(1)
		defer now.Add(-1)
		for old := highest.Load(); n > old && !highest.CompareAndSwap(old, n); {
			old = highest.Load()
		}
		time.Sleep(2 * time.Millisecond)
		return nil
	}))
	var posted, refused atomic.Int64
	var all sync.WaitGroup
	for range clients {
		c := s.dial()
		all.Go(func() {
			for range each {
				_, _ = fmt.Fprintf(c, "POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", messages, usual, len(onePost), onePost)
				switch a, err := c.read(); {
				case err != nil:
					t.Error(err)
					return
				case a.status == 201:
					posted.Add(1)
				default:
					wantRefusal(t, a)
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	if posted.Load() < most || refused.Load() == 0 || posted.Load()+refused.Load() != clients*each || highest.Load() > most {
		t.Errorf("%d posts were let in and %d refused of %d; the store had up to %d at once, and may have %d",
			posted.Load(), refused.Load(), clients*each, highest.Load(), most)
	}
	if stats := s.dial().do("GET", "/v1.1/queues/q/stats", ""); !strings.Contains(stats.body, fmt.Sprintf(`"total":%d`, posted.Load())) {
		t.Errorf("%d posts were confirmed, and the stats are %s", posted.Load(), stats.body)
	}
}

// A store that hangs costs a client no more than the time that it has for a request.
func TestAStoreThatHangs(t *testing.T) {
	s := serve(t, configured(func(c *config.Config) { c.Marconi.RequestTimeout = 50 * time.Millisecond }),
		beforePosts(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	start := time.Now()
	wantRefusal(t, s.dial().do("POST", messages, onePost))
	if took := time.Since(start); took < 50*time.Millisecond || took > 3*time.Second {
		t.Errorf("answered after %v", took)
	}
}

// A store that is full says so, and lets consumers work.
func TestAFullStore(t *testing.T) {
	s := serve(t, func(o *Options) { o.DataURI, o.ControlURI = "memory://?max_bytes=20000", "memory://?max_bytes=20000" })
	c := s.dial()
	posted := 0
	var a answer
	for a.status = 201; a.status == 201 && posted < 1000; posted++ {
		a = c.do("POST", messages, onePost)
	}
	wantRefusal(t, a)
	if !strings.Contains(a.body, "The store is full.") {
		t.Errorf("the body is %s", a.body)
	}
	if a := c.do("DELETE", messages+"?pop=1", ""); a.status != 200 {
		t.Errorf("a pop from a full store: status %d", a.status)
	}
	if a := c.do("POST", messages, onePost); a.status != 201 {
		t.Errorf("a post when there is room again: status %d", a.status)
	}
	if n := s.server.refusals.counts[storeIsFull].all.Load(); n != 1 {
		t.Errorf("%d refusals were counted, want 1", n)
	}
}

var attribute = regexp.MustCompile(` (\w+)=("[^"]*"|\S+)`)

// A slow request leaves a line that says how much of it was the store's; one that waits is not slow for that.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, beforePosts(sleeping(60*time.Millisecond)), configured(func(c *config.Config) {
		c.Marconi.SlowRequestTime = 50 * time.Millisecond
	}))
	c := s.dial()
	a := c.do("POST", messages, onePost)
	c.do("GET", messages, "")
	c.do("POST", "/v1.1/queues/q/claims?wait=1", "") // its message is free
	c.do("POST", "/v1.1/queues/q/claims?wait=1", "") // nothing is
	eventually(t, "there is a line", func() bool { return len(s.log.lines("slow request")) > 0 })
	lines := s.log.lines("slow")
	if len(lines) != 1 {
		t.Fatalf("%d lines are about slow requests, want 1: %q", len(lines), lines)
	}
	got := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(lines[0], -1) {
		got[m[1]] = strings.Trim(m[2], `"`)
	}
	for name, want := range map[string]string{
		"level": "WARN", "method": "POST", "path": messages, "status": "201", "store_calls": "2", "slowest_call": "data.post",
		"request_id": a.header.Get("X-Openstack-Request-Id"), "project": "p",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q, in %s", name, got[name], want, lines[0])
		}
	}
	took, _ := time.ParseDuration(got["duration"])
	store, _ := time.ParseDuration(got["store"])
	slowest, _ := time.ParseDuration(got["slowest_call_duration"])
	if slowest < 60*time.Millisecond || store < slowest || took < store {
		t.Errorf("the request took %v, the store %v of it, its slowest call %v", took, store, slowest)
	}
	if n := s.server.gate.slow.Load(); n != 1 {
		t.Errorf("%d slow requests were counted, want 1", n)
	}
}

// The handler works behind another's listener, too.
func TestHandlerAlone(t *testing.T) {
	s := serve(t, beforePosts(sleeping(10*time.Millisecond)), configured(func(c *config.Config) {
		c.Marconi.SlowRequestTime = time.Millisecond
	}))
	other := httptest.NewServer(s.server.Handler())
	defer other.Close()
	s.api = other.Listener.Addr().String()
	if a := s.dial().do("POST", messages, onePost); a.status != 201 {
		t.Errorf("status %d", a.status)
	}
	eventually(t, "there is a line", func() bool { return len(s.log.lines("slow request", "store_calls=2")) == 1 })
}

func TestAsksToWait(t *testing.T) {
	for query, want := range map[string]bool{
		"":                    false,
		"wait=5":              true,
		"limit=2&wait=5":      true,
		"wait=0":              false,
		"await=5":             false,
		"limit=2":             false,
		"x=wait%3D5&limit=10": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1.1/queues/q/messages?"+query, nil)
		if got := asksToWait(r); got != want {
			t.Errorf("asksToWait(%q) = %v, want %v", query, got, want)
		}
	}
}

// A refusal costs a line in the log now and then, not one each.
func TestRefusalsAreLoggedSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		r := &refusals{log: newTextLogger(&log)}
		for range 1000 {
			r.note(tooManyBytes)
			time.Sleep(20 * time.Millisecond)
		}
		r.note(tooManyConnections)
		lines := log.lines("reason=body_bytes")
		if len(lines) != 2 || !strings.Contains(lines[0], "count=1 ") && !strings.HasSuffix(lines[0], "count=1\n") || !strings.Contains(lines[1], "count=500") {
			t.Errorf("a thousand refusals in 20 s are logged as %q", lines)
		}
		if lines := log.lines("reason=connections", "count=1"); len(lines) != 1 {
			t.Errorf("another reason is logged as %q", lines)
		}
	})
}

// Slow clients are cut.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := serve(t, configured(func(c *config.Config) {
		c.Marconi.HeaderTimeout = 200 * time.Millisecond
		c.Marconi.BodyTimeout = 400 * time.Millisecond
		c.Marconi.IdleTimeout = 300 * time.Millisecond
	}))
	var all sync.WaitGroup
	trickle := func(c *client, text string) time.Duration {
		start := time.Now()
		for i := range text {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
			if time.Since(start) > 5*time.Second {
				break
			}
		}
		return time.Since(start)
	}
	all.Go(func() {
		c := s.dial()
		if took := trickle(c, "GET /v1/health HTTP/1.1\r\n"+strings.Repeat("X-Slow: yes\r\n", 100)); took > 2*time.Second {
			t.Errorf("slow headers were taken for %v", took)
		}
		if !c.closed(time.Second) {
			t.Error("after slow headers the connection is open")
		}
	})
	all.Go(func() {
		c := s.dial()
		body := `{"messages": [{"body": "` + strings.Repeat("x", 1000) + `"}]}`
		c.begin("POST", messages, len(body))
		if took := trickle(c, body); took > 2*time.Second {
			t.Errorf("a slow body was taken for %v", took)
		}
		// The answer may be lost: the client was still writing.
		if a, err := c.read(); err == nil && (a.status != 400 || !a.closes || !strings.Contains(a.body, `"title"`)) {
			t.Errorf("a slow body: status %d, the connection closes: %v, %s", a.status, a.closes, a.body)
		}
	})
	all.Go(func() {
		c := s.dial()
		c.begin("POST", messages, 100)
		if a := c.answer(); a.status != 400 || !a.closes || !strings.Contains(a.body, "Invalid request body") {
			t.Errorf("a body that never comes: status %d, the connection closes: %v, %s", a.status, a.closes, a.body)
		}
	})
	all.Go(func() {
		c := s.dial()
		c.do("GET", "/v1/health", "")
		if start := time.Now(); !c.closed(3*time.Second) || time.Since(start) < 100*time.Millisecond {
			t.Errorf("an idle connection was closed after %v", time.Since(start))
		}
	})
	all.Wait()
	eventually(t, "nothing is left of them", func() bool {
		return s.server.connections.open.Load() == 0 && s.server.gate.bodyBytes.Load() == 0
	})
}

// A body of a gigabyte is refused when it is announced. What of it comes costs no memory.
func TestHugeBodies(t *testing.T) {
	s := serve(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const clients = 50
	chunk := []byte(strings.Repeat("x", 64<<10))
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			c := s.dial()
			c.begin("POST", messages, 1<<30)
			start := time.Now()
			a := c.answer()
			if a.status != 400 || !a.closes || !strings.Contains(a.body, "Invalid API request") || time.Since(start) > 3*time.Second {
				t.Errorf("status %d after %v, the connection closes: %v, %s", a.status, time.Since(start), a.closes, a.body)
			}
			for sent := 0; sent < 1<<30; sent += len(chunk) {
				if _, err := c.Write(chunk); err != nil {
					return
				}
				if time.Since(start) > 10*time.Second {
					t.Error("the body is still taken")
					return
				}
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > clients*100<<10 {
		t.Errorf("%d such requests took %d bytes of memory", clients, taken)
	}
	if a := s.dial().do("POST", messages, onePost); a.status != 201 {
		t.Errorf("an ordinary request then: status %d", a.status)
	}
}

// Floods of headers and depths of JSON are refused.
func TestFloods(t *testing.T) {
	s := serve(t)
	for name, headers := range map[string]string{
		"one long header":     "X-Long: " + strings.Repeat("x", 100_000) + "\r\n",
		"many short headers":  strings.Repeat("X-A: b\r\n", 20_000),
		"a long path":         "",
		"many header names":   manyNames(10_000),
		"a long header name":  strings.Repeat("N", 100_000) + ": x\r\n",
		"a header over lines": "X-Long: " + strings.Repeat("x\r\n ", 30_000) + "\r\n",
	} {
		c := s.dial()
		target := "/v1/health"
		if headers == "" {
			target += "?x=" + strings.Repeat("y", 100_000)
		}
		go func() { _, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\n%s%s\r\n", target, usual, headers) }()
		if a := c.answer(); a.status != 431 || !a.closes {
			t.Errorf("%s: status %d, the connection closes: %v; want 431", name, a.status, a.closes)
		}
	}
	deep := `{"messages": [{"body": ` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}]}`
	start := time.Now()
	if a := s.dial().do("POST", messages, deep); a.status != 400 || !strings.Contains(a.body, "Invalid request body") || time.Since(start) > time.Second {
		t.Errorf("JSON 100 000 deep: status %d after %v, %s", a.status, time.Since(start), a.body)
	}
	if a := s.dial().do("POST", messages, onePost); a.status != 201 {
		t.Errorf("an ordinary request then: status %d", a.status)
	}
}

// A request with more headers than anybody needs is refused at once, and holds nothing: not for as long as its body doesn't come.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, tt := range map[string]struct {
		headers string
		status  int
	}{
		"as many as may be": {manyNames(maxHeaders - 5), 204},
		"many names":        {manyNames(maxHeaders), 431},
		"one name":          {strings.Repeat("x:\r\n", 10_000), 431},
		"an unsent body":    {manyNames(maxHeaders) + "Content-Length: 1000\r\n", 431},
		"a huge one":        {manyNames(maxHeaders) + "Content-Length: 300000\r\n", 431},
	} {
		c := s.dial()
		c.send("GET /v1/health HTTP/1.1\r\n" + usual + tt.headers + "\r\n")
		a := c.answer()
		if a.status != tt.status || a.closes != (tt.status == 431) || len(a.header.Get("X-Openstack-Request-Id")) != 40 {
			t.Errorf("%s: status %d, the connection closes: %v, headers %v; want %d", name, a.status, a.closes, a.header, tt.status)
		}
		if tt.status == 431 && (!strings.Contains(a.body, `"title"`) || !c.closed(5*time.Second)) {
			t.Errorf("%s: %s, or the connection stays open", name, a.body)
		}
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: y\r\n", i)
	}
	return b.String()
}

// A post wakes more than the stores may work for at once: each of those who waited has the message, and none is refused.
func TestAPostWakesMoreThanMayLook(t *testing.T) {
	t.Parallel()
	const readers = 40
	s := serve(t, configured(func(c *config.Config) { c.Marconi.MaxRequests = 4 }), listingSlowly(2*time.Millisecond))
	s.dial().do("PUT", "/v1.1/queues/q", "")
	waiting := make([]*client, readers)
	for i := range waiting {
		waiting[i] = s.dial()
		waiting[i].begin("GET", messages+"?wait=20&echo=true", 0)
		eventually(t, "it waits", func() bool { return s.server.broker.Waiting() == int64(i+1) })
	}
	s.dial().do("POST", messages, onePost)
	for _, c := range waiting {
		if a := c.answer(); a.status != 200 || !strings.Contains(a.body, `"body"`) {
			t.Fatalf("one who waited: status %d, %s", a.status, a.body)
		}
	}
}

// listingSlowly has the store take its time for lists.
func listingSlowly(d time.Duration) func(*Options) {
	return func(o *Options) {
		o.WrapData = func(data marconi.DataStore) marconi.DataStore { return slowLists{data, d} }
	}
}

type slowLists struct {
	marconi.DataStore
	time time.Duration
}

func (s slowLists) List(ctx context.Context, q marconi.QueueRef, l marconi.Listing) (marconi.Page[marconi.Message], error) {
	time.Sleep(s.time)
	return s.DataStore.List(ctx, q, l)
}
