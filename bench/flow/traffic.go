// Package flow makes the traffic of a load run: producers, workers, observers, auditors and their like, each a client with an
// ID of its own, which tell the ledger what they do and the recorder how long it took.
//
// The flow that drives a workload sends on a schedule that answers can't slow down. Others follow it, each at a rhythm of its
// own: what finds something goes on at once, what finds nothing looks again at its next time. All that is drawn follows from
// the seed. Which version of the API is spoken is for package client to know.
package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// Prefix begins the name of every queue that traffic makes, and deletes.
const Prefix = "bench-"

// gcPercent lets four times as much come together before garbage is collected, while traffic is made: it is all short-lived, and to
// collect it took a sixth of the generator's time.
const gcPercent = 400

// A Setup is what traffic is made of.
type Setup struct {
	Cell     plan.Cell
	Seed     uint64 // of this run
	Run      string // names the run, in queues and bodies: up to 40 letters, digits and hyphens
	Clock    schedule.Clock
	Ledger   *ledger.Ledger
	Recorder *measure.Recorder
	Connect  func(client.Config) (*client.Client, error) // to the target, over the run's connections
	Log      *slog.Logger

	// Loose says that the store may be late to show what it has, or may forget: what workers are not given is only counted then.
	Loose bool

	// Late makes the pacer slow on purpose, for a test of what tells; nil: it isn't.
	Late func(schedule.Due)
}

// Traffic is the workload of one run. Its methods are called one after the other: Prepare, Run, Drain, Clean.
type Traffic struct {
	Setup
	workload plan.Workload
	queues   []*queue
	driver   driver
	actors   []actor
	readOn   []actor        // who read on when the driving flow, which had them look till then, is over
	running  sync.WaitGroup // the actors
	end      span           // of the measured time
	draining atomic.Bool
	fanout   *fanout // nil: nobody observes
	audits   *audits // nil: nobody audits
	callers  []*caller
	givenUp  *givenUp // nil: nobody gives up a claim
	crowd    crowd

	patience patience
	stop     context.CancelFunc // ends the actors
}

// A span is a part of a run, in its time.
type span struct{ from, to time.Duration }

func (s span) holds(at time.Duration) bool { return s.from <= at && at < s.to }

// A queue is one of the run's.
type queue struct {
	number  int
	name    string
	project string
	book    *ledger.Queue
}

// An actor is a client that follows: it acts until its context ends, or there is nothing more to come.
type actor interface {
	act(ctx context.Context)
}

// A driver is the flow that the rate drives. It drives for a length of time from a start on, and returns when its last
// operation has been answered.
type driver interface {
	drive(ctx context.Context, start, length time.Duration) error
	sequence(length time.Duration) (string, error)
}

// New makes the traffic of a cell.
func New(s Setup) (*Traffic, error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	t := &Traffic{Setup: s, workload: s.Cell.Workload}
	for i := range t.workload.Space.Queues {
		project := fmt.Sprintf("bench-%d", i%t.workload.Space.Tenants)
		name := fmt.Sprintf("%s%s-%d", Prefix, s.Run, i)
		t.queues = append(t.queues, &queue{number: i, name: name, project: project, book: s.Ledger.Queue(project, name)})
	}
	if t.workload.Crash > 0 {
		t.givenUp = newGivenUp(len(t.queues))
	}
	if err := t.cast(); err != nil {
		return nil, err
	}
	return t, nil
}

// cast gives the roles to actors.
func (t *Traffic) cast() (err error) {
	w := t.workload
	driving := w.Describe().Drives
	switch driving {
	case plan.Producers:
		t.driver, err = t.newProducers()
	case plan.Callers:
		t.driver, err = t.newCallers()
	case plan.Workers: // the workers' own rhythm is the rate
		t.driver = &resting{t}
	default:
		err = fmt.Errorf("flow: nothing drives the workload %q", w.Use)
	}
	if err != nil {
		return err
	}
	for role, cast := range map[plan.Role]func(n int) error{
		plan.Workers: t.castWorker, plan.Poppers: t.castPopper, plan.Observers: t.castObserver,
		plan.Auditors: t.castAuditor, plan.Monitors: t.castMonitor,
	} {
		for n := range w.Count(role) {
			if err := cast(n); err != nil {
				return err
			}
		}
	}
	if posts, drives := t.driver.(*producers); drives && len(w.Describe().Mix) > 0 {
		t.driver = t.newMix(posts)
	}
	return nil
}

// connect makes the client of a role and number in a project. Its ID follows from the seed.
func (t *Traffic) connect(role plan.Role, n int, project string) (*client.Client, error) {
	var id uuid.UUID
	random := schedule.Stream(t.Seed, "client "+string(role), n, 0)
	for i := range id {
		id[i] = byte(random.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // a random UUID, RFC 9562 §5.4
	return t.Connect(client.Config{Project: project, ClientID: id.String(), UserAgent: "marconi-bench"})
}

// handles gives the queues as a client of that role and number sees them.
func (t *Traffic) handles(role plan.Role, n int) ([]*client.Queue, error) {
	clients := map[string]*client.Client{}
	all := make([]*client.Queue, len(t.queues))
	for i, q := range t.queues {
		if clients[q.project] == nil {
			c, err := t.connect(role, n, q.project)
			if err != nil {
				return nil, err
			}
			clients[q.project] = c
		}
		all[i] = clients[q.project].Queue(q.name)
	}
	return all, nil
}

// Prepare creates the queues and fills them as far as the plan asks for.
func (t *Traffic) Prepare(ctx context.Context) error {
	return t.each(ctx, func(ctx context.Context, q *queue, c *client.Queue) error {
		call, done := context.WithTimeout(ctx, time.Duration(t.Cell.Load.Timeout))
		_, err := c.Create(call, nil)
		done()
		if err != nil {
			return fmt.Errorf("create queue %s: %w", q.name, err)
		}
		return t.prefill(ctx, q, c)
	})
}

// Clean deletes the queues of the run. Those that are gone already are no error.
func (t *Traffic) Clean(ctx context.Context) error {
	return t.each(ctx, func(ctx context.Context, q *queue, c *client.Queue) error {
		if err := c.Delete(ctx); err != nil && !errors.Is(err, client.ErrNotFound) {
			return fmt.Errorf("delete queue %s: %w", q.name, err)
		}
		return nil
	})
}

// each does something with every queue, several at a time.
func (t *Traffic) each(ctx context.Context, do func(context.Context, *queue, *client.Queue) error) error {
	handles, err := t.handles("keeper", 0)
	if err != nil {
		return err
	}
	const atOnce = 16
	next, errs := atomic.Int64{}, make([]error, atOnce)
	var hands sync.WaitGroup
	for hand := range min(atOnce, len(t.queues)) {
		hands.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(t.queues) || errs[hand] != nil {
					return
				}
				errs[hand] = do(ctx, t.queues[i], handles[i])
			}
		})
	}
	hands.Wait()
	return errors.Join(errs...)
}

// lead is how long before its start the traffic is set up.
const lead = 50 * time.Millisecond

// Run makes the traffic: a ramp and a warm-up, if the plan has them, and what is measured. It returns when that is over and
// the driving flow's operations are answered; what follows it goes on until Drain.
func (t *Traffic) Run(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	actors, stop := context.WithCancel(ctx)
	t.stop, t.patience.within = stop, time.Duration(t.Cell.Load.Timeout)
	start := t.Clock.Now() + lead
	length := t.phases(start)
	for _, a := range t.actors {
		t.running.Go(func() {
			t.Clock.SleepUntil(actors, start)
			a.act(actors)
		})
	}
	return t.driver.drive(actors, start, length)
}

// phases tells the recorder when what begins, and gives how long it all takes.
func (t *Traffic) phases(start time.Duration) (length time.Duration) {
	at := start
	begin := func(name string, measured bool, takes time.Duration) {
		if takes > 0 {
			t.Recorder.Begin(name, measured, at)
			at += takes
		}
	}
	times := t.Cell.Time
	begin("ramp", false, time.Duration(t.Cell.Load.Ramp))
	begin("warmup", false, time.Duration(times.Warmup))
	t.end.from = at
	names := []string{"measure"}
	if t.workload.Describe().Phases == len(auditPhases) {
		names = auditPhases
	}
	for _, name := range names {
		begin(name, true, time.Duration(times.Duration)/time.Duration(len(names)))
	}
	t.end.to = at
	t.Recorder.Begin("drain", false, at)
	if t.audits != nil {
		t.audits.begin(t.end)
	}
	return at - start
}

// Measured is the span of the run that is measured. It is known once Run has begun.
func (t *Traffic) Measured() (from, to time.Duration) { return t.end.from, t.end.to }

// Drain lets those who follow find the rest, for as long as the plan allows, ends them, and lists what is then left, which
// closes the ledger's books. Drained says that they came to an end by themselves and everything left was listed.
func (t *Traffic) Drain(ctx context.Context) (drained bool, err error) {
	defer t.stop()
	t.draining.Store(true)
	limit, cancel := context.WithTimeout(ctx, time.Duration(t.Cell.Time.Drain))
	defer cancel()
	for _, a := range t.readOn {
		t.running.Go(func() { a.act(limit) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.running.Wait()
	}()
	select {
	case <-done:
		drained = true
	case <-limit.Done():
	}
	t.stop()
	<-done
	if err := t.list(ctx); err != nil {
		return false, err
	}
	return drained, nil
}

// list enters what is left in all queues into the ledger.
func (t *Traffic) list(ctx context.Context) error {
	return t.each(ctx, func(ctx context.Context, q *queue, c *client.Queue) error {
		d := t.Ledger.Drain(q.book, t.Clock.Now())
		for marker := ""; ; {
			sent := t.Clock.Now()
			call, done := context.WithTimeout(ctx, time.Duration(t.Cell.Load.Timeout))
			page, err := c.MessagePage(call, client.MessageListing{Marker: marker, Limit: listLimit, Echo: true, IncludeClaimed: true})
			done()
			if err != nil {
				return fmt.Errorf("list what is left in %s: %w", q.name, err)
			}
			d.Page(ledger.Call{Sent: sent, Answered: t.Clock.Now()}, seen(page.Items))
			if len(page.Items) == 0 {
				d.Done(t.Clock.Now())
				return nil
			}
			marker = page.Marker
		}
	})
}

// listLimit is the longest page that every server gives.
const listLimit = 20

// meter gives what measures an operation of a role.
func (t *Traffic) meter(role plan.Role, operation string) *measure.Meter {
	return t.Recorder.Meter(measure.Key{Flow: singular(role), Operation: operation}, runtime.GOMAXPROCS(0))
}

// singular is a role as the name of one who has it.
func singular(r plan.Role) string { return string(r[:len(r)-1]) }

func seen(messages []client.Message) []ledger.Seen {
	all := make([]ledger.Seen, len(messages))
	for i, m := range messages {
		all[i] = ledger.Seen{ID: string(m.ID), Body: m.Body}
	}
	return all
}

func bytesOf(messages []client.Message) (n int64) {
	for _, m := range messages {
		n += int64(len(m.Body))
	}
	return n
}

// An ending is what is known of how a call went.
type ending int

const (
	succeeded ending = iota
	refused          // nothing happened
	unknown          // it may have happened
	abandoned        // the run is over; it may have happened
)

// ending tells how a call that returned err ended. An answer that is no success says that nothing happened, but for those by which a
// service that can't be reached in time excuses itself: 502, 503 and 504.
func (t *Traffic) ending(ctx context.Context, err error) (ending, measure.Class) {
	if err == nil {
		return succeeded, measure.OK
	}
	class := measure.Classify(err)
	var answer *client.Error
	switch {
	case errors.As(err, &answer) && !errors.Is(err, client.ErrUnavailable), class == measure.Connect:
		return refused, class
	case ctx.Err() != nil:
		return abandoned, class
	}
	return unknown, class
}
