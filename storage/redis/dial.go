package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
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
	lost    chan struct{} // has a value when a connection of dialShared has ended

	// breaks counts the connections that ended or could not be made: a server that is reached anew may have lost what it was told.
	breaks atomic.Uint64

	mu      sync.Mutex // guards failing
	failing map[string]*failure
}

// A failure is what is known of a server that can't be reached.
type failure struct {
	inARow int
	until  time.Time
	err    error
}

func newDialer(s settings, meter storage.Meter) *dialer {
	return &dialer{network: s.network(), via: s.via, meter: meter, lost: make(chan struct{}, 1), failing: map[string]*failure{}}
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
	return &greeting{Conn: conn, dialer: d, address: address}, nil
}

// dialShared connects to address, and notes when the connection ends.
func (d *dialer) dialShared(ctx context.Context, address string, plain *net.Dialer, secure *tls.Config) (net.Conn, error) {
	conn, err := d.dial(ctx, address, plain, secure)
	if err != nil {
		return nil, err
	}
	return &shared{greeting: conn.(*greeting)}, nil
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
	d.breaks.Add(1)
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

// Read notes the first word, or that there was none, and the end.
func (g *greeting) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if g.heard.Load() {
		if err != nil {
			g.dialer.breaks.Add(1)
		}
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

// A shared is a connection that many calls use, and that nobody ends while all is well.
type shared struct {
	*greeting
	ended sync.Once
}

// Close notes the end of a connection that the server has let in.
func (s *shared) Close() error {
	err := s.greeting.Close()
	if s.heard.Load() {
		s.ended.Do(func() {
			select {
			case s.dialer.lost <- struct{}{}:
			default: // that was noted already
			}
		})
	}
	return err
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
