package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A Version is a version of the API.
type Version string

// The versions that the package speaks.
const (
	V1  Version = "1.0"
	V11 Version = "1.1"
)

// DefaultMaxAnswer bounds an answer's body if [Config.MaxAnswer] doesn't.
const DefaultMaxAnswer = 32 << 20

// Config says how a [Client] works. The zero value speaks API v1.1 as a new client without a project.
type Config struct {
	// Version of the API; empty: [V11].
	Version Version

	// Project owns the queues. API v1.1 wants one, unless a token names it. Without one, API v1.0 works in the global
	// scope, which is apart from every project.
	Project string

	// ClientID is a UUID that tells this client from others, so that listings can leave its own messages out. Keep it if
	// the same reader may come back in another process. Empty: a new one is made, see [Client.ID].
	ClientID string

	// Token gives the X-Auth-Token of each request; empty texts are not sent. It is called before every request, from
	// many goroutines, and should cache. The token never appears in the text of an error.
	Token func(ctx context.Context) (string, error)

	// UserAgent names the program to the server; empty: "marconi-client".
	UserAgent string

	// Transport carries the requests; nil: one of [NewTransport]. It is asked once for each request: no redirects are
	// followed, no cookies are kept. Clients may share one, and with it the connections.
	Transport http.RoundTripper

	// Retry repeats what failed. The zero value repeats nothing.
	Retry Retry

	// MaxAnswer bounds the body of an answer in bytes: a longer one is [ErrTooLarge]. 0: [DefaultMaxAnswer].
	MaxAnswer int64

	// Prepare sees each request last before it is sent and may add headers, such as a trace context. Its error ends
	// the call. It is called from many goroutines.
	Prepare func(*http.Request) error

	// Observe is told of each request that was sent, once its answer has been read or has failed to come, before the
	// call returns. It is called from many goroutines.
	Observe func(context.Context, Exchange)
}

// A Client calls a server as one client in one project. It is safe for concurrent use. Each of its calls ends promptly
// with its context; there is no other timeout.
type Client struct {
	config     Config
	dialect    *dialect
	base       url.URL     // scheme and host only
	prefix     string      // escaped path of the service, before the version's own
	header     http.Header // of every request; all share it, so nobody may change it
	bodyHeader http.Header // of every request with a body, shared alike
	transport  http.RoundTripper
}

// New makes a client of the server at baseURL: scheme, host, and the path that stands before /v1 or /v1.1, if any. It
// sends nothing; [Client.Ping] finds out whether the server answers.
func New(baseURL string, config Config) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	d, err := dialectOf(config.Version)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	config = config.withDefaults()
	bodyHeader := config.header()
	bodyHeader.Set("Content-Type", jsonType)
	return &Client{
		config:     config,
		dialect:    d,
		base:       url.URL{Scheme: base.Scheme, Host: base.Host},
		prefix:     strings.TrimRight(base.EscapedPath(), "/"),
		header:     config.header(),
		bodyHeader: bodyHeader,
		transport:  config.Transport,
	}, nil
}

// parseBase never quotes the text in its errors: it may hold a password.
func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the base URL can't be parsed")
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("a base URL is http:// or https:// and a host")
	case u.User != nil:
		return nil, errors.New("a base URL holds no user: credentials belong into Config.Token or Config.Prepare")
	case u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("a base URL has neither query nor fragment")
	}
	return u, nil
}

func (c Config) withDefaults() Config {
	if c.ClientID == "" {
		c.ClientID = newUUID()
	}
	if c.UserAgent == "" {
		c.UserAgent = "marconi-client"
	}
	if c.Transport == nil {
		c.Transport = NewTransport()
	}
	if c.MaxAnswer <= 0 {
		c.MaxAnswer = DefaultMaxAnswer
	}
	return c
}

// header is what all requests have in common. Both versions get the client ID on every request: v1.1 wants it, and
// v1.0 takes it.
func (c Config) header() http.Header {
	h := http.Header{}
	h.Set("Accept", jsonType)
	h.Set("User-Agent", c.UserAgent)
	h.Set("Client-ID", c.ClientID)
	if c.Project != "" {
		h.Set("X-Project-ID", c.Project)
	}
	return h
}

// newUUID is a random (version 4) UUID.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, by its contract
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ID is the client's ID, as given or as made by [New].
func (c *Client) ID() string { return c.config.ClientID }

// Version is the version of the API that the client speaks.
func (c *Client) Version() Version { return c.dialect.version }

// CloseIdleConnections closes the connections that no call is using, if the transport can. A client needs no other end.
func (c *Client) CloseIdleConnections() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
