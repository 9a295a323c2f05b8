package rest

import (
	"cmp"
	"net/http"
	"strconv"
)

// A reply is what a handler answers.
type reply struct {
	status     int
	body       []byte // JSON, good until the call is released; nil: none. Where the status allows none it is left out
	mediaType  string // of the body; "" for plain JSON
	location   string // of what was made
	allow      string
	cache      string // for how long
	retryAfter string // seconds
	vary       string
}

func ok(body []byte) reply { return reply{status: http.StatusOK, body: body} }

func created(location string, body []byte) reply {
	return reply{status: http.StatusCreated, location: location, body: body}
}

func noContent() reply { return reply{status: http.StatusNoContent} }

// write sends the answer, and gives the size of the body that went out. It is the only place that sends anything.
func (c *call) write(w http.ResponseWriter, rep reply) int {
	h := w.Header()
	c.set(h, requestIDHeader, c.requestID)
	// These two names go out in lower case: clients that look for them so, as they always came, don't find others.
	c.set(h, "location", rep.location)
	c.set(h, "Content-Location", c.contentLocation)
	c.set(h, "Allow", rep.allow)
	c.set(h, "Cache-Control", rep.cache)
	c.set(h, "Retry-After", rep.retryAfter)
	c.set(h, "Vary", rep.vary)
	if rep.status == http.StatusNoContent {
		w.WriteHeader(rep.status)
		return 0
	}
	if rep.body != nil {
		c.set(h, "content-type", cmp.Or(rep.mediaType, "application/json"))
		h["Content-Type"] = nil // so that the server adds none
	}
	c.set(h, "Content-Length", strconv.Itoa(len(rep.body)))
	w.WriteHeader(rep.status)
	if c.request.Method == http.MethodHead {
		return 0
	}
	// An error means that the client is gone; nobody is left to be told.
	n, _ := w.Write(rep.body)
	return n
}

// set adds a header that has a value, out of the memory that the call brought.
func (c *call) set(h http.Header, name, value string) {
	if value == "" {
		return
	}
	n := c.headersUsed
	c.headersUsed++
	c.headers[n] = value
	h[name] = c.headers[n : n+1 : n+1]
}
