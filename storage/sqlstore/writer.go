package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/marconi-mq/marconi/storage"
)

// What one transaction of the writer takes in at most.
const (
	maxBatch      = 256
	maxBatchBytes = 4 << 20
	maxBatchTime  = 20 * time.Millisecond // after which no operation more is begun
)

// begin takes the write lock at once: a transaction that reads first could be refused it later.
const begin = "BEGIN IMMEDIATE"

// A writer runs all writes of one database on one connection, one goroutine: it takes all that wait into one
// transaction, each in a savepoint of its own, commits, and answers. While a commit waits for the disk, the next batch
// gathers: the busier the database, the more writes share a sync, without anybody waiting for a timer.
type writer struct {
	conn     *sql.Conn
	stmts    *prepared
	sql      *statements
	headers  *headers
	numbers  *numbers
	now      func() time.Time
	meter    storage.Meter
	maxBatch int
	publish  func([]*news)
	turn     func() (end func()) // keeps readers out meanwhile, where the database can't

	ops   chan *op
	ended chan struct{} // closed when the goroutine has ended
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
	defer close(w.ended)
	var left []*op
	for {
		batch := w.gather(left)
		if len(batch) == 0 {
			return
		}
		left = w.commit(batch)
	}
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
	for len(batch) < w.maxBatch && bytes < maxBatchBytes {
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

// commit runs a batch in one transaction and answers. It returns what is for the next one.
func (w *writer) commit(batch []*op) (left []*op) {
	defer w.turn()()
	start := time.Now()
	if err := w.exec(begin); err != nil {
		return w.answer(batch, fmt.Errorf("begin a transaction: %w", err))
	}
	batch, left, err := w.runAll(batch, start)
	if err != nil {
		w.abandon()
		return append(left, w.answer(batch, err)...)
	}
	committing := time.Now()
	if err := w.save(); err != nil {
		w.abandon()
		return append(left, w.answer(batch, fmt.Errorf("commit: %w", err))...)
	}
	w.headers.committed()
	w.meter.Add("sqlite_commits", 1)
	w.meter.Observe("sqlite_commit_operations", float64(len(batch)))
	w.meter.Observe("sqlite_commit_seconds", time.Since(committing).Seconds())
	return append(left, w.answer(batch, nil)...)
}

// runAll runs the operations until the time of a batch is over. An error is the transaction's end.
func (w *writer) runAll(batch []*op, start time.Time) (run, left []*op, err error) {
	alone := len(batch) == 1
	for i, o := range batch {
		if i > 0 && time.Since(start) > maxBatchTime {
			return batch[:i], batch[i:], nil
		}
		if !o.state.CompareAndSwap(opWaiting, opBegun) && o.state.Load() == opLeft {
			o.err = context.Canceled // nobody hears it
			continue
		}
		if err := w.attempt(o, alone); err != nil {
			return batch, nil, err
		}
	}
	return batch, nil, nil
}

// attempt runs one operation, and undoes it alone if it fails. An error is the transaction's end. An operation that has
// the transaction to itself needs no savepoint: one costs about 4 µs, mostly for the copies of pages.
func (w *writer) attempt(o *op, alone bool) error {
	t := w.tx()
	w.headers.begin()
	undo := []string{"ROLLBACK", begin}
	if !alone {
		if err := w.exec("SAVEPOINT operation"); err != nil {
			return fmt.Errorf("begin an operation: %w", err)
		}
		undo = []string{"ROLLBACK TO operation", "RELEASE operation"}
	}
	o.err = o.run(t)
	o.news = t.news
	if o.err == nil || errors.Is(o.err, errAgain) {
		if alone {
			return nil
		}
		return w.exec("RELEASE operation")
	}
	w.headers.rollback()
	// If the disk is full or broken, SQLite may have rolled back everything, and then these fail.
	for _, statement := range undo {
		if err := w.exec(statement); err != nil {
			return errors.Join(o.err, err)
		}
	}
	return nil
}

func (w *writer) tx() *tx {
	return &tx{statements: w.sql, stmts: w.stmts, headers: w.headers, numbers: w.numbers, now: w.now().UnixMilli()}
}

func (w *writer) save() error {
	if err := w.headers.save(w.tx()); err != nil {
		return err
	}
	return w.exec("COMMIT")
}

// abandon ends a transaction that can't be committed.
func (w *writer) abandon() {
	_ = w.exec("ROLLBACK") // an error only says that SQLite has done so already
	w.headers.forget()
}

func (w *writer) exec(query string) error {
	_, err := w.stmts.exec(context.Background(), query)
	return err
}

// answer tells the callers what became of their operations, and first those who wait what there is to see. With an
// error nothing was done of any. It returns the operations that want to go on.
func (w *writer) answer(batch []*op, err error) (again []*op) {
	for _, o := range batch {
		goesOn := errors.Is(o.err, errAgain)
		if err != nil && (o.err == nil || goesOn) {
			o.err, goesOn = err, false
		}
		if o.err == nil || goesOn {
			w.publish(o.news)
		}
		if goesOn {
			again = append(again, o)
			continue
		}
		o.done <- o.err
	}
	return again
}
