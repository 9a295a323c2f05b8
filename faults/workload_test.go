//go:build unix

package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/ledger"
)

// A workload is producers, workers and observers of a server that comes and goes, over HTTP, and the ledger that they report
// to. None of them ever asks for what a sound server refuses.
//
// There are three queues, so that what the ledger can't know of one of them excuses nothing in the others: a pop whose answer
// never came may have taken any message of its queue, and then it takes the blame for one that was lost.
//
//	kept   is posted to and listed; nothing is ever taken from it
//	jobs   is claimed from, too
//	mixed  is claimed and popped from
type workload struct {
	random *workloadRandom
	server workloadServer
	l      *ledger.Ledger
	clock  *ledger.Clock

	kept, jobs, mixed *workloadQueue

	every       int    // each so-many-th of the actors takes part, from the second on; 0: all do
	beforeDrain func() // or nil

	posting, taking               atomic.Bool // what is to go on
	producers, workers, observers sync.WaitGroup

	unsure      workloadUnsure
	keptShown   []atomic.Int64 // to each observer of kept
	keptDrained int

	mu         sync.Mutex // guards what follows
	complaints int        // refusals, errors of the server, calls without an answer though nobody killed it
	complaint  string     // the first one
}

// A workloadQueue is a queue on both sides.
type workloadQueue struct {
	name string
	book *ledger.Queue
}

// workloadUnsure counts the calls that were sent and never answered.
type workloadUnsure struct{ posts, claims, pops, deletes, others atomic.Int64 }

func (u *workloadUnsure) total() int64 {
	return u.posts.Load() + u.claims.Load() + u.pops.Load() + u.deletes.Load() + u.others.Load()
}

func (u *workloadUnsure) String() string {
	return fmt.Sprintf("%d posts, %d claims, %d pops, %d deletes, %d updates and releases",
		u.posts.Load(), u.claims.Load(), u.pops.Load(), u.deletes.Load(), u.others.Load())
}

const (
	workloadProducers = 16
	workloadWorkers   = 16
	workloadObservers = 5

	workloadCallTime = time.Minute            // no call may take longer
	workloadClaimTTL = time.Minute            // the least there is: in a long run what was left under a claim comes back
	workloadGrain    = 100 * time.Millisecond // the server's clock is another one, and may be turned a little
)

// newWorkload makes a workload that does nothing yet. Its random numbers are those of MARCONI_TEST_SEED, if that is set.
func newWorkload(t testing.TB, run string) *workload {
	seed := rand.Uint64()
	if text := os.Getenv("MARCONI_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MARCONI_TEST_SEED=%d", seed)
	w := &workload{
		random:    &workloadRandom{r: rand.New(rand.NewPCG(seed, 0))},
		clock:     ledger.NewClock(nil),
		l:         ledger.New(ledger.Options{Run: run, History: true, Grain: workloadGrain, Offenders: 10_000}),
		keptShown: make([]atomic.Int64, 2),
	}
	w.server.changed = make(chan struct{})
	w.kept, w.jobs, w.mixed = w.queue("kept"), w.queue("jobs"), w.queue("mixed")
	return w
}

const workloadProject = "faults"

func (w *workload) queue(name string) *workloadQueue {
	return &workloadQueue{name, w.l.Queue(workloadProject, name)}
}

// begin sets all to work. They wait for the server when there is none, and end with the context, or by the calls of end.
func (w *workload) begin(ctx context.Context) {
	w.posting.Store(true)
	w.taking.Store(true)
	for range w.actors(workloadProducers) {
		p := &workloadProducer{w, w.l.Producer(), w.random.child()}
		w.producers.Go(func() { p.run(ctx) })
	}
	for i := range w.actors(workloadWorkers) {
		k := &workloadWorker{workload: w, book: w.l.Worker(fmt.Sprintf("worker %d", i)), random: w.random.child(), queue: w.jobs}
		switch {
		case i >= 12:
			k.fickle = true
		case i >= 8:
			k.queue, k.pops = w.mixed, true
		}
		if i%4 == 0 {
			k.queue = w.mixed
		}
		w.workers.Go(func() { k.run(ctx) })
	}
	for i := range w.actors(workloadObservers) {
		q := []*workloadQueue{w.kept, w.kept, w.jobs, w.jobs, w.mixed}[i]
		o := ledger.Observing{Name: fmt.Sprintf("observer %d", i), Claimed: i%2 == 0}
		b := &workloadObserver{workload: w, queue: q, claimed: o.Claimed, book: w.l.Observer(q.book, o)}
		if i < len(w.keptShown) {
			b.count = &w.keptShown[i]
		}
		w.observers.Go(func() { b.run(ctx) })
	}
}

// leave waits for those who work when a test's context has ended.
func (w *workload) leave() {
	w.producers.Wait()
	w.workers.Wait()
	w.observers.Wait()
	w.server.dead()
}

// actors gives the numbers of those of n that take part.
func (w *workload) actors(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := min(1, w.every); i < n && yield(i); i += max(1, w.every) {
		}
	}
}

// share is what those that take part do of n.
func (w *workload) share(n int64) int64 { return n / int64(max(1, w.every)) }

// end lets all come to their ends, the ones that feed the others first, and then drains the queues.
func (w *workload) end(ctx context.Context) error {
	w.posting.Store(false)
	w.producers.Wait()
	w.taking.Store(false)
	w.workers.Wait()
	w.observers.Wait() // they have looked once more, and found nothing
	if w.beforeDrain != nil {
		w.beforeDrain()
	}
	for _, q := range []*workloadQueue{w.kept, w.jobs, w.mixed} {
		n, err := w.drain(ctx, q)
		if err != nil {
			return err
		}
		if q == w.kept {
			w.keptDrained = n
		}
	}
	return nil
}

// drain lists what is left in a queue, and how much that is.
func (w *workload) drain(ctx context.Context, q *workloadQueue) (n int, err error) {
	life := w.server.await(ctx)
	if life == nil {
		return 0, context.Cause(ctx)
	}
	d := w.l.Drain(q.book, w.clock.Now())
	for marker := ""; ; {
		sent := w.clock.Now()
		l := client.MessageListing{Marker: marker, Limit: 20, Echo: true, IncludeClaimed: true}
		call, done := context.WithTimeout(ctx, workloadCallTime)
		page, err := life.client.Queue(q.name).MessagePage(call, l)
		done()
		if err != nil {
			return 0, fmt.Errorf("drain: %w", err)
		}
		d.Page(ledger.Call{Sent: sent, Answered: w.clock.Now()}, workloadSeen(page.Items))
		if len(page.Items) == 0 {
			d.Done(w.clock.Now())
			return n, nil
		}
		if page.Marker == marker {
			return 0, fmt.Errorf("drain: behind %q comes the same page again", marker)
		}
		n += len(page.Items)
		marker = page.Marker
	}
}

// A workloadEnding is what is known of how a call went.
type workloadEnding int

const (
	workloadSucceeded workloadEnding = iota
	workloadRefused
	workloadUnsent     // there was nobody to send it to
	workloadUnanswered // it was sent, and no answer came
	workloadCanceled   // the workload is over
)

// ending tells how a call that was sent then ended. What would not have happened with a sound server is written down.
func (w *workload) ending(ctx context.Context, life *workloadLife, sent time.Duration, err error) workloadEnding {
	var answer *client.Error
	var network *net.OpError
	e := workloadUnanswered
	switch {
	case err == nil:
		return workloadSucceeded
	case ctx.Err() != nil:
		return workloadCanceled
	case errors.As(err, &answer) && answer.Status < http.StatusInternalServerError:
		e = workloadRefused
	case errors.As(err, &network) && network.Op == "dial":
		e = workloadUnsent
	}
	broken := errors.As(err, new(*client.TransportError)) && !errors.Is(err, context.DeadlineExceeded)
	if !broken || !life.excuses(sent) {
		w.complain(fmt.Errorf("after %v: %w", w.clock.Now()-sent, err))
	}
	return e
}

func (w *workload) complain(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.complaints++; w.complaints == 1 {
		w.complaint = err.Error()
	}
}

// complained tells how many complaints there are, and the first.
func (w *workload) complained() (n int, first string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.complaints, w.complaint
}

func workloadSeen(messages []client.Message) []ledger.Seen {
	all := make([]ledger.Seen, len(messages))
	for i, m := range messages {
		all[i] = ledger.Seen{ID: string(m.ID), Body: m.Body}
	}
	return all
}

// A workloadServer is the server, which may be running or not.
type workloadServer struct {
	mu      sync.Mutex // guards what follows
	life    *workloadLife
	changed chan struct{} // closed at the next change
}

// A workloadLife is a server from its start to its end.
type workloadLife struct {
	client *client.Client
	doomed atomic.Bool  // it is being killed, or in trouble
	sound  atomic.Int64 // by the workload's clock: when it was over its last trouble
}

// excuses reports whether a call that was sent then may go wrong.
func (l *workloadLife) excuses(sent time.Duration) bool {
	return l.doomed.Load() || int64(sent) < l.sound.Load()
}

// over says that the trouble is over, for calls that are sent from now on.
func (l *workloadLife) over(now time.Duration) {
	l.sound.Store(int64(now))
	l.doomed.Store(false)
}

// born says that the server runs and is called through c.
func (s *workloadServer) born(c *client.Client) { s.set(&workloadLife{client: c}) }

// doom says that the server is about to be killed.
func (s *workloadServer) doom() {
	if life, _ := s.get(); life != nil {
		life.doomed.Store(true)
	}
}

// dead says that the server doesn't run.
func (s *workloadServer) dead() { s.set(nil) }

func (s *workloadServer) set(life *workloadLife) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life != nil {
		s.life.client.CloseIdleConnections()
	}
	s.life = life
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *workloadServer) get() (life *workloadLife, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life, s.changed
}

// await waits until the server runs. Nil: the context has ended.
func (s *workloadServer) await(ctx context.Context) *workloadLife {
	for ctx.Err() == nil {
		life, changed := s.get()
		if life != nil {
			return life
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// pause waits until the server that can't be reached is known not to run, and reports whether it is. If nobody has killed it
// that does not come.
func (s *workloadServer) pause(ctx context.Context) bool {
	life, changed := s.get()
	if life == nil {
		return true
	}
	select {
	case <-changed:
		return true
	case <-time.After(5 * time.Second):
	case <-ctx.Done():
	}
	return false
}

// A workloadRandom gives random numbers, and sources of them for other goroutines.
type workloadRandom struct{ r *rand.Rand }

func (r *workloadRandom) child() *workloadRandom {
	return &workloadRandom{rand.New(rand.NewPCG(r.r.Uint64(), r.r.Uint64()))}
}

// one reports true once in n.
func (r *workloadRandom) one(n int) bool { return r.r.IntN(n) == 0 }

// between is a time of at least least and less than most.
func (r *workloadRandom) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.r.Int64N(int64(cmp.Or(most-least, 1))))
}
