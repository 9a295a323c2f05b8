package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A Gateway is a bad line for servers that speak HTTP: it passes on requests, and what is answered, one by one. What is to
// happen to a request can be told by what it asks for.
//
//	gateway := faultproxy.StartGateway(t, server.Address)
//	open a store at gateway.Addr()
//	gateway.Plan(func(r *http.Request) faultproxy.Trouble {
//		return faultproxy.Trouble{Answer: map[bool]int{true: 503}[r.Method == http.MethodPut]}
//	})
//
// Servers see the gateway's address as the host that is asked for, so that URLs that they make lead through it, too. Like a
// [Line] it can lose the reply of a number, and be broken.
type Gateway struct {
	target    string
	transport *http.Transport
	server    *http.Server
	address   string
	tasks     sync.WaitGroup // the server, and requests under way
	loss      loss

	mu     sync.Mutex // guards what follows
	plan   func(*http.Request) Trouble
	closed bool
	broken bool
	open   map[net.Conn]bool
}

// A Trouble is what happens to a request. The zero value passes it on.
type Trouble struct {
	Delay  time.Duration              // it is late by so much
	Lost   bool                       // it never arrives, and is never answered
	Refuse int                        // it never arrives, and is answered with this status
	Mute   bool                       // it is carried out, and never answered
	Cut    bool                       // it is carried out, and the connection ends in place of an answer
	Answer int                        // it is carried out, and answered with this status and nothing else
	Change func(*http.Response) error // it is carried out, and this changes the answer, whose body is in memory
}

// StartGateway listens on a port of the loopback, until the test ends, for requests to a server at target, host:port.
func StartGateway(t testing.TB, target string) *Gateway {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{
		target: target, address: listener.Addr().String(),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		open:      map[net.Conn]bool{},
	}
	g.server = &http.Server{Handler: http.HandlerFunc(g.serve), ConnState: g.track}
	g.tasks.Go(func() {
		if err := g.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the gateway ended: %v", err)
		}
	})
	t.Cleanup(g.close)
	return g
}

func (g *Gateway) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	_ = g.server.Close()
	g.tasks.Wait()
	g.transport.CloseIdleConnections()
}

// Addr is where the driver connects to, host:port.
func (g *Gateway) Addr() string { return g.address }

// Plan has a function tell, from now on, what happens to each request; nil is nothing. It is called under a lock, one request
// at a time, and must not read the request's body.
func (g *Gateway) Plan(plan func(*http.Request) Trouble) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plan = plan
}

// LoseReply lets everything through but the server's answer number n from now on, counted from 0 over all connections as
// they come; in its place the connection ends. Struck reports whether that has happened; a loss that has not happened by
// then is called off.
func (g *Gateway) LoseReply(n int) (struck func() bool) { return g.loss.plan(n, 0) }

// Break ends all connections and lets none be made.
func (g *Gateway) Break() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken = true
	for conn := range g.open {
		hangUp(conn)
	}
}

// Mend makes it sound again: nothing is planned, and no loss.
func (g *Gateway) Mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.broken, g.plan = false, nil
	g.loss.callOff()
}

// track knows the connections there are, and hangs up on those that come when it is broken.
func (g *Gateway) track(conn net.Conn, state http.ConnState) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch state {
	case http.StateNew:
		g.open[conn] = true
		if g.broken {
			hangUp(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(g.open, conn)
	}
}

func (g *Gateway) troubleOf(r *http.Request) Trouble {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.plan == nil {
		return Trouble{}
	}
	return g.plan(r)
}

// abort ends the connection of the request that is being served.
func abort() { panic(http.ErrAbortHandler) }

// enter lets a request in, which has to leave g.tasks, unless the gateway is closed.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.tasks.Add(1)
	}
	return !g.closed
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	if !g.enter() {
		abort()
	}
	defer g.tasks.Done()
	body, err := io.ReadAll(r.Body) // to the end, else it is not noticed that the client has gone
	if err != nil {
		abort()
	}
	trouble := g.troubleOf(r)
	select {
	case <-time.After(trouble.Delay):
	case <-r.Context().Done():
		abort()
	}
	switch {
	case trouble.Lost:
		<-r.Context().Done()
		abort()
	case trouble.Refuse != 0:
		w.WriteHeader(trouble.Refuse)
		return
	}
	answer, err := g.pass(r, body, trouble)
	if err != nil {
		abort() // as if the server itself had
	}
	defer answer.Body.Close()
	if _, struck := g.loss.meet(0); struck {
		abort()
	}
	switch {
	case trouble.Mute:
		<-r.Context().Done()
		abort()
	case trouble.Cut:
		abort()
	case trouble.Answer != 0:
		w.WriteHeader(trouble.Answer)
		return
	}
	write(w, answer)
}

// pass sends a request to the server, and reads the answer. What is to be carried out is so even if the client doesn't wait.
func (g *Gateway) pass(r *http.Request, body []byte, trouble Trouble) (*http.Response, error) {
	ctx := r.Context()
	if trouble.Mute || trouble.Cut {
		ctx = context.WithoutCancel(ctx)
	}
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", g.target, ""
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer, err := g.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	if trouble.Change != nil {
		err = trouble.Change(answer)
	}
	return answer, err
}

// write answers as the server has.
func write(w http.ResponseWriter, answer *http.Response) {
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		abort()
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if answer.Request.Method != http.MethodHead {
		w.Header().Del("Content-Length") // which is counted anew
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}
