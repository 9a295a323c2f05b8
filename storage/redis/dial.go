package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

const (
	failuresBeforeRest = 3                      // so many connections in a row fail before a server is left alone for a while
	firstRest          = 100 * time.Millisecond // doubling
	longestRest        = time.Second
)

// A dialer makes connections. A server that could not be reached several times in a row is left alone for a moment:
// whoever wants it meanwhile is told so at once, so that calls don't pile up before a dead server.
type dialer struct {
	network string                               // tcp or unix
	via     func(address string) (string, error) // settings.via
	meter   storage.Meter

	// Of the connections that calls share: how many were lost, and a value when one was. A server that is reached anew may have forgotten
	// what it was told. With sentinels a server counts that none led to: the primary may be another now, though the old one lives.
	breaks atomic.Uint64
	lost   chan struct{}

	mu      sync.Mutex // guards what follows
	failing map[string]*failure
	open    map[*greeting]struct{}
	renewed time.Time
	sharing map[string]int // shared connections, by address
	elects  bool           // sentinels say which address is the primary's
}

// A failure is what is known of a server that can't be reached.
type failure struct {
	inARow int
	until  time.Time
	err    error
}

func newDialer(s settings, meter storage.Meter) *dialer {
	return &dialer{
		network: s.network(), via: s.via, meter: meter, lost: make(chan struct{}, 1),
		failing: map[string]*failure{}, open: map[*greeting]struct{}{}, sharing: map[string]int{},
		elects: s.topology == sentinel,
	}
}

// A connectError says that there was no connection, so that nothing was sent.
type connectError struct {
	address string
	resting bool // it was not even tried
	err     error
}

func (e *connectError) Error() string { return "connect to " + e.address + ": " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// dial connects to address.
func (d *dialer) dial(ctx context.Context, address string, plain *net.Dialer, secure *tls.Config) (net.Conn, error) {
	if err := d.resting(address); err != nil {
		return nil, &connectError{address, true, err}
	}
	conn, err := d.connect(ctx, address, plain)
	if err == nil && secure != nil {
		conn, err = encrypt(ctx, conn, address, plain.Timeout, secure)
	}
	if err != nil {
		if ctx.Err() == nil {
			d.failed(address, err)
		}
		return nil, &connectError{address, false, err}
	}
	g := &greeting{Conn: conn, dialer: d, address: address}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open[g] = struct{}{}
	return g, nil
}

// dialShared connects to address, and notes when the connection is lost.
func (d *dialer) dialShared(ctx context.Context, address string, plain *net.Dialer, secure *tls.Config) (net.Conn, error) {
	conn, err := d.dial(ctx, address, plain, secure)
	if err != nil {
		return nil, err
	}
	s := &shared{greeting: conn.(*greeting)}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.first.Store(d.elects && d.sharing[address] == 0)
	d.sharing[address]++
	return s, nil
}

// renew closes all connections, so that they are made anew, once a rest at most.
func (d *dialer) renew() {
	d.mu.Lock()
	var open []*greeting
	if now := time.Now(); now.Sub(d.renewed) >= longestRest {
		d.renewed, open = now, slices.Collect(maps.Keys(d.open))
	}
	d.mu.Unlock()
	if len(open) == 0 {
		return
	}
	d.lose() // before anybody reaches another server
	for _, g := range open {
		_ = g.Close()
	}
	d.lose() // of what was read from the old one meanwhile
}

func (d *dialer) connect(ctx context.Context, address string, plain *net.Dialer) (net.Conn, error) {
	if d.via != nil {
		var err error
		if address, err = d.via(address); err != nil {
			return nil, err
		}
	}
	return plain.DialContext(ctx, d.network, address)
}

func encrypt(ctx context.Context, conn net.Conn, address string, timeout time.Duration, config *tls.Config) (net.Conn, error) {
	if config.ServerName == "" {
		host, _, _ := net.SplitHostPort(address)
		config = config.Clone()
		config.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}

// resting is what happened to address, if it is left alone now. When the rest is over, one caller is let through and the
// others wait for what becomes of it.
func (d *dialer) resting(address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.failing[address]
	if f == nil || f.inARow < failuresBeforeRest {
		return nil
	}
	now := time.Now()
	if now.Before(f.until) {
		return f.err
	}
	f.until = now.Add(f.rest())
	return nil
}

func (d *dialer) failed(address string, err error) {
	d.meter.Add("redis_connections_failed_total", 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.failing[address]
	if f == nil {
		f = &failure{}
		d.failing[address] = f
	}
	f.inARow++
	f.err = err
	f.until = time.Now().Add(f.rest())
}

func (f *failure) rest() time.Duration {
	doublings := min(max(f.inARow-failuresBeforeRest, 0), 10)
	return min(firstRest<<doublings, longestRest)
}

func (d *dialer) reached(address string) {
	d.meter.Add("redis_connections_total", 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.failing, address)
}

// A greeting is a connection that notices whether the server ever says anything: one that accepts connections and is
// silent, since it was stopped, is as good as dead. Before the first word nothing but the log-in has been sent.
type greeting struct {
	net.Conn
	dialer  *dialer
	address string
	heard   atomic.Bool
}

// Read notes the first word, or that there was none.
func (g *greeting) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if g.heard.Load() {
		return n, err
	}
	switch {
	case n > 0:
		g.heard.Store(true)
		g.dialer.reached(g.address)
	case err != nil && !errors.Is(err, net.ErrClosed):
		g.dialer.failed(g.address, err)
		err = &connectError{g.address, false, fmt.Errorf("no answer to the log-in: %w", err)}
	}
	return n, err
}

// Close implements [net.Conn].
func (g *greeting) Close() error {
	g.dialer.mu.Lock()
	delete(g.dialer.open, g)
	g.dialer.mu.Unlock()
	return g.Conn.Close()
}

// A shared is a connection that many calls use.
type shared struct {
	*greeting
	owed         atomic.Bool // the server has been sent something and has said nothing since
	first        atomic.Bool // no other leads to that server, of which nothing has been heard yet
	lost, closed sync.Once
}

// Write notes that the server owes an answer.
func (s *shared) Write(b []byte) (int, error) {
	s.owed.Store(true)
	return s.greeting.Write(b)
}

// Read notes that the server has answered, or the loss, before anybody can make another connection.
func (s *shared) Read(b []byte) (int, error) {
	n, err := s.greeting.Read(b)
	switch {
	case err != nil && !errors.Is(err, net.ErrClosed):
		s.lose()
	case n > 0:
		s.owed.Store(false)
		if s.first.Load() && s.first.CompareAndSwap(true, false) {
			s.dialer.breaks.Add(1)
		}
	}
	return n, err
}

// Close notes the loss of a connection that is given up since no answer comes. The library closes some that it needs no more, too: after a
// last answer, and more than once.
func (s *shared) Close() error {
	s.closed.Do(func() {
		s.dialer.mu.Lock()
		if s.dialer.sharing[s.address]--; s.dialer.sharing[s.address] == 0 {
			delete(s.dialer.sharing, s.address)
		}
		s.dialer.mu.Unlock()
		if s.owed.Load() {
			s.lose()
		}
	})
	return s.greeting.Close()
}

func (s *shared) lose() {
	if s.heard.Load() { // else the server never let us in
		s.lost.Do(s.dialer.lose)
	}
}

func (d *dialer) lose() {
	d.breaks.Add(1)
	select {
	case d.lost <- struct{}{}:
	default: // that was noted already
	}
}

// config reads the files that the URI names. Without rediss: it is nil.
func (f tlsFiles) config() (*tls.Config, error) {
	if !f.on {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName, InsecureSkipVerify: f.insecure}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("ssl_ca_certs: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ssl_ca_certs: %s has no certificate in it", f.ca)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("ssl_certfile and ssl_keyfile: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
