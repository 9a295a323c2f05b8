package server

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/marconi-mq/marconi/storage/observed"
)

// smallAnswer is the largest body of an answer that is not counted: what a connection takes anyway is not much less.
const smallAnswer = 16 << 10

// An exchange is a request and its answer, as far as the gate knows them. A few bytes ask for an answer of megabytes, which
// stays in memory until the client has read it, or its time is over: so there is a bound for those.
type exchange struct {
	http.ResponseWriter
	share   observed.Share
	gate    *gate
	conn    *connection
	status  int
	waits   bool
	safe    bool  // nothing is lost if the answer is refused
	refused bool  // it was
	bytes   int64 // of the answer, if they count
}

func (x *exchange) begin(g *gate, c *connection, w http.ResponseWriter, r *http.Request) {
	x.ResponseWriter, x.gate, x.conn, x.status = w, g, c, 0
	x.waits, x.safe = asksToWait(r), r.Method == http.MethodGet
	x.refused, x.bytes = false, 0
	x.share.Reset()
}

func (x *exchange) end() {
	if x.bytes > 0 {
		x.gate.answerBytes.Add(-x.bytes)
	}
	x.ResponseWriter = nil // an idle connection need not hold it
}

// WriteHeader implements [http.ResponseWriter]. Instead of a large answer that there is no room for goes a refusal.
func (x *exchange) WriteHeader(status int) {
	if !x.takeRoom() {
		x.status, x.refused = http.StatusServiceUnavailable, true
		x.gate.refusals.note(tooManyBytes)
		maps.DeleteFunc(x.Header(), func(name string, _ []string) bool { return name != "X-Openstack-Request-Id" && name != "Connection" })
		refuse(x.ResponseWriter, unread)
		return
	}
	x.status = status
	x.Header()["Date"] = x.gate.dates.at(time.Now())
	x.ResponseWriter.WriteHeader(status)
}

// takeRoom takes the room for a large answer. One that carries messages which were taken for it always gets it.
func (x *exchange) takeRoom() bool {
	length := x.Header()["Content-Length"]
	if len(length) == 0 || len(length[0]) < 5 { // most answers
		return true
	}
	n, _ := strconv.ParseInt(length[0], 10, 64)
	if n <= smallAnswer {
		return true
	}
	if x.safe && !x.gate.takeAnswer(n) {
		return false
	}
	if !x.safe {
		x.gate.answerBytes.Add(n)
	}
	x.bytes = n
	return true
}

// Write implements [http.ResponseWriter]. Of an answer that was refused nothing goes out.
func (x *exchange) Write(p []byte) (int, error) {
	if x.refused {
		return len(p), nil
	}
	if len(p) < corkFrom || len(p) > corkTo {
		return x.ResponseWriter.Write(p)
	}
	x.conn.hold()
	n, err := x.ResponseWriter.Write(p)
	if f, can := x.ResponseWriter.(http.Flusher); can && err == nil {
		f.Flush()
	}
	return n, errors.Join(err, x.conn.letGo())
}

// Unwrap is for [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }
