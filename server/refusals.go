package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/observed"
)

// A reason is why something was refused that would have been all right at another time.
type reason int

const (
	tooManyConnections reason = iota
	tooManyBytes
	tooManyCalls
	storeIsFull
	reasons
)

var reasonNames = [reasons]string{"connections", "body_bytes", "store_calls", "store_full"}

// sayEvery is how often the log has a line about refusals. A line for each would be the more load the more there is.
const sayEvery = 10 * time.Second

// refusals counts what was refused for want of room.
type refusals struct {
	log    *slog.Logger
	counts [reasons]count
}

type count struct {
	all  atomic.Int64
	told atomic.Int64 // of those, how many the log knows of
	last atomic.Int64 // when the log was told, in Unix nanoseconds
}

func (r *refusals) note(why reason) {
	c := &r.counts[why]
	n, now, last := c.all.Add(1), time.Now().UnixNano(), c.last.Load()
	if now-last < sayEvery.Nanoseconds() || !c.last.CompareAndSwap(last, now) {
		return
	}
	r.log.LogAttrs(context.Background(), slog.LevelWarn, "refused for want of room",
		slog.String("reason", reasonNames[why]), slog.Int64("count", n-c.told.Swap(n)))
}

// store notes what was refused by the stores, or in front of them.
func (r *refusals) store(err *marconi.Error) {
	switch {
	case err.Is(marconi.ErrFull):
		r.note(storeIsFull)
	case err.Is(observed.ErrUnread):
		r.note(tooManyBytes)
	default:
		r.note(tooManyCalls)
	}
}

// readings are the counts by their names.
func (r *refusals) readings() map[string]func() int64 {
	all := map[string]func() int64{}
	for why := range reasons {
		all[reasonNames[why]] = r.counts[why].all.Load
	}
	return all
}

// What a client reads whose request came to no handler: the API's form of an error. The API itself (transport/rest) says
// the same of a store that is full or has too much to do.
const (
	crowded = `{"title":"Service temporarily unavailable","description":"The server has as many connections as it may."}`
	unread  = `{"title":"Service temporarily unavailable","description":"The server is giving out as many bytes at the moment as it may."}`

	retryAfter = "30" // seconds
)

// refuse answers a request that is not let in.
func refuse(w http.ResponseWriter, body string) {
	w.Header().Set("Retry-After", retryAfter)
	shortAnswer(w, http.StatusServiceUnavailable, body)
}

func shortAnswer(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h["content-type"] = []string{"application/json"} // in lower case, as all answers have it
	h["Content-Type"] = nil
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Vary", "Accept")
	if h.Get("X-Openstack-Request-Id") == "" {
		h.Set("X-Openstack-Request-Id", newRequestID())
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client may have gone: nobody is left to be told
}

// maxHeaders is how many headers a request may have. Each takes far more memory than its few bytes on the wire, for as long as
// the request lasts.
const maxHeaders = 100

const manyHeaders = `{"title":"Request header fields too large","description":"The request has more than 100 headers."}`

func tooManyHeaders(h http.Header) bool {
	n := len(h)
	for _, values := range h {
		n += len(values) - 1
	}
	return n > maxHeaders
}

// refuseHeaders answers a request with too many headers, and forgets them. Nothing is waited for: neither its body nor the
// connection's next request.
func refuseHeaders(w http.ResponseWriter, r *http.Request) {
	r.Header = nil
	w.Header().Set("Connection", "close")
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()
	_ = control.SetReadDeadline(time.Now())
	shortAnswer(w, http.StatusRequestHeaderFieldsTooLarge, manyHeaders)
}

// newRequestID is "req-" and a random UUID.
func newRequestID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	h := hex.EncodeToString(random[:])
	return "req-" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
