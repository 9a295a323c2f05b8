package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage"
)

const (
	longestCall = 5 * time.Second // that is repeated, if its context has no deadline
	firstPause  = 2 * time.Millisecond
	longestWait = 100 * time.Millisecond // between two tries of what a server refused for the moment
	troubleTime = 10 * time.Second       // that calls are wary of a server for, after one had no answer
)

// A client runs scripts on the server that holds their keys. Calls that are under way at the same time share a few
// connections and travel together.
type client struct {
	settings settings
	log      *slog.Logger
	meter    storage.Meter
	dialer   *dialer
	shared   rueidis.Client
	durable  *durable // nil: writes are confirmed as soon as the primary has them

	trouble atomic.Int64 // until when connections may have to be made, in nanoseconds; 0: there was none

	stopped context.Context // done when the client is closed
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// openClient connects, and looks whether the servers are such as can be used.
func openClient(ctx context.Context, s settings, log *slog.Logger, meter storage.Meter) (*client, error) {
	c := &client{settings: s, log: log, meter: meter, dialer: newDialer(s, meter)}
	c.stopped, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.connect(ctx); err != nil {
		c.close()
		return nil, fmt.Errorf("open %s: %w", s.redacted(), advise(err, s))
	}
	return c, nil
}

func (c *client) connect(ctx context.Context) (err error) {
	options, err := c.options()
	if err != nil {
		return err
	}
	own := options
	own.DialCtxFn = c.dialer.dialShared
	if c.shared, err = rueidis.NewClient(own); err != nil {
		return err
	}
	if c.settings.topology == cluster && c.shared.Mode() != rueidis.ClientModeCluster {
		return errNoCluster
	}
	servers, err := c.look(ctx)
	if err != nil {
		return err
	}
	if err := servers.check(c.settings, c.log); err != nil {
		return err
	}
	if c.settings.durability != inMemory {
		c.durable, err = openDurable(options, c.settings)
	}
	return err
}

// close ends what the client has begun. Calls that are under way fail.
func (c *client) close() {
	c.stop()
	c.tasks.Wait()
	if c.durable != nil {
		c.durable.client.Close()
	}
	if c.shared != nil {
		c.shared.Close()
	}
}

// options are those of the connections that all calls share. The library repeats nothing by itself: it does not know what
// may be repeated.
func (c *client) options() (rueidis.ClientOption, error) {
	s := c.settings
	secure, err := s.tls.config()
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	// A server that owes an answer is asked for a sign of life when it has been silent for a third of the time.
	o := rueidis.ClientOption{
		InitAddress: s.places(), Username: s.username, Password: s.password, SelectDB: s.database,
		TLSConfig: secure, DialCtxFn: c.dialer.dial,
		ConnWriteTimeout:   max(s.socketTimeout, time.Second) * 2 / 3,
		PipelineMultiplex:  multiplex(s.connections),
		ReadBufferEachConn: 1 << 17, WriteBufferEachConn: 1 << 17,
		RingScaleEachConn: 12, // calls under way; one more waits whatever its context says
		DisableCache:      true, DisableRetry: true, AlwaysPipelining: true,
		ForceSingleClient: s.topology == standalone,
		ClientName:        "marconi",
	}
	o.Dialer.Timeout, o.Dialer.KeepAlive = s.connectTimeout, max(s.socketTimeout, time.Second)/3
	o.ClusterOption = rueidis.ClusterOption{ShardsRefreshInterval: 2 * time.Second, MaxMovedRedirections: 8}
	if s.topology == sentinel {
		o.Sentinel = rueidis.SentinelOption{
			MasterSet: s.master, Username: s.sentinelUsername, Password: s.sentinelPassword, ClientName: o.ClientName,
			Dialer: o.Dialer, TLSConfig: secure, TopologyRefreshInterval: time.Second,
		}
	}
	return o, nil
}

func (s settings) network() string {
	if s.socket != "" {
		return "unix"
	}
	return "tcp"
}

func (s settings) places() []string {
	if s.socket != "" {
		return []string{s.socket}
	}
	return s.addresses
}

// multiplex is the binary logarithm of a number of connections, as the library wants it: 0 is its own choice, below is one.
func multiplex(connections int) int {
	return map[int]int{0: 0, 1: -1, 2: 1, 4: 2, 8: 3}[connections]
}

// load makes scripts known to all servers, so that the first calls need not carry them along. A server that comes later, or
// can't be reached now, learns them from the first call that needs them.
func (c *client) load(ctx context.Context, scripts ...*script) error {
	nodes := c.shared.Nodes()
	var failed error
	for address, node := range nodes {
		err := loadAt(ctx, node, scripts)
		if _, refused := rueidis.IsRedisErr(errors.Unwrap(err)); refused || err != nil && len(nodes) == 1 {
			return fmt.Errorf("load scripts on %s: %w", address, advise(err, c.settings))
		}
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		c.log.Warn("some servers of the cluster can't be reached", "error", failed)
	}
	return nil
}

func loadAt(ctx context.Context, node rueidis.Client, scripts []*script) error {
	commands := make(rueidis.Commands, len(scripts))
	for i, s := range scripts {
		commands[i] = node.B().ScriptLoad().Script(s.text).Build()
	}
	for i, r := range node.DoMulti(ctx, commands...) {
		if err := r.Error(); err != nil {
			return fmt.Errorf("%s: %w", scripts[i].name, err)
		}
	}
	return nil
}

// run runs a script on the server that holds keys, all of one hash tag. What could not be carried out for certain is
// wrapped in [marconi.ErrUnavailable]; a reply that is an error comes as a *rueidis.RedisError, and a null without one.
//
// A script is sent again when it is certain that it did not run, and beyond that only if it may be repeated.
func (c *client) run(ctx context.Context, s *script, keys, args []string) (rueidis.RedisMessage, error) {
	pause := pauses{started: time.Now(), settings: &c.settings}
	for {
		r := c.once(ctx, s, keys, args, pause.tries > 0)
		o := judge(ctx, r)
		if o == answered {
			m, err := r.ToMessage()
			return m, named(err)
		}
		if o == refused && c.settings.topology == standalone && hasCode(r.Error().Error(), []string{"READONLY"}) {
			// Behind that address there is another primary now, as a rule: whoever holds on to this connection never gets there.
			c.dialer.renew()
		}
		if o != refused {
			c.trouble.Store(time.Now().Add(troubleTime).UnixNano())
		}
		err := r.Error()
		if c.stopped.Err() != nil {
			return rueidis.RedisMessage{}, unavailable(ctx, s.name, o, errClosed)
		}
		if o == unknown && !s.repeat || !pause.before(ctx, o) {
			c.meter.Add("redis_"+o.String()+"_total", 1)
			return rueidis.RedisMessage{}, unavailable(ctx, s.name, o, err)
		}
		c.meter.Add("redis_repeats_total", 1)
	}
}

var errClosed = errors.New("the store is closed")

// once runs a script, by its name if the server knows it; again, if it may have been run.
func (c *client) once(ctx context.Context, s *script, keys, args []string, again bool) rueidis.RedisResult {
	send := sender(c.send)
	if c.durable != nil && !s.readOnly && !s.looks {
		assured := ""
		if again || !s.fresh {
			assured = keys[0]
		}
		send = func(ctx context.Context, command rueidis.Completed) rueidis.RedisResult {
			return c.durable.send(ctx, command, assured)
		}
	}
	if c.inTrouble() {
		send = c.abandoning(send)
	}
	b := c.shared.B()
	n := int64(len(keys))
	r := send(ctx, b.Evalsha().Sha1(s.sha).Numkeys(n).Key(keys...).Arg(args...).Build())
	if reply, is := rueidis.IsRedisErr(r.Error()); is && r.NonRedisError() == nil && reply.IsNoScript() {
		c.meter.Add("redis_scripts_sent_total", 1)
		r = send(ctx, b.Eval().Script(s.text).Numkeys(n).Key(keys...).Arg(args...).Build())
	}
	return r
}

func (c *client) send(ctx context.Context, command rueidis.Completed) rueidis.RedisResult {
	return c.shared.Do(ctx, command)
}

// inTrouble reports whether a call had no answer a short while ago.
func (c *client) inTrouble() bool {
	until := c.trouble.Load()
	if until == 0 {
		return false
	}
	if time.Now().UnixNano() < until {
		return true
	}
	c.trouble.CompareAndSwap(until, 0)
	return false
}

type sender func(ctx context.Context, command rueidis.Completed) rueidis.RedisResult

// abandoning is a sender that ends with its context. The library's own lets a call wait for the connection that another one makes,
// whatever the call's context says: up to connect_timeout, for a server that takes connections and is silent. What is left behind
// sends nothing any more once its context has ended; close waits for it.
func (c *client) abandoning(send sender) sender {
	return func(ctx context.Context, command rueidis.Completed) rueidis.RedisResult {
		result := make(chan rueidis.RedisResult, 1)
		c.tasks.Go(func() { result <- send(ctx, command) })
		select {
		case r := <-result:
			return r
		case <-ctx.Done():
			return rueidis.NewErrorResult(ctx.Err())
		}
	}
}

// pauses are those between the tries of a call.
type pauses struct {
	settings *settings
	started  time.Time
	next     time.Duration
	tries    int
}

// before waits before another try, and tells whether there is to be one: not if there would be no time left for it.
func (p *pauses) before(ctx context.Context, o outcome) bool {
	p.tries++
	most := longestWait
	switch o {
	case resting, locked:
		return false
	case refused:
		p.next = max(p.next, firstPause)
	default:
		if p.tries > p.settings.reconnects {
			return false
		}
		p.next = max(p.next, p.settings.reconnectSleep)
		most = longestCall
	}
	end, has := ctx.Deadline()
	if limit := p.started.Add(longestCall); !has {
		end = limit
	}
	if time.Until(end) <= p.next {
		return false
	}
	this := p.next
	p.next = min(2*p.next, most)
	return pause.For(ctx, this) == nil
}
