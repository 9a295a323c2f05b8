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
	h := headers{w.Header(), make([]string, 0, usualHeaders)}
	h.set(requestIDHeader, c.requestID)
	// These two names go out in lower case: clients that look for them so, as they always came, don't find others.
	h.set("location", rep.location)
	h.set("Content-Location", c.contentLocation)
	h.set("Allow", rep.allow)
	h.set("Cache-Control", rep.cache)
	h.set("Retry-After", rep.retryAfter)
	h.set("Vary", rep.vary)
	if rep.status == http.StatusNoContent {
		w.WriteHeader(rep.status)
		return 0
	}
	if rep.body != nil {
		h.set("content-type", cmp.Or(rep.mediaType, "application/json"))
		h.Header["Content-Type"] = nil // so that the server adds none
	}
	if len(rep.body) > countedBody || c.request.Method == http.MethodHead {
		h.set("Content-Length", strconv.Itoa(len(rep.body)))
	}
	w.WriteHeader(rep.status)
	if c.request.Method == http.MethodHead {
		return 0
	}
	// An error means that the client is gone; nobody is left to be told.
	n, _ := w.Write(rep.body)
	return n
}

// countedBody is the largest body whose length net/http puts into the answer itself, at less cost than a header.
const countedBody = 2048

// usualHeaders is how many headers most answers have at most.
const usualHeaders = 4

// headers are those of an answer, with one piece of memory for the values of most.
type headers struct {
	http.Header
	values []string
}

// set adds a header that has a value.
func (h *headers) set(name, value string) {
	if value == "" {
		return
	}
	n := len(h.values)
	h.values = append(h.values, value)
	h.Header[name] = h.values[n : n+1 : n+1]
}
