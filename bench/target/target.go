// Package target is the server under test: one that runs already, or one that is started with its backend as processes of
// their own, so that each has a pid and an account of what it used, and can be killed, paused and started anew.
package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/wire"
	"github.com/marconi-mq/marconi/client"
)

// The errors that say what kind of trouble it is, by errors.Is.
var (
	ErrAbsent      = errors.New("backend is not there")  // a program is not installed: the cells are not run, because of that
	ErrUnreachable = errors.New("target is not reached") // nothing answers
	ErrRemote      = errors.New("target is not on this machine")
)

// Options say how targets are reached and started.
type Options struct {
	Dir    string    // for what processes keep and say
	Server []string  // the command that is a server, to which options are added
	Remote []string  // hosts off the loopback that may be loaded
	Cores  cores.Set // those that what is started runs on; none: all
	Log    *slog.Logger
}

// An Instance is a target that answers.
type Instance struct {
	URL     string
	Target  plan.Target
	Backend string // "" if it is not known
	Traits  Traits

	options Options
	token   string
	user    *url.Userinfo // that the URL names; nil: it names none
	server  *process      // nil: it was not started by us
	backend *process      // nil: there is none of its own
	spec    backend
	store   *store
	data    string                 // the folder of the store
	page    atomic.Pointer[string] // the URL of the server's figures
}

// Traits are what a backend promises.
type Traits struct {
	FIFO      bool // order is kept
	AllOrNone bool // no part of a post is shown
	Durable   bool // what was confirmed outlives a kill
}

// sound is what all laws hold for. Of a target that was not started, nothing less is assumed.
var sound = Traits{FIFO: true, AllOrNone: true, Durable: true}

// readyWithin is how long a target that is started may take to answer for the first time, reachedWithin one that is there.
const (
	readyWithin   = 5 * time.Second
	reachedWithin = 4 * time.Second // so that it is told within five
)

// Start reaches a target, or starts it with an empty store. Stop gives it back.
func Start(ctx context.Context, t plan.Target, o Options) (*Instance, error) {
	token, err := readToken(t.Auth)
	if err != nil {
		return nil, err
	}
	i := &Instance{Target: t, options: o, token: token, Traits: sound}
	if t.Start == nil {
		if err := o.allows(t.URL); err != nil {
			return nil, err
		}
		i.URL, i.user = parted(t.URL)
		return i, i.await(ctx, reachedWithin)
	}
	if err := i.start(ctx); err != nil {
		return nil, errors.Join(err, i.Stop())
	}
	return i, nil
}

// allows reports whether a URL may be loaded: it is on this machine, or was named.
func (o Options) allows(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("target %q is no URL", redact(text))
	}
	host := u.Hostname()
	if slices.Contains(o.Remote, host) || host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %s would be put under load; if it is yours, say --allow-remote %s", ErrRemote, host, host)
}

// parted takes the name and password out of a URL.
func parted(text string) (string, *url.Userinfo) {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text, nil
	}
	user := u.User
	u.User = nil
	return u.String(), user
}

// authorize adds the name and password to a request.
func (i *Instance) authorize(request *http.Request) {
	if i.user != nil {
		password, _ := i.user.Password()
		request.SetBasicAuth(i.user.Username(), password)
	}
}

// redact takes a password out of a URL.
func redact(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not shown)"
	}
	return u.Redacted()
}

func readToken(a plan.Auth) (string, error) {
	if a.TokenFile == "" {
		return a.Token, nil
	}
	text, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// lacking is an [ErrAbsent] of what is not the backend's doing.
type lacking string

func (l lacking) Error() string      { return string(l) }
func (lacking) Is(target error) bool { return target == ErrAbsent }

// start starts the backend and the server.
func (i *Instance) start(ctx context.Context) (err error) {
	spec, err := find(i.Target.Start.Backend)
	if err != nil {
		return err
	}
	if n := i.Target.Start.Pools; n > 1 {
		return lacking(fmt.Sprintf("this server can't spread queues over %d pools", n))
	}
	i.spec, i.Backend, i.Traits = spec, spec.name, spec.traits(i.Target.Start.Backed)
	if i.data, err = os.MkdirTemp(i.options.Dir, spec.name+"-"); err != nil {
		return fmt.Errorf("start %s: %w", spec.name, err)
	}
	if i.store, err = spec.prepare(i.data, i.Target.Start.Backed); err != nil {
		return err
	}
	if err := i.startBackend(ctx); err != nil {
		return err
	}
	return i.startServer(ctx)
}

func (i *Instance) startBackend(ctx context.Context) (err error) {
	if len(i.store.command) == 0 {
		return nil
	}
	if i.backend, err = i.launch("backend", i.store.command); err != nil {
		return err
	}
	return i.backend.until(ctx, i.store.ready)
}

// serving finds the address in what the server says when it listens.
var serving = regexp.MustCompile(`try .*?(https?://[0-9.:]+)`)

// figures finds where it has figures for operators.
var figures = regexp.MustCompile(`figures on +(http://\S+)`)

func (i *Instance) startServer(ctx context.Context) (err error) {
	listen := "127.0.0.1:0"
	if i.URL != "" {
		listen = strings.TrimPrefix(i.URL, "http://")
	}
	line := append(slices.Clone(i.options.Server), "--listen", listen, "--ops-listen", "127.0.0.1:0")
	// Not on the command line, which everybody on the machine can read: there may be a key in it.
	if i.server, err = i.launch("server", line, append(i.environ(), "MARCONI_MARCONI__STORE="+i.store.uri)...); err != nil {
		return err
	}
	err = i.server.until(ctx, func(context.Context) error {
		found := serving.FindStringSubmatch(i.server.said())
		if found == nil {
			return errors.New("it does not say that it listens")
		}
		i.URL = found[1]
		if found := figures.FindStringSubmatch(i.server.said()); found != nil {
			i.page.Store(&found[1])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return i.await(ctx, readyWithin)
}

// environ are the plan's options of the server, as its environment knows them: [group] name is MARCONI_GROUP__NAME.
func (i *Instance) environ() (all []string) {
	for option, value := range i.Target.Start.Config {
		group, name, grouped := strings.Cut(option, ".")
		if !grouped {
			group, name = "marconi", option
		}
		all = append(all, "MARCONI_"+strings.ToUpper(group)+"__"+strings.ToUpper(name)+"="+value)
	}
	slices.Sort(all)
	return all
}

// await waits for an answer to a ping in some version of the API.
func (i *Instance) await(ctx context.Context, within time.Duration) error {
	limit, done := context.WithTimeout(ctx, within)
	defer done()
	for {
		err := i.answers(limit)
		if err == nil {
			return nil
		}
		select {
		case <-limit.Done():
			return fmt.Errorf("%w: %s: %w", ErrUnreachable, redact(i.URL), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (i *Instance) answers(ctx context.Context) error {
	limit, done := context.WithTimeout(ctx, time.Second)
	defer done()
	request, err := http.NewRequestWithContext(limit, http.MethodGet, i.URL+"/", nil)
	if err != nil {
		return err
	}
	i.authorize(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16))
	return response.Body.Close()
}

// Connections are a set of connections to the target that never grows.
type Connections struct {
	instance  *Instance
	version   client.Version
	transport transport
}

// A transport carries requests over connections that are kept.
type transport interface {
	http.RoundTripper
	CloseIdleConnections()
}

// Connect makes a set of at most n connections for a version of the API.
func (i *Instance) Connect(api string, n int) (*Connections, error) {
	version, known := versions[api]
	if !known {
		return nil, fmt.Errorf("API version %q is not one that package client speaks", api)
	}
	u, err := url.Parse(i.URL)
	if err != nil {
		return nil, errors.New("the URL of the target can't be parsed") // it may hold a password
	}
	return &Connections{instance: i, version: version, transport: newTransport(u, n)}, nil
}

// newTransport takes as little of the machine as it can, so that more of it is the target's.
func newTransport(u *url.URL, n int) transport {
	if u.Scheme == "http" {
		return wire.New(u.Host, n)
	}
	t := client.NewTransport()
	t.MaxConnsPerHost, t.MaxIdleConns, t.MaxIdleConnsPerHost = n, n, n
	t.Proxy = nil // what is measured is the target
	return t
}

// versions are those of the API, by what a plan calls them.
var versions = map[string]client.Version{"1": client.V1, "1.1": client.V11}

// Client makes a client that uses the connections.
func (c *Connections) Client(config client.Config) (*client.Client, error) {
	config.Transport, config.Version = c.transport, c.version
	if token := c.instance.token; token != "" {
		config.Token = func(context.Context) (string, error) { return token, nil }
	}
	if c.instance.user != nil {
		config.Prepare = func(request *http.Request) error {
			c.instance.authorize(request)
			return nil
		}
	}
	return client.New(c.instance.URL, config)
}

// Close closes the connections that are idle.
func (c *Connections) Close() { c.transport.CloseIdleConnections() }

// Processes are those to watch: what is known of the server and its backend.
func (i *Instance) Processes() (all []measure.Process) {
	for n, pid := range i.Target.PIDs {
		all = append(all, measure.Process{Name: fmt.Sprintf("server %d", n+1), PID: pid})
	}
	if i.server != nil {
		all = append(all, measure.Process{Name: "server", PID: i.server.pid(), Collect: i.collectServer})
	}
	if i.backend != nil {
		all = append(all, measure.Process{Name: "backend", PID: i.backend.pid(), Collect: i.store.collect})
	} else if i.store != nil && i.store.collect != nil {
		all = append(all, measure.Process{Name: "store", Collect: i.store.collect})
	}
	return all
}

// Forgets reports whether one of the faults kills the process that holds the messages, of a backend that does not keep them safe from that.
func (i *Instance) Forgets(faults []plan.Fault) bool {
	return i.Target.Start != nil && !i.Traits.Durable && slices.ContainsFunc(faults, func(f plan.Fault) bool {
		return f.Do == "kill" && (f.To == "backend" || i.backend == nil)
	})
}

// Reset gives the target an empty store, if it was started by us: its processes end, and others begin.
func (i *Instance) Reset(ctx context.Context) error {
	if i.Target.Start == nil {
		return nil
	}
	if err := i.Stop(); err != nil {
		return err
	}
	i.URL, i.server, i.backend = "", nil, nil
	return i.start(ctx)
}

// Stop ends what was started, and removes what it kept.
func (i *Instance) Stop() error {
	var errs []error
	for _, p := range []*process{i.server, i.backend} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	if i.data != "" {
		errs = append(errs, os.RemoveAll(i.data))
	}
	return errors.Join(errs...)
}
