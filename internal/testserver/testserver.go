// Package testserver serves the API in a test's own process.
package testserver

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
)

// Serve serves the stores of o on a free port of the loopback until the test ends, and fails it if they can't be opened or
// closed. The address is host:port. Without a configuration it has the default one, without a URI of queues that of messages.
func Serve(t testing.TB, o server.Options) (address string) {
	t.Helper()
	if o.Config == nil {
		o.Config = config.Default()
	}
	if o.ControlURI == "" {
		o.ControlURI = o.DataURI
	}
	ctx, cancel := context.WithCancel(context.Background()) // a test's own ends before what it cleans up
	s, err := server.New(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		t.Fatal(errors.Join(err, s.Close()))
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}
