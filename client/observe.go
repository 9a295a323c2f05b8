package client

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// An Exchange is one request and what became of it, for [Config.Observe]. Sizes are those of bodies. Times are counted
// from Start by the monotonic clock; getting a token comes before.
type Exchange struct {
	Operation Operation
	Method    string
	Route     string // such as /queues/{queue}/messages: without the version's path, and the same for all queues
	Queue     string // "" if it is about none
	Attempt   int    // 1, or more if Config.Retry repeats

	Status   int // of HTTP; 0 if no answer came
	Sent     int64
	Received int64
	Err      error // nil, an *Error, a *TransportError, or ErrTooLarge

	Start     time.Time
	Connected time.Duration // until a connection was at hand; 0 if none ever was, or the transport doesn't tell
	Head      time.Duration // until the head of the answer was read; 0 if it never came
	Total     time.Duration // until the answer was read to its end, or failed to come

	// Connections counts the connections that were taken for the request: more than one says that the transport sent it
	// again on another, because the first was closed. 0: the transport doesn't tell.
	Connections int
	Reused      bool // the last connection had served before
}

// A stopwatch collects what an Exchange tells. The transport's hooks may still fire on other goroutines after a call
// has ended, so what they write is atomic.
type stopwatch struct {
	start       time.Time
	head        time.Duration
	connected   atomic.Int64
	connections atomic.Int64
	reused      atomic.Bool
}

func newStopwatch() *stopwatch { return &stopwatch{start: time.Now()} }

// watch adds hooks for connections to a context. Those that the caller has put in stay.
func (s *stopwatch) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			s.connected.Store(int64(time.Since(s.start)))
			s.connections.Add(1)
			s.reused.Store(info.Reused)
		},
	})
}

func (s *stopwatch) gotHead() {
	if s != nil {
		s.head = time.Since(s.start)
	}
}

func (s *stopwatch) exchange(k call, attempt int, a answer, err error) Exchange {
	return Exchange{
		Operation: k.op, Method: k.method, Route: k.route, Queue: k.queue, Attempt: attempt,
		Status: a.status, Sent: int64(len(k.body)), Received: int64(len(a.body)), Err: err,
		Start:     s.start,
		Connected: time.Duration(s.connected.Load()), Head: s.head, Total: time.Since(s.start),
		Connections: int(s.connections.Load()), Reused: s.reused.Load(),
	}
}
