// Package rest is the service's HTTP API: bytes in, the broker's operations, bytes out.
//
// routes.go is the whole API on one screen. A request goes through these hands:
//
//	router.go      the path leads to a place in the table, or nowhere: 404
//	call.go        the headers are checked, in the API's order, and the method is looked up
//	query.go accept.go body.go   what the handlers and checks read
//	queues.go messages.go claims.go health.go home.go   a handler says what to answer
//	errors.go      one table from error to status and title
//	reply.go       one function writes the answer
//
// What differs between versions of the API is in [dialect.Dialect]; what is allowed, filled in or remembered is the
// broker's. The package knows no clock but that of its log, and keeps nothing between requests but buffers.
//
// It stands in a [net/http.Server] whose timeouts are the program's to set: ReadTimeout bounds how long a body may take.
// That server answers some requests by itself, before any handler, with texts of its own: paths with broken escapes,
// lengths that are no number, control characters in headers.
package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// A Config is what the API is made of. Broker is needed.
type Config struct {
	Broker   *broker.Broker
	Versions dialect.Version // what is served beside /; everything below the paths of others is 404

	AdminMode bool // the admin routes are there
	// DeleteNeedsClaims refuses to delete messages by their IDs from version 1.1 on, since claims can't be named there.
	DeleteNeedsClaims bool
	MaxDepth          int // how deep a body may nest; 0: dialect.DefaultDepth
	// DrainTime is how long a body that nobody wants may take to come; 0, and more than 30 seconds: 30 seconds.
	DrainTime time.Duration
	Room      Room // for the bodies of requests; nil: there is no bound

	Logger   *slog.Logger // nil: nothing is logged
	LogLevel slog.Level   // of the line that each request leaves

	// Observe is told of each request when it has been answered. nil: nobody is. It is called by many goroutines at once
	// and has to be quick.
	Observe func(Observation)
}

// An Observation is what a request came to, in words few enough for labels.
type Observation struct {
	Version  string // "1.1"; "" outside of all versions
	Route    string // "GET /queues/{queue}", "" where there is none
	Status   int
	Bytes    int // of the answer's body
	Duration time.Duration
}

// api is the handler.
type api struct {
	Config
	limits  marconi.Limits
	root    *node
	homes   map[*dialect.Dialect][]byte
	ids     *requestIDs
	buffers *sync.Pool // of *[]byte
	calls   *sync.Pool // of *call
}

// New makes the handler of the API. It serves until the server around it ends, and has nothing to close.
func New(c Config) (http.Handler, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxDepth == 0 {
		c.MaxDepth = dialect.DefaultDepth
	}
	if c.DrainTime <= 0 || c.DrainTime > drainTime {
		c.DrainTime = drainTime
	}
	a := &api{
		Config:  c,
		limits:  c.Broker.Limits(),
		homes:   map[*dialect.Dialect][]byte{},
		ids:     newRequestIDs(),
		buffers: newBuffers(),
		calls:   &sync.Pool{New: func() any { return new(call) }},
	}
	dialects := dialect.New(c.Versions | dialect.Discovery)
	for _, d := range dialects {
		home, err := d.HomeDocument(c.AdminMode)
		if err != nil {
			return nil, fmt.Errorf("make the home document of version %s: %w", d.Name, err)
		}
		a.homes[d] = home
	}
	a.root = plant(routes, dialects, c.AdminMode)
	return a, nil
}

// ServeHTTP answers one request.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := a.clock(r.Context())
	c := a.calls.Get().(*call)
	c.api, c.writer, c.request = a, w, r
	c.query, c.requestID = query(r.URL.RawQuery), a.ids.of(r)
	defer c.release()
	c.found = a.root.find(r.URL.Path, &c.place)
	rep := c.answer(r.Context())
	if c.gone(rep) {
		c.report(r.Context(), statusGone, 0, start)
		panic(http.ErrAbortHandler) // whether messages were taken can't be told
	}
	c.drain(w)
	sent := c.write(w, rep)
	c.report(r.Context(), rep.status, sent, start)
}

// clock is the time, if anybody wants to know how long requests take.
func (a *api) clock(ctx context.Context) time.Time {
	if a.Observe == nil && !a.Logger.Enabled(ctx, a.LogLevel) {
		return time.Time{}
	}
	return time.Now()
}

// report tells the log and the observer what became of a request, if they want to know.
func (c *call) report(ctx context.Context, status, bytes int, start time.Time) {
	if start.IsZero() {
		return
	}
	took := time.Since(start)
	if c.api.Observe != nil {
		o := Observation{Route: c.route, Status: status, Bytes: bytes, Duration: took}
		if c.found {
			o.Version = c.dialect.Name
		}
		c.api.Observe(o)
	}
	if !c.api.Logger.Enabled(ctx, c.api.LogLevel) {
		return
	}
	c.api.Logger.LogAttrs(ctx, c.api.LogLevel, "request",
		slog.String("method", c.request.Method),
		slog.String("path", c.request.URL.Path),
		slog.Int("status", status),
		slog.Int("bytes", bytes),
		slog.Duration("duration", took),
		slog.String("request_id", c.requestID),
		slog.String("project", string(c.project)))
}
