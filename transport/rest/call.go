package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/marconi-mq/marconi"
)

// A call is one request on its way to an answer.
type call struct {
	api     *api
	writer  http.ResponseWriter
	request *http.Request
	query   query
	place
	found     bool   // the path leads somewhere; otherwise place means nothing
	route     string // of the method that was asked for
	requestID string

	project   marconi.Project
	client    marconi.ClientID
	hasClient bool
	queue     marconi.QueueKey // on paths with a queue

	contentLocation string // set by handlers; it goes out with errors, too
	bodyTaken       bool
	leaves          bool    // it ends when the client goes away
	in, out         *[]byte // buffers of the pool, of the request's body and the answer's
	room            int64   // that the request's body has taken
}

// answer carries the request out. A panic below it is a bug of ours, and ends this request alone.
func (c *call) answer(ctx context.Context) (rep reply) {
	defer func() {
		if p := recover(); p != nil {
			rep = c.panicked(ctx, p)
		}
	}()
	rep, err := c.carryOut()
	if err != nil {
		return c.refusal(err)
	}
	return rep
}

func (c *call) carryOut() (reply, error) {
	if c.request.Method == http.MethodOptions {
		return c.options(), nil
	}
	if err := c.check(); err != nil {
		return reply{}, err
	}
	handle, err := c.handler()
	if err != nil {
		return reply{}, err
	}
	return handle(c)
}

func (c *call) panicked(ctx context.Context, p any) reply {
	if err, isError := p.(error); isError && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // somebody below gives the connection up on purpose
	}
	c.api.Logger.LogAttrs(ctx, slog.LevelError, "panic in a handler",
		slog.String("request_id", c.requestID),
		slog.String("panic", fmt.Sprint(p)),
		slog.String("stack", string(debug.Stack())))
	return c.refusal(errBug)
}

// options says what may be done here. It never fails, so that a browser may ask without a token: where a request would
// have been refused, it just says nothing.
func (c *call) options() reply {
	if c.check() != nil {
		return reply{status: http.StatusOK}
	}
	c.route = "OPTIONS"
	return reply{status: http.StatusOK, allow: c.allow}
}

// check holds the request to what every route asks for, in the order that tests rely on (API contract §1.2).
func (c *call) check() error {
	if !c.found {
		return errNoPath
	}
	if err := c.checkSignature(); err != nil {
		return err
	}
	if err := c.checkContentType(); err != nil {
		return err
	}
	if !acceptsJSON(c.request.Header) {
		return errNotAcceptable
	}
	if err := c.checkClient(); err != nil {
		return err
	}
	if err := c.checkProject(); err != nil {
		return err
	}
	if c.queuePath == "" {
		return nil
	}
	return c.checkQueue()
}

// handler is what answers the method. That there is none is found out after all other checks.
func (c *call) handler() (handler, error) {
	name := c.request.Method
	if m := c.method(name); m != nil {
		c.route = m.route
		return m.handle, nil
	}
	if !slices.Contains(known, name) {
		return nil, errNoMethod
	}
	return nil, errMethod
}

// checkSignature refuses a signed URL: nobody here can tell a good signature from a bad one. Whoever can stands before the
// API, and takes the header away.
func (c *call) checkSignature() error {
	if signature, _ := header(c.request.Header, "Url-Signature"); signature != "" {
		return errSigned
	}
	return nil
}

// checkContentType refuses what browsers and curl send for forms: it is JSON under a wrong name at best. The type is
// looked at only if a length says that there is a body.
func (c *call) checkContentType() error {
	h := c.request.Header
	if len(h["Content-Length"]) == 0 {
		return nil
	}
	if t := h["Content-Type"]; len(t) > 0 && strings.EqualFold(t[0], "application/x-www-form-urlencoded") {
		return errFormType
	}
	return nil
}

func (c *call) checkClient() error {
	text, given := header(c.request.Header, "Client-Id")
	if !given {
		if c.dialect.NeedsClient {
			return errNoClient
		}
		return nil
	}
	client, err := c.dialect.ParseClient(c.api.limits.ClientIDs, text)
	if err != nil {
		return err
	}
	c.client, c.hasClient = client, true
	return nil
}

// neededClient is for the few operations that need a client ID in every version.
func (c *call) neededClient() (marconi.ClientID, error) {
	if !c.hasClient {
		return "", errNoClient
	}
	return c.client, nil
}

func (c *call) checkProject() error {
	if c.dialect.IgnoresProject {
		return nil
	}
	text, given := header(c.request.Header, "X-Project-Id")
	switch {
	case given && text == "":
		return errEmptyProject
	case !given && c.dialect.NeedsProject:
		return errNoProject
	}
	c.project = marconi.Project(latin1(text))
	return nil
}

func (c *call) checkQueue() error {
	name, err := marconi.ParseQueueName(c.params[0])
	if err != nil {
		return err
	}
	if _, err := marconi.ParseProject(string(c.project)); err != nil {
		return err
	}
	c.queue = marconi.QueueKey{Project: c.project, Name: name}
	return nil
}

// header is a header's value, and whether there is one at all. Several are joined, as HTTP has it.
func header(h http.Header, canonical string) (string, bool) {
	switch values := h[canonical]; len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	default:
		return strings.Join(values, ", "), true
	}
}

// latin1 gives text as UTF-8. Bytes that are not UTF-8 already count as Latin-1, which headers were once made of.
func latin1(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// Context carries the caller to the broker. It ends with the client's connection where messages would be taken for nobody, or
// waited for. All else is carried out: a client that has closed its half of the connection still reads the answer, and
// looks just like one that has gone.
func (c *call) Context() context.Context {
	ctx := c.request.Context()
	if !c.leaves {
		ctx = lasting{c.request}
	}
	return marconi.WithCaller(ctx, marconi.Caller{
		Project: c.project, Client: c.client, RequestID: c.requestID,
	})
}

// A lasting context is that of a request, but goes on when it ends. [context.WithoutCancel] is the same for an allocation,
// and one more for each look at a value.
type lasting struct{ request *http.Request }

// Deadline implements [context.Context].
func (lasting) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (lasting) Done() <-chan struct{} { return nil }

// Err implements [context.Context].
func (lasting) Err() error { return nil }

// Value implements [context.Context].
func (l lasting) Value(key any) any { return l.request.Context().Value(key) }

// param is what stands in the path for the variable behind the queue.
func (c *call) param() string { return c.params[1] }

// target is the path and the query as it was sent.
func (c *call) target() string {
	if c.query == "" {
		return c.path
	}
	return c.path + "?" + string(c.query)
}

// locate says where the answer was found, in versions that do.
func (c *call) locate() {
	if c.dialect.ContentLocation {
		c.contentLocation = c.target()
	}
}

// locatePath is locate without the query.
func (c *call) locatePath() {
	if c.dialect.ContentLocation {
		c.contentLocation = c.path
	}
}
