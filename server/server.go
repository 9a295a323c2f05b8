// Package server puts a server together from a configuration and a list of drivers: it opens the stores, joins them,
// gives them to a broker and the broker to HTTP, and stops all of it in the opposite order.
//
// It is importable, so that a driver kept elsewhere builds a server with itself in it:
//
//	drivers := drivers.All()
//	drivers["log"] = logstore.Open
//	os.Exit(command.Run(ctx, drivers, command.Process{…}))
//
// A request comes in through these hands:
//
//	connections.go   counts the connections; one too many is told so
//	certificate.go   TLS, if there is a certificate, which can be replaced while all goes on
//	gate.go          counts the requests and the bytes of their bodies; says which were slow
//	exchange.go      counts the bytes of large answers
//	cork.go          sends an answer in one piece
//	transport/rest   the API
//
// What operators ask for is in ops.go, on an address of its own; its figures are in [metrics].
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server/metrics"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/observed"
	"github.com/marconi-mq/marconi/transport/dialect"
	"github.com/marconi-mq/marconi/transport/rest"
)

// Options are what a server is made of.
type Options struct {
	Config  *config.Config
	Drivers storage.Drivers
	Logger  *slog.Logger // nil: nothing is logged
	Version string       // for the figures

	// DataURI and ControlURI say which stores to open. Without a ControlURI the store of messages says where queues are.
	DataURI, ControlURI string
	// Embedded is at hand for a store of messages that needs another one beside it: see [storage.Options].
	Embedded func() (uri string, err error)

	Patience time.Duration // how long a store is waited for that isn't there yet; 0: it has to be there

	Now func() time.Time // the clock of stores without one of their own; nil: time.Now

	// WrapData and WrapControl put something round the stores: for tests, and for what watches them. nil: nothing.
	WrapData    func(marconi.DataStore) marconi.DataStore
	WrapControl func(marconi.ControlStore) marconi.ControlStore
}

// A Server answers the API over the stores of its configuration.
type Server struct {
	config      *config.Config
	log         *slog.Logger
	stores      *storage.Registry
	broker      *broker.Broker
	observer    *observed.Observer
	metrics     *metrics.Metrics // nil: nobody asks for them
	certificate *certificate     // nil: no TLS
	connections *connections
	refusals    *refusals
	gate        *gate
	controlURI  string
	adopted     int
	stopping    atomic.Bool
}

// New opens the stores and joins them. Close gives them back.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: o.Config, log: o.Logger, stores: storage.NewRegistry(o.Drivers)}
	if err := s.prepare(ctx, o); err != nil {
		return nil, err
	}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.stores.Close())
	}
	return s, nil
}

// prepare makes what needs no store.
func (s *Server) prepare(ctx context.Context, o Options) (err error) {
	c := o.Config.Marconi
	if c.TLSCert != "" {
		if s.certificate, err = newCertificate(c.TLSCert, c.TLSKey); err != nil {
			return err
		}
	}
	s.refusals = &refusals{log: o.Logger}
	s.connections = newConnections(affordable(ctx, c.MaxConnections, o.Logger), s.refusals)
	s.gate = newGate(o.Config, o.Logger, s.refusals)
	watch := observed.Options{Slow: c.SlowRequestTime, Logger: o.Logger, MaxCalls: c.MaxRequests, OnRefusal: s.refusals.store, MayTake: s.gate.mayTake}
	if c.OpsListen != "" {
		s.metrics = metrics.New(o.Version, s.readings())
		watch.Recorder = s.metrics
	}
	s.observer = observed.New(watch)
	return nil
}

func (s *Server) open(ctx context.Context, o Options) error {
	control, data, shared, err := s.openStores(ctx, o)
	if err != nil {
		return err
	}
	s.adopted, err = broker.Join(ctx, control, data, o.Config.Marconi.AdoptData)
	if errors.Is(err, marconi.ErrForeignData) {
		return fmt.Errorf("%s holds messages of another control store than %s: open it with that one, or start once with --adopt-data to make its queues this one's",
			config.Redact(o.DataURI), config.Redact(s.controlURI))
	}
	if part := (*marconi.Error)(nil); errors.Is(err, marconi.ErrForeignPart) && errors.As(err, &part) {
		return fmt.Errorf("%s: %s: name the one that it belongs to, or an index of its own; or start once with --adopt-data to tie these to each other, "+
			"without the bodies that are elsewhere", config.Redact(o.DataURI), part.Text)
	}
	if err != nil {
		return err
	}
	s.broker = broker.New(broker.Config{
		Control:        control,
		Data:           data,
		Limits:         o.Config.Limits(),
		Logger:         o.Logger,
		Shared:         shared,
		Checksums:      o.Config.Service.EnableChecksum,
		Timeout:        o.Config.Marconi.RequestTimeout,
		HealthInterval: o.Config.Marconi.HealthInterval,
	})
	s.gate.api, err = rest.New(rest.Config{
		Broker:            s.broker,
		Logger:            o.Logger,
		LogLevel:          slog.LevelDebug,
		AdminMode:         o.Config.Service.AdminMode,
		Versions:          versions(o.Config.EnabledVersions()),
		DeleteNeedsClaims: o.Config.Transport.MessageDeleteWithClaimID,
		MaxDepth:          o.Config.Marconi.MaxJSONDepth,
		DrainTime:         o.Config.Marconi.BodyTimeout,
		Room:              s.gate,
		Observe:           s.observe(),
	})
	return err
}

// observe counts requests, if anybody wants to know.
func (s *Server) observe() func(rest.Observation) {
	if s.metrics == nil {
		return nil
	}
	return func(o rest.Observation) { s.metrics.Request(o.Version, o.Route, o.Status, o.Bytes, o.Duration) }
}

// versions are the dialects of the versions that are switched on.
func versions(on []string) dialect.Version {
	known := map[string]dialect.Version{"1": dialect.V1, "1.1": dialect.V11}
	var set dialect.Version
	for _, v := range on {
		set |= known[v]
	}
	return set
}

// openStores gives the stores, and whether other processes may work on the control store, too.
func (s *Server) openStores(ctx context.Context, o Options) (c marconi.ControlStore, d marconi.DataStore, shared bool, err error) {
	so := storage.Options{Now: o.Now, Logger: o.Logger, Limits: o.Config.Limits(), CallTime: o.Config.Marconi.RequestTimeout, Embedded: o.Embedded}
	if s.metrics != nil {
		so.Meter = s.metrics
	}
	p, err := s.openPatiently(ctx, o, so)
	if err != nil {
		return nil, nil, false, err
	}
	s.controlURI = p.ControlURI
	if o.WrapData != nil {
		p.Data = o.WrapData(p.Data)
	}
	if o.WrapControl != nil {
		p.Control = o.WrapControl(p.Control)
	}
	return s.observer.Control(p.Control), s.observer.Data(p.Data), p.Shared, nil
}

// Handler answers the API. What bounds connections is not in it: that is [Server.Serve]'s.
func (s *Server) Handler() http.Handler { return s.gate }

// ControlURI is where queues are.
func (s *Server) ControlURI() string { return s.controlURI }

// Adopted is how many queues were made for data that had lost theirs.
func (s *Server) Adopted() int { return s.adopted }

// Close closes the stores.
func (s *Server) Close() error {
	s.broker.Close()
	return s.stores.Close()
}
