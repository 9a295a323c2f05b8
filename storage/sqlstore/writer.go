package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// What one transaction of the writer takes in at most.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
	maxBatchTime  = 20 * time.Millisecond // after which no operation more is begun
)

// manyCallers is from how many on two crowds do more than one. With fewer, what counts is how many share a sync.
const manyCallers = 16

// messageWeight is for how many bytes a message counts beside its body: a thousand small ones take as much time as a megabyte.
// An operation above heavyBytes has a transaction of its own, so that small ones before it don't wait for it.
const (
	messageWeight = 1000
	heavyBytes    = maxBatchBytes / 4
)

// begin takes the write lock at once: a transaction that reads first could be refused it later.
const begin = "BEGIN IMMEDIATE"

// A writer runs all writes of one database on one connection, one goroutine: it takes all that wait into one transaction and commits.
// The callers are answered by another goroutine, when the disk has it (see [syncs]): meanwhile the writer has the next batch, and all that
// is committed while the disk syncs shares the next sync. The busier the database, the more writes share one, without anybody waiting for
// a timer. What comes while a batch is being run joins it, unless it is of one, who is not to wait.
//
// A post that is alone is written and synced by its own goroutine: on a machine that has nothing else to do, to wake another and
// to be woken again takes a third of the time of a commit. What that costs: it can't give up when its time is over, but
// only when the disk has answered. Other writes stay with the writer, since they would leave large stacks behind with
// those who then wait for messages.
//
// An operation that fails takes no other with it. Those refused by the rules have changed nothing yet; where one fails
// later, by the disk or by a bug, the transaction is rolled back and the others are run again without it. That is rare, where
// a savepoint for each would cost all of them 4 µs of about 20.
type writer struct {
	conn     *sql.Conn
	stmts    *prepared
	sql      *statements
	headers  *headers
	numbers  *numbers
	inserts  *inserts
	room     *room
	now      func() time.Time
	meter    storage.Meter
	maxBatch int
	publish  func([]*news)
	turn     func() (end func()) // keeps readers out meanwhile, where the database can't
	after    func()              // called after each commit
	disk     *fullness
	syncs    *syncs // nil: a commit is as safe as it gets

	ops     chan *op
	commits chan *commit  // to be answered; without a buffer, so that who comes while the disk is busy gathers
	ended   chan struct{} // closed when the goroutines have ended

	callers atomic.Int64 // of write
	few     atomic.Bool  // the last batch of the goroutine was of one
	mu      sync.Mutex   // held by whoever writes; guards all of the above that is not safe for concurrent use
}

// An op is a write on its way through the writer.
type op struct {
	work
	state atomic.Int32 // opWaiting, then one of the others
	news  []*news
	err   error
	done  chan error
}

const (
	opWaiting int32 = iota
	opBegun
	opLeft // its caller has gone away: it is not to be begun, or not to be gone on with
)

// write implements [engine].
func (w *writer) write(ctx context.Context, job work) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{work: job, done: make(chan error, 1)}
	defer w.callers.Add(-1)
	if w.callers.Add(1) == 1 && w.alone(o) {
		return <-o.done
	}
	select {
	case w.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return o.leave(ctx)
	}
}

// alone writes a post at once, if nobody else has anything to write. If not, or if it has to go on, it is for the writer.
func (w *writer) alone(o *op) (done bool) {
	if o.bytes == 0 || !w.few.Load() || !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	whole := false
	defer func() {
		if !whole { // a panic, which the caller may survive; the transaction must not
			w.abandon()
		}
	}()
	left, c := w.commit([]*op{o})
	whole = true
	w.settle(c)
	w.after()
	return len(left) == 0
}

// leave is for a caller that can't wait any longer.
func (o *op) leave(ctx context.Context) error {
	if o.state.Swap(opLeft) == opWaiting {
		return ctx.Err()
	}
	select {
	case err := <-o.done:
		return err
	default:
		return fmt.Errorf("it may have been carried out: %w", ctx.Err())
	}
}

// close ends the writer when all that was given to it is done.
func (w *writer) close() {
	close(w.ops)
	<-w.ended
	w.stmts.close()
}

// run is the writer's goroutine.
func (w *writer) run() {
	defer close(w.commits)
	var left []*op
	for {
		batch := w.gather(left)
		if len(batch) == 0 {
			return
		}
		left = w.commitLocked(batch)
	}
}

func (w *writer) commitLocked(batch []*op) (left []*op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.few.Store(len(batch) == 1)
	left, c := w.commit(batch)
	w.commits <- c
	w.after()
	return left
}

// answer is the goroutine that answers.
func (w *writer) answer() {
	defer close(w.ended)
	for c := range w.commits {
		w.settle(c)
	}
}

// most is how many operations a batch may have. Half of all callers, where they are many: so there are two crowds, one of which waits for the
// disk while the batch of the other is run. Left alone they come together in one, and the writer has nothing to do while the disk has.
func (w *writer) most() int {
	if n := int(w.callers.Load()); w.syncs != nil && n >= manyCallers {
		return min(w.maxBatch, (n+1)/2)
	}
	return w.maxBatch
}

// gather waits for something to do and takes all there is, up to the bounds of a batch. Nothing: the writer was closed.
func (w *writer) gather(batch []*op) []*op {
	if len(batch) == 0 {
		o, open := <-w.ops
		if !open {
			return nil
		}
		batch = append(batch, o)
	}
	bytes := 0
	for _, o := range batch {
		bytes += o.bytes
	}
	for most := w.most(); len(batch) < most && bytes < maxBatchBytes; {
		select {
		case o, open := <-w.ops:
			if !open {
				return batch
			}
			batch = append(batch, o)
			bytes += o.bytes
		default:
			return batch
		}
	}
	return batch
}

// A commit is a batch that was run, and what its callers are to be told when the disk has it.
type commit struct {
	number uint64    // see [syncs]
	began  time.Time // to be made
	run    int       // operations that are in it
	ends   []ending
}

// An ending is how an operation has ended, or a part of one that goes on.
type ending struct {
	news []*news
	err  error
	done chan<- error // nil: it goes on
}

// commit runs a batch in one transaction. It returns what is for the next one, too. The lock is held.
func (w *writer) commit(batch []*op) (left []*op, c *commit) {
	defer w.turn()()
	start := time.Now()
	w.room.begin()
	if err := w.exec(begin); err != nil {
		return nil, w.refused(batch, fmt.Errorf("begin a transaction: %w", err))
	}
	batch, left, err := w.runAll(batch, start)
	c = &commit{began: time.Now(), run: len(batch)}
	if err == nil {
		err = w.save(c)
	}
	if err != nil {
		if w.abandon() {
			return append(batch, left...), nil
		}
		return left, w.refused(batch, err)
	}
	w.headers.committed()
	w.inserts.committed()
	w.disk.note(batch, nil)
	for _, o := range batch {
		if errors.Is(o.err, errAgain) {
			c.ends, left = append(c.ends, ending{news: o.news}), append(left, o)
			continue
		}
		c.ends = append(c.ends, ending{news: o.news, err: o.err, done: o.done})
	}
	return left, c
}

// refused is a transaction that was lost, and with it all operations that had not failed by themselves.
func (w *writer) refused(batch []*op, err error) *commit {
	w.disk.note(batch, err)
	c := &commit{}
	for _, o := range batch {
		if o.err == nil || errors.Is(o.err, errAgain) {
			o.err = err
		}
		c.ends = append(c.ends, ending{err: o.err, done: o.done})
	}
	return c
}

// runAll runs the operations until the time of a batch is over. An error is the transaction's end, and that of the one
// operation that run then has: the others are left to be run again, for nothing was done of them. Where it is not clear whose
// end it is, run has all.
func (w *writer) runAll(batch []*op, start time.Time) (run, left []*op, err error) {
	for i := 0; i < len(batch); i++ {
		o := batch[i]
		if i > 0 && (o.bytes > heavyBytes || time.Since(start) > maxBatchTime) {
			return batch[:i], batch[i:], nil
		}
		if !o.state.CompareAndSwap(opWaiting, opBegun) && o.state.Load() == opLeft {
			o.err = context.Canceled // nobody hears it
			continue
		}
		t := w.tx()
		o.err = o.run(t)
		o.news = t.news
		if !t.sound(o.err) {
			if w.inserts.unclear() {
				return batch, nil, o.err
			}
			return batch[i : i+1], slices.Concat(batch[:i], batch[i+1:]), o.err
		}
		if i > 0 && i == len(batch)-1 {
			batch = w.gather(batch)
		}
	}
	return batch, nil, nil
}

// sound reports whether the transaction can go on after an operation that ended with err. SQLite itself rolls back on
// some errors of the disk, even in a query, so that only an answer of ours leaves it as it is.
func (t *tx) sound(err error) bool {
	var ours *marconi.Error
	return err == nil || errors.Is(err, errAgain) || errors.As(err, &ours) && !t.changed
}

func (w *writer) tx() *tx {
	return &tx{statements: w.sql, stmts: w.stmts, headers: w.headers, numbers: w.numbers, inserts: w.inserts, room: w.room, now: w.now().UnixMilli()}
}

func (w *writer) save(c *commit) error {
	t := w.tx()
	if err := w.inserts.write(); err != nil {
		return err
	}
	if err := w.headers.save(t); err != nil {
		return err
	}
	if err := w.room.measure(t); err != nil {
		return err
	}
	c.number = w.syncs.begin()
	err := w.exec("COMMIT")
	w.syncs.end(c.number)
	if err != nil {
		_ = w.syncs.reach(c.number) // nobody else does, and reads wait for it
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// abandon ends a transaction that can't be committed. It reports whether all of it is to be run again.
func (w *writer) abandon() (again bool) {
	_ = w.exec("ROLLBACK") // an error only says that SQLite has done so already
	w.headers.forget()
	return w.inserts.lost()
}

func (w *writer) exec(query string) error {
	_, err := w.stmts.exec(context.Background(), query)
	return err
}

// settle waits until the disk has a commit and tells the callers what became of their operations, and first those who wait what there
// is to see. If the disk fails, nobody knows.
func (w *writer) settle(c *commit) {
	if c == nil { // all of it is run again
		return
	}
	var err error
	if c.run > 0 {
		err = w.syncs.reach(c.number)
		w.meter.Add("commits", 1)
		w.meter.Observe("commit_operations", float64(c.run))
		w.meter.Observe("commit_seconds", time.Since(c.began).Seconds())
	}
	for _, e := range c.ends {
		if e.err == nil {
			e.err = err
		}
		if e.err == nil {
			w.publish(e.news)
		}
		if e.done != nil {
			e.done <- e.err
		}
	}
}
