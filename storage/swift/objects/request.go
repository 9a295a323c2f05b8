package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

const userAgent = "marconi"

// A request is for a container or an object, or the account without either.
type request struct {
	operation string // for who observes
	method    string
	container string
	name      string
	query     url.Values
	header    http.Header
	body      []byte
	most      int64         // bytes the answer may have
	longer    time.Duration // than other requests it may take
	once      bool          // it must not be sent again, not even on a new connection when a kept one turns out dead
	refused   func(answer) bool
}

// An answer is read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// mostText is for answers that are nothing but talk.
const mostText = 1 << 20

// do makes a request, and once more with a new token if the server refuses the one it has: then it has carried out nothing.
func (a *Account) do(ctx context.Context, r request) (answer, error) {
	t, err := a.tokens.get(ctx)
	if err != nil {
		return answer{}, err
	}
	ans, err := a.send(ctx, r, t)
	if err != nil || !r.isRefused(ans) {
		return ans, err
	}
	if t, err = a.tokens.renewed(ctx, t); err != nil {
		return answer{}, fmt.Errorf("a new token for one that is refused: %w", err)
	}
	return a.send(ctx, r, t)
}

func (r request) isRefused(ans answer) bool {
	return ans.status == http.StatusUnauthorized || r.refused != nil && r.refused(ans)
}

// send makes a request once.
func (a *Account) send(ctx context.Context, r request, t token) (answer, error) {
	timeout := a.o.Timeout + r.longer
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begin := time.Now()
	ans, err := a.roundTrip(limited, r, t)
	a.o.Observe(r.operation, time.Since(begin), ans.status)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		// Not a DeadlineExceeded: it is the server that is slow, the caller's time is not up.
		return answer{}, fmt.Errorf("no answer within %s", timeout)
	}
	return ans, err
}

func (a *Account) roundTrip(ctx context.Context, r request, t token) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url(t.account).String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	for key, values := range r.header {
		req.Header[key] = values
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-Auth-Token", t.value)
	if !r.once {
		// Empty, it isn't sent, but tells net/http that the request may go out again if a kept connection was closed by the
		// other side just then.
		req.Header["Idempotency-Key"] = nil
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	ans := answer{status: resp.StatusCode, header: resp.Header}
	ans.body, err = readBody(resp, r.most)
	return ans, err
}

// url is the account's, with the path behind it.
func (r request) url(account *url.URL) *url.URL {
	u := *account
	plain, escaped := strings.TrimRight(u.Path, "/"), strings.TrimRight(u.EscapedPath(), "/")
	for _, part := range []string{r.container, r.name} {
		if part != "" {
			plain += "/" + part
			escaped += "/" + escapePath(part)
		}
	}
	u.Path, u.RawPath = plain, escaped
	u.RawQuery = r.query.Encode()
	return &u
}

// escapePath leaves slashes as they are: to Swift they are a part of the name like any other.
func escapePath(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}

// readBody reads to the end, so that the connection can be used again, unless that is too far.
func readBody(resp *http.Response, most int64) ([]byte, error) {
	if resp.Request.Method == http.MethodHead {
		return nil, nil
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		most = mostText
	}
	if resp.ContentLength > most {
		return nil, fmt.Errorf("the answer has %d bytes, more than the %d allowed", resp.ContentLength, most)
	}
	if resp.ContentLength >= 0 {
		body := make([]byte, resp.ContentLength)
		if _, err := io.ReadFull(resp.Body, body); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		// The end is read, too, or the connection isn't kept.
		_, err := io.Copy(io.Discard, resp.Body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("the answer has more than the %d bytes allowed", most)
	}
	return body, nil
}

// newTransport makes the one pool of connections, which requests and log-ins share.
func newTransport(o Options) (*http.Transport, error) {
	config, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: min(o.Timeout, 10*time.Second)}).DialContext,
		TLSClientConfig:     config, // which also keeps net/http from HTTP/2: Swift has none
		TLSHandshakeTimeout: min(o.Timeout, 10*time.Second),
		MaxConnsPerHost:     o.Connections,
		MaxIdleConns:        2 * o.Connections,
		MaxIdleConnsPerHost: o.Connections,
		// Shorter than front ends wait (ten seconds and more), so that it is we who close.
		IdleConnTimeout:    8 * time.Second,
		DisableCompression: true, // else a body could come otherwise than it was stored
	}, nil
}

// noRedirect keeps the token from going where a redirect points to.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func checkText(name string) error {
	if !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return errors.New("a name is not UTF-8, or has a NUL")
	}
	return nil
}
