package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage/observed"
)

// A gate stands before the API: it bounds the memory for the bodies of requests and answers, and says of each request that was
// slow how much of its time was the store's.
type gate struct {
	api      http.Handler
	log      *slog.Logger
	refusals *refusals
	slowFrom time.Duration // 0: nothing is slow
	made     time.Time     // what the clock counts from: cheaper than to ask for the date
	dates    dates

	maxBodyBytes int64 // of requests, and as many of answers

	requests    atomic.Int64 // under way, those that wait among them
	bodyBytes   atomic.Int64 // of requests, as far as they have come
	answerBytes atomic.Int64 // of large answers
	slow        atomic.Int64 // requests so far
}

func newGate(c *config.Config, log *slog.Logger, r *refusals) *gate {
	return &gate{
		log:          log,
		made:         time.Now(),
		refusals:     r,
		slowFrom:     c.Marconi.SlowRequestTime,
		maxBodyBytes: c.Marconi.MaxBodyBytesInFlight,
	}
}

// ServeHTTP answers one request.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r.Context())
	if conn == nil { // another's listener
		conn = &connection{}
	}
	if conn.extra {
		w.Header().Set("Connection", "close")
		refuse(w, crowded)
		return
	}
	if tooManyHeaders(r.Header) {
		refuseHeaders(w, r)
		return
	}
	if r.ContentLength < 0 {
		// It came in chunks, and may have named a length, too, which net/http doesn't tell: then a proxy may have seen its end
		// elsewhere, and what stands behind it is not to be taken for a request (RFC 9112, 6.1).
		w.Header().Set("Connection", "close")
	}
	g.pass(conn, w, r)
}

// Take implements [rest.Room]: a body that could not come to its end beside the others is refused before more of it comes.
// One that is alone always has room.
func (g *gate) Take(n, held, whole int64) bool {
	others := g.bodyBytes.Add(n) - n - held
	if others > 0 && others+whole > g.maxBodyBytes {
		g.bodyBytes.Add(-n)
		g.refusals.note(tooManyBytes)
		return false
	}
	return true
}

// Give implements [rest.Room].
func (g *gate) Give(n int64) { g.bodyBytes.Add(-n) }

// takeAnswer takes n bytes of the room for answers. One that is alone always gets them.
func (g *gate) takeAnswer(n int64) bool {
	if all := g.answerBytes.Add(n); all > g.maxBodyBytes && all > n {
		g.answerBytes.Add(-n)
		return false
	}
	return true
}

// mayTake reports whether there is room for answers with messages that are taken for them, and can't be refused any more.
func (g *gate) mayTake() bool { return g.answerBytes.Load() < g.maxBodyBytes }

func (g *gate) pass(conn *connection, w http.ResponseWriter, r *http.Request) {
	x := &conn.exchange
	x.begin(g, conn, w, r)
	g.requests.Add(1)
	defer func() {
		g.requests.Add(-1)
		x.end()
	}()
	ctx := r.Context()
	if conn.all == nil {
		ctx = observed.WithShare(ctx, &x.share)
		r = r.WithContext(ctx)
	}
	start := time.Since(g.made)
	g.api.ServeHTTP(x, r)
	g.report(ctx, x, r, time.Since(g.made)-start)
}

// asksToWait reports whether a request may wait for messages. Whether it does is the API's to decide.
func asksToWait(r *http.Request) bool {
	for parameter := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if seconds, found := strings.CutPrefix(parameter, "wait="); found && seconds != "0" {
			return true
		}
	}
	return false
}

// report has a line in the log about a slow request. One that may have waited is judged by what it asked of the store.
func (g *gate) report(ctx context.Context, x *exchange, r *http.Request, took time.Duration) {
	if g.slowFrom <= 0 || took < g.slowFrom {
		return
	}
	inStore, calls := x.share.Time()
	if x.waits && inStore < g.slowFrom {
		return
	}
	g.slow.Add(1)
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", x.status),
		slog.Duration("duration", took),
		slog.Duration("store", inStore),
		slog.Int("store_calls", calls),
	}
	if calls > 0 {
		op, longest := x.share.Slowest()
		attrs = append(attrs, slog.String("slowest_call", op.Plane()+"."+op.Name()), slog.Duration("slowest_call_duration", longest))
	}
	attrs = append(attrs,
		slog.String("request_id", x.Header().Get("X-Openstack-Request-Id")),
		slog.String("project", r.Header.Get("X-Project-Id")))
	g.log.LogAttrs(ctx, slog.LevelWarn, "slow request", attrs...)
}
