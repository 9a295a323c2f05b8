package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

const jsonType = "application/json"

// A call is one operation, as it goes over the wire.
type call struct {
	op     Operation
	queue  string // "" if it is about none
	method string
	route  string
	path   string // escaped, from the root of the host
	query  string
	body   []byte // empty: none
}

// wrap says what was being done, and to which queue.
func (k call) wrap(err error) error {
	if k.queue == "" {
		return fmt.Errorf("%s: %w", k.op, err)
	}
	return fmt.Errorf("%s: queue %s: %w", k.op, k.queue, err)
}

// succeeded reports whether a status is good news. 300 is how the list of versions comes. Redirects are not: following
// them would hand the token on.
func (k call) succeeded(status int) bool {
	return status/100 == 2 || status == http.StatusMultipleChoices && k.op == OpVersions
}

// An answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte // nil if there was none
}

// do sends a call until it succeeds or [Config.Retry] gives up.
func (c *Client) do(ctx context.Context, k call) (answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.exchange(ctx, k, attempt)
		if err == nil {
			return a, nil
		}
		wait, again := c.config.Retry.next(k.op, attempt, err)
		if !again || endsWithin(ctx, wait) {
			return answer{}, k.wrap(err)
		}
		if ended := pause(ctx, wait); ended != nil {
			return answer{}, k.wrap(fmt.Errorf("%w; %w while waiting to try again", err, ended))
		}
	}
}

// exchange sends one request and tells the observer, if there is one.
func (c *Client) exchange(ctx context.Context, k call, attempt int) (answer, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return answer{}, err
	}
	if c.config.Observe == nil {
		return c.roundTrip(k, req, nil)
	}
	s := newStopwatch()
	a, err := c.roundTrip(k, req.WithContext(s.watch(ctx)), s)
	c.config.Observe(ctx, s.exchange(k, attempt, a, err))
	return a, err
}

// roundTrip sends one request and reads its answer. An answer that reports trouble is an error and an answer. s may be
// nil.
func (c *Client) roundTrip(k call, req *http.Request, s *stopwatch) (answer, error) {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, noAnswer(req.Context(), err)
	}
	s.gotHead()
	body, err := c.read(resp)
	a := answer{resp.StatusCode, resp.Header, body}
	if !k.succeeded(a.status) {
		// The status says more than a body that was cut, so err is let go.
		return a, errorFrom(a, req.Header.Get("X-Auth-Token"))
	}
	if errors.Is(err, ErrTooLarge) {
		return a, err
	}
	if err != nil {
		return a, noAnswer(req.Context(), err)
	}
	return a, nil
}

// request makes the HTTP request of a call.
func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	u, err := c.url(k)
	if err != nil {
		return nil, err
	}
	header := c.header
	if len(k.body) > 0 {
		header = c.bodyHeader
	}
	if c.config.Token != nil || c.config.Prepare != nil {
		header = maps.Clone(header) // a shallow copy: who sets a header puts a slice of his own into it
	}
	template := http.Request{
		Method: k.method, URL: u, Host: u.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	req := template.WithContext(ctx)
	if len(k.body) > 0 {
		setBody(req, k.body)
	}
	if err := c.authorize(req); err != nil {
		return nil, err
	}
	if c.config.Prepare == nil {
		return req, nil
	}
	if err := c.config.Prepare(req); err != nil {
		return nil, fmt.Errorf("prepare the request: %w", err)
	}
	return req, nil
}

func (c *Client) url(k call) (*url.URL, error) {
	u := c.base
	u.Path, u.RawQuery = k.path, k.query
	if !strings.Contains(k.path, "%") {
		return &u, nil
	}
	plain, err := url.PathUnescape(k.path)
	if err != nil {
		return nil, fmt.Errorf("%w: a link has a broken path", ErrBadAnswer)
	}
	u.Path, u.RawPath = plain, k.path
	return &u, nil
}

func (c *Client) authorize(req *http.Request) error {
	if c.config.Token == nil {
		return nil
	}
	token, err := c.config.Token(req.Context())
	if err != nil {
		return fmt.Errorf("get a token: %w", err)
	}
	if token != "" {
		req.Header.Set("X-Auth-Token", token)
	}
	return nil
}

// setBody also sets GetBody: with it, net/http can pick another connection if the one it took turns out to be closed
// before anything was written.
//
// The readers are plain: net/http looks whether it knows a body's type, and sends the head in a packet of its own if it
// doesn't, since such a body might block.
func setBody(req *http.Request, text []byte) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	req.Body, _ = open()
	req.GetBody = open
	req.ContentLength = int64(len(text))
}

// preallocated bounds what is allocated on the word of a header alone.
const preallocated = 1 << 20

// read reads a body to its end and closes it, which frees the connection for the next request. Too long a body is left
// unread, and costs the connection.
func (c *Client) read(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	limit := c.config.MaxAnswer
	if resp.Body == http.NoBody {
		return nil, nil
	}
	if n := resp.ContentLength; 0 < n && n <= min(limit, preallocated) {
		body := make([]byte, n)
		got, err := io.ReadFull(resp.Body, body)
		return body[:got], err
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(resp.Body, limit+1))
	if n > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return b.Bytes(), err
}
