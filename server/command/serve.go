package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
)

// A setup is what a server is started with.
type setup struct {
	drivers storage.Drivers
	process Process
	sources config.Sources // of config
	config  *config.Config
}

// patience is how long a store is waited for when the server starts: less than systemd waits for the server.
const patience = time.Minute

func serve(ctx context.Context, s setup) (status int, err error) {
	log, err := openLog(s.config, s.process.Stderr)
	if err != nil {
		return unusable, err
	}
	defer log.close()
	data, control, err := stores(s.config, storage.NewRegistry(s.drivers).Schemes(), s.process.Environ)
	if err != nil {
		return unusable, err
	}
	at, err := listenAll(ctx, s.config)
	if err != nil {
		return unusable, err
	}
	defer at.close() // the server has done so, if it was reached
	srv, err := server.New(ctx, server.Options{
		Config: s.config, Drivers: s.drivers, Logger: log.Logger, Version: version(), DataURI: data, ControlURI: control,
		Embedded: func() (string, error) { return ownStore(s.process.Environ) }, Patience: patience,
	})
	if err != nil {
		return unusable, err
	}
	// Who reads standard error may end before the server: that is no reason for the server to.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	warnOfOpenDoors(s.process.Stderr, at)
	if err := greet(s.process.Stderr, s.config, at, places{data, srv.ControlURI(), srv.Adopted()}); err != nil {
		return failed, errors.Join(err, srv.Close())
	}
	r := &reloader{sources: s.sources, current: s.config, server: srv, level: log.level, log: log.Logger}
	if err := errors.Join(runAll(ctx, s.process, srv, at, r, hangUps), srv.Close()); err != nil {
		return failed, err
	}
	_, _ = fmt.Fprintln(s.process.Stderr, "stopped") // to whoever still reads it
	return ok, nil
}

// runAll runs the server and what goes with it until ctx ends or a signal comes.
func runAll(ctx context.Context, p Process, srv *server.Server, at listeners, r *reloader, hangUps <-chan os.Signal) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	always := context.WithoutCancel(ctx)
	longer, end := context.WithCancel(always) // operators see how the server stops
	defer end()

	manager := serviceManager{lookup(p.Environ, "NOTIFY_SOCKET"), r.log}
	var beside sync.WaitGroup
	var opsErr error
	beside.Go(func() { r.run(longer, hangUps) })
	beside.Go(func() { opsErr = at.serveOps(longer, srv, stop) })
	beside.Go(func() {
		<-ctx.Done()
		stop() // a second signal has its usual effect: the end
		manager.tell(always, "STOPPING=1")
	})
	manager.tell(always, "READY=1")
	err := srv.Serve(ctx, at.api)
	stop()
	end()
	beside.Wait()
	return errors.Join(err, opsErr)
}

// listeners are where the server is reached.
type listeners struct {
	api net.Listener
	ops net.Listener // nil: nowhere
}

func listenAll(ctx context.Context, c *config.Config) (l listeners, err error) {
	if l.api, err = listen(ctx, c.Address(), "--listen"); err != nil {
		return l, err
	}
	if c.Marconi.OpsListen == "" {
		return l, nil
	}
	if l.ops, err = listen(ctx, c.Marconi.OpsListen, "--ops-listen"); err != nil {
		l.close()
	}
	return l, err
}

func (l listeners) close() {
	_ = l.api.Close()
	if l.ops != nil {
		_ = l.ops.Close()
	}
}

// serveOps answers operators, if they have an address. Should that fail, the whole server stops.
func (l listeners) serveOps(ctx context.Context, srv *server.Server, stop func()) error {
	if l.ops == nil {
		return nil
	}
	defer stop()
	return srv.ServeOps(ctx, l.ops)
}

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program: name another address with %s", address, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// places are where the data is.
type places struct {
	data, control string // URIs
	adopted       int    // queues
}

// greet says what runs where, and how to try it.
func greet(w io.Writer, c *config.Config, at listeners, p places) error {
	scheme := "http"
	if c.Marconi.TLSCert != "" {
		scheme = "https"
	}
	base := scheme + "://" + at.api.Addr().String()
	var paths []string
	for _, v := range c.EnabledVersions() {
		paths = append(paths, base+"/v"+v)
	}
	if len(paths) == 0 {
		paths = []string{"none: enable_deprecated_api_versions is empty"}
	}
	path := "/v1"
	if slices.Contains(c.EnabledVersions(), "1.1") {
		path = "/v1.1"
	}
	lines := []string{
		"marconi-server " + version(),
		"messages in " + config.Redact(p.data),
		"queues in   " + config.Redact(p.control) + adoption(p.adopted),
	}
	if at.ops != nil {
		lines = append(lines, "figures on  http://"+at.ops.Addr().String()+"/metrics")
	}
	lines = append(lines,
		"API on      "+strings.Join(paths, " and "),
		"try         curl -i -X PUT "+base+path+"/queues/demo -H 'Client-ID: 3381af92-2b9e-11e3-b191-71861300734c' -H 'X-Project-ID: demo'")
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func adoption(queues int) string {
	if queues == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d queues adopted)", queues)
}

// warnOfOpenDoors says so if strangers may reach what has no lock.
func warnOfOpenDoors(w io.Writer, at listeners) {
	if offLoopback(at.api) {
		warn(w, fmt.Sprintf("the API listens on %s without authentication: whoever reaches it can read, post and delete in every project", at.api.Addr()))
	}
	if at.ops != nil && offLoopback(at.ops) {
		warn(w, fmt.Sprintf("figures and profiles are on %s without authentication: whoever reaches it can read them", at.ops.Addr()))
	}
}

func offLoopback(l net.Listener) bool {
	addr, is := l.Addr().(*net.TCPAddr)
	return is && !addr.IP.IsLoopback()
}

func warn(w io.Writer, text any) { _, _ = fmt.Fprintln(w, "marconi-server: warning:", text) }
