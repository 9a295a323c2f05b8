package marconi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage/drivers"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// The speed of the server is measured side by side with handlers that do less, over real sockets, in one process and one run:
//
//	bare      reads the body and answers 201 with as many bytes, in headers and body, as the server does
//	          by a net/http server with the same time-outs
//	stdjson   the same, after encoding/json has read the messages
//	decode    the same, after the server's own decoder has read them
//	memory    the server over memory
//	sqlite    the server over SQLite
//
// Each iteration of a benchmark gives every target one turn, so that -benchtime 10x is ten alternating runs; what is reported
// are medians. The client is written for this: it costs a fraction of net/http's.

// turn is how long a target is measured at a time.
const turn = 500 * time.Millisecond

const speedHeaders = "Host: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: p\r\n"

// speedMessages is the body of a post of n messages of about 1 KiB.
func speedMessages(n int) string {
	one := `{"ttl": 3600, "body": {"text": "` + strings.Repeat("x", 990) + `"}}`
	return `{"messages": [` + strings.Repeat(one+", ", n-1) + one + `]}`
}

func speedRequest(method, path, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, path, speedHeaders, len(body), body)
}

// A speedConn is one client's connection.
type speedConn struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

func dialSpeed(addr string) (*speedConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &speedConn{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// do sends a request and gives the answer's status, and its Location if it has one. Its body is in c.body.
func (c *speedConn) do(request []byte) (status int, location string, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, "", err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, "", fmt.Errorf("status line %q: %w", line, err)
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, "", err
		}
		if len(line) <= 2 {
			break
		}
		if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if v, found := bytes.CutPrefix(line, []byte("location: ")); found {
			location = string(bytes.TrimSpace(v))
		}
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, location, err
}

// A speedOperation is what a client does again and again, with how many requests.
type speedOperation struct {
	name     string
	requests int
	do       func(c *speedConn, queue string) error
}

func once(want int, method, suffix, body string) func(*speedConn, string) error {
	var mu sync.Mutex // guards made
	made := map[string][]byte{}
	request := func(queue string) []byte {
		mu.Lock()
		defer mu.Unlock()
		if made[queue] == nil {
			made[queue] = speedRequest(method, queue+suffix, body)
		}
		return made[queue]
	}
	return func(c *speedConn, queue string) error {
		status, _, err := c.do(request(queue))
		if err == nil && status != want {
			err = fmt.Errorf("%s %s: %d %s", method, suffix, status, c.body)
		}
		return err
	}
}

var (
	post1  = once(http.StatusCreated, http.MethodPost, "/messages", speedMessages(1))
	post10 = once(http.StatusCreated, http.MethodPost, "/messages", speedMessages(10))
	pop10  = once(http.StatusOK, http.MethodDelete, "/messages?pop=10", "")
)

var speedOperations = []speedOperation{
	{"post1", 1, post1},
	{"post10", 1, post10},
	{"list10", 1, once(http.StatusOK, http.MethodGet, "/messages?echo=true&limit=10", "")},
	{"claim10+release", 2, claimAnd(releaseClaim)},
	{"post10+claim10+delete10", 12, func(c *speedConn, queue string) error {
		return errors.Join(post10(c, queue), claimAnd(deleteClaimed)(c, queue))
	}},
	{"post10+pop10", 2, func(c *speedConn, queue string) error { return errors.Join(post10(c, queue), pop10(c, queue)) }},
	{"stats", 1, once(http.StatusOK, http.MethodGet, "/stats", "")},
}

// claimAnd claims ten messages and does something with them. With nothing to claim it is content: others were faster.
func claimAnd(then func(c *speedConn, claim string) error) func(*speedConn, string) error {
	return func(c *speedConn, queue string) error {
		status, location, err := c.do(speedRequest(http.MethodPost, queue+"/claims?limit=10", `{"ttl": 300, "grace": 60}`))
		if err != nil || status == http.StatusNoContent {
			return err
		}
		if status != http.StatusCreated {
			return fmt.Errorf("claim: %d %s", status, c.body)
		}
		return then(c, location)
	}
}

func releaseClaim(c *speedConn, claim string) error {
	_, _, err := c.do(speedRequest(http.MethodDelete, claim, ""))
	return err
}

func deleteClaimed(c *speedConn, _ string) error {
	var claimed struct{ Messages []struct{ Href string } }
	if err := json.Unmarshal(c.body, &claimed); err != nil {
		return err
	}
	for _, m := range claimed.Messages {
		if status, _, err := c.do(speedRequest(http.MethodDelete, m.Href, "")); err != nil || status != http.StatusNoContent {
			return fmt.Errorf("delete: %d, %w", status, err)
		}
	}
	return nil
}

// A speedTarget is a server under measurement.
type speedTarget struct {
	name, addr string
	posts      bool // it knows posts only
}

func speedTargets(b *testing.B) []speedTarget {
	return []speedTarget{
		{"bare", serveSpeed(b, http.HandlerFunc(bareHandler)), true},
		{"stdjson", serveSpeed(b, http.HandlerFunc(stdHandler)), true},
		{"decode", serveSpeed(b, decodeHandler()), true},
		{"memory", serveStore(b, "memory://"), false},
		{"sqlite", serveStore(b, "sqlite:///"+filepath.Join(b.TempDir(), "speed.db")), false},
	}
}

func serveSpeed(b *testing.B, h http.Handler) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c := config.Default().Marconi
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: c.HeaderTimeout, ReadTimeout: c.BodyTimeout, WriteTimeout: c.WriteTimeout, IdleTimeout: c.IdleTimeout,
	}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

func serveStore(b *testing.B, uri string) string {
	return testserver.Serve(b, server.Options{Drivers: drivers.All(), DataURI: uri})
}

// speedBuffers let the lesser handlers read as the server does: into memory that is used again.
var speedBuffers = sync.Pool{New: func() any { return new([]byte) }}

func withBody(w http.ResponseWriter, r *http.Request, read func([]byte) error) {
	buffer := speedBuffers.Get().(*[]byte)
	defer speedBuffers.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], int(r.ContentLength))[:r.ContentLength]
	if _, err := io.ReadFull(r.Body, *buffer); err != nil {
		return
	}
	if err := read(*buffer); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(speedAnswer))}
	h["Location"] = []string{"/v1.1/queues/speed/messages?ids=6b93d0cd4706884e0137d400"}
	h["X-Openstack-Request-Id"] = []string{"req-6e7d2d7e-6a5c-4d7c-8a55-0242ac120002"}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, speedAnswer)
}

// speedAnswer is as long as the server's answer to a post.
const speedAnswer = `{"resources":["/v1.1/queues/speed/messages/6b93d0cd4706884e0137d400"]}`

func bareHandler(w http.ResponseWriter, r *http.Request) {
	withBody(w, r, func([]byte) error { return nil })
}

func stdHandler(w http.ResponseWriter, r *http.Request) {
	withBody(w, r, func(text []byte) error {
		var post struct {
			Messages []struct {
				TTL  int64
				Body json.RawMessage
			}
		}
		return json.Unmarshal(text, &post)
	})
}

func decodeHandler() http.Handler {
	v11 := dialect.New(dialect.V11)[0]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		withBody(w, r, func(text []byte) error {
			_, err := v11.DecodeMessages(dialect.Document{Text: text, MaxDepth: dialect.DefaultDepth})
			return err
		})
	})
}

// measure lets clients do an operation for a turn, and gives requests a second.
func measure(b *testing.B, t speedTarget, op speedOperation, conns []*speedConn, queue string) float64 {
	b.Helper()
	var all sync.WaitGroup
	counts, errs := make([]int, len(conns)), make([]error, len(conns))
	start := time.Now()
	for i, c := range conns {
		all.Go(func() {
			for time.Since(start) < turn && errs[i] == nil {
				errs[i] = op.do(c, queue)
				counts[i] += op.requests
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		b.Fatalf("%s over %s: %v", op.name, t.name, err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds()
}

// BenchmarkHTTP reports requests a second of each target, and the ratios that the project holds itself to.
func BenchmarkHTTP(b *testing.B) {
	for _, op := range speedOperations {
		for _, clients := range []int{1, 32, 64} {
			b.Run(fmt.Sprintf("%s/clients=%d", op.name, clients), func(b *testing.B) {
				benchmarkOperation(b, op, clients)
			})
		}
	}
}

func benchmarkOperation(b *testing.B, op speedOperation, clients int) {
	var targets []speedTarget
	for _, t := range speedTargets(b) {
		if !t.posts || op.name == "post1" || op.name == "post10" {
			targets = append(targets, t)
		}
	}
	conns := map[string][]*speedConn{}
	for _, t := range targets {
		for range clients {
			c, err := dialSpeed(t.addr)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = c.conn.Close() })
			conns[t.name] = append(conns[t.name], c)
		}
	}
	rates := map[string][]float64{}
	round := 0
	for b.Loop() {
		queue := fmt.Sprintf("/v1.1/queues/speed%d", round)
		for _, t := range targets {
			if !t.posts {
				for range 100 { // what is listed, claimed and counted
					if err := post10(conns[t.name][0], queue); err != nil {
						b.Fatal(err)
					}
				}
			}
			rates[t.name] = append(rates[t.name], measure(b, t, op, conns[t.name], queue))
			if !t.posts {
				if _, _, err := conns[t.name][0].do(speedRequest(http.MethodDelete, queue, "")); err != nil {
					b.Fatal(err)
				}
			}
		}
		round++
	}
	b.ReportMetric(0, "ns/op")
	for name, r := range rates {
		b.ReportMetric(median(r), name+"/s")
	}
	for _, pair := range [][2]string{{"memory", "decode"}, {"decode", "stdjson"}, {"sqlite", "memory"}} {
		if over, under := rates[pair[0]], rates[pair[1]]; over != nil && under != nil {
			ratios := make([]float64, len(over))
			for i := range over {
				ratios[i] = over[i] / under[i]
			}
			b.ReportMetric(median(ratios), pair[0]+":"+pair[1])
		}
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
