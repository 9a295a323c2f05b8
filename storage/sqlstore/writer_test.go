package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A meter keeps what it is told.
type meter struct {
	mu       sync.Mutex // guards what follows
	sums     map[string]float64
	observed map[string][]float64
}

func newMeter() *meter {
	return &meter{sums: map[string]float64{}, observed: map[string][]float64{}}
}

func (m *meter) Add(name string, n float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sums[name] += n
}

func (m *meter) Observe(name string, v float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observed[name] = append(m.observed[name], v)
}

func (m *meter) sum(name string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sums[name]
}

// batches are the numbers of operations in the transactions so far.
func (m *meter) batches() []float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]float64(nil), m.observed["commit_operations"]...)
}

// A rig is a store whose writer can be held up, so that a test decides what goes into one batch.
type rig struct {
	t      *testing.T
	opened storage.Opened
	w      *writer
	meter  *meter
	path   string
}

func newRig(t *testing.T, options string) *rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "marconi.db")
	m := newMeter()
	s := mustOpen(t, uriOf(path)+options, storage.Options{Meter: m})
	t.Cleanup(func() { mustClose(t, s) })
	return &rig{t: t, opened: s, w: writerOf(s), meter: m, path: path}
}

func (r *rig) write(ctx context.Context, run func(*tx) error) error {
	return r.w.write(ctx, work{run: run})
}

// hold makes the writer wait until it is let go, in a transaction of its own.
func (r *rig) hold() (letGo func()) {
	r.t.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	go func() {
		held <- r.write(context.Background(), func(*tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return func() {
		r.t.Helper()
		close(end)
		if err := <-held; err != nil {
			r.t.Errorf("the operation that held the writer up: %v", err)
		}
	}
}

// together puts the operations into one batch, and gives what became of each.
func (r *rig) together(runs ...func(*tx) error) []error {
	r.t.Helper()
	letGo := r.hold()
	errs := make([]error, len(runs))
	var all sync.WaitGroup
	for i, run := range runs {
		all.Go(func() { errs[i] = r.write(context.Background(), run) })
		r.waitForOps(i + 1)
	}
	letGo()
	all.Wait()
	return errs
}

// waitForOps waits until n operations stand before the writer, so that the next one comes after them.
func (r *rig) waitForOps(n int) {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Second); len(r.w.ops) < n; time.Sleep(100 * time.Microsecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%d operations wait, want %d", len(r.w.ops), n)
		}
	}
}

func (r *rig) postRun(body string) func(*tx) error {
	return func(t *tx) error {
		_, err := t.post(ref("q"), marconi.Post{Client: "c", Messages: []marconi.NewMessage{{TTL: 3600, Body: []byte(body)}}})
		return err
	}
}

func (r *rig) wantBodies(want ...string) {
	r.t.Helper()
	page, err := r.opened.Data.List(r.t.Context(), ref("q"), marconi.Listing{Limit: 1000, Echo: true, IncludeClaimed: true})
	if err != nil {
		r.t.Fatal(err)
	}
	var got []string
	for _, m := range page.Items {
		got = append(got, string(m.Body))
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		r.t.Errorf("there are messages %q, want %q", got, want)
	}
	checkCounts(r.t, r.opened)
}

func TestOperationsShareACommit(t *testing.T) {
	r := newRig(t, "")
	before := len(r.meter.batches())
	errs := r.together(r.postRun("a"), r.postRun("b"), r.postRun("c"))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.meter.batches()[before:]); got != "[1 3]" {
		t.Errorf("transactions were of %v operations, want [1 3]: the one that held the writer up, and the others", got)
	}
	r.wantBodies("a", "b", "c")
}

func TestWithoutGroupCommitEachHasItsOwn(t *testing.T) {
	r := newRig(t, "?group_commit=off")
	before := len(r.meter.batches())
	if err := errors.Join(r.together(r.postRun("a"), r.postRun("b"))...); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.meter.batches()[before:]); got != "[1 1 1]" {
		t.Errorf("transactions were of %v operations, want one each", got)
	}
	r.wantBodies("a", "b")
}

// TestParallelPostsShareCommits is what all the effort is for.
func TestParallelPostsShareCommits(t *testing.T) {
	r := newRig(t, "")
	const callers, each = 32, 20
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				post(t, r.opened, "x")
			}
		})
	}
	all.Wait()
	if n := r.meter.sum("commits"); n > callers*each/3 {
		t.Errorf("%d posts of %d callers took %v commits", callers*each, callers, n)
	}
}

// TestAFailingOperationFailsAlone lets one of a batch fail after it has written: into a queue that is new, into one that
// the others use, and by dropping one.
func TestAFailingOperationFailsAlone(t *testing.T) {
	boom := errors.New("boom")
	for name, fail := range map[string]func(t *tx) error{
		"in the others' queue": func(t *tx) error {
			if err := errors.Join((&rig{}).postRun("lost")(t), (&rig{}).postRun("lost")(t)); err != nil {
				return err
			}
			return boom
		},
		"in a queue of its own": func(t *tx) error {
			if _, err := t.post(ref("other"), marconi.Post{Messages: []marconi.NewMessage{{TTL: 9, Body: []byte("lost"), Delay: 3}}}); err != nil {
				return err
			}
			return boom
		},
		"dropping the queue": func(t *tx) error {
			q, err := t.header(ref("q"))
			if err != nil {
				return err
			}
			if err := t.drop(q); err != nil {
				return err
			}
			return errors.Join((&rig{}).postRun("lost")(t), boom)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			post(t, r.opened, "first")
			errs := r.together(r.postRun("before"), fail, r.postRun("after"))
			if errs[0] != nil || !errors.Is(errs[1], boom) || errs[2] != nil {
				t.Errorf("the operations end with %v; want only the second to fail, with %v", errs, boom)
			}
			r.wantBodies("first", "before", "after")

			if err := r.write(t.Context(), fail); !errors.Is(err, boom) {
				t.Errorf("alone in its batch, the operation ends with %v", err)
			}
			post(t, r.opened, "last")
			r.wantBodies("first", "before", "after", "last")
			q, err := r.opened.Data.Stats(t.Context(), ref("other"))
			if err != nil || q.Total != 0 {
				t.Errorf("the other queue has %d messages, %v; want none", q.Total, err)
			}
		})
	}
}

// failAtCommit makes a commit fail, by a foreign key that is looked at only then.
func failAtCommit(t *tx) error {
	for _, s := range []string{
		"CREATE TABLE a (id INTEGER PRIMARY KEY)",
		"CREATE TABLE b (id INTEGER REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)",
		"INSERT INTO b VALUES (1)",
	} {
		if _, err := t.exec(s); err != nil {
			return err
		}
	}
	return nil
}

// TestAFailingCommitFailsAll: none of its operations was done.
func TestAFailingCommitFailsAll(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	for i, err := range r.together(r.postRun("lost"), failAtCommit, r.postRun("lost too")) {
		if err == nil || marconi.KindOf(err) != marconi.Unavailable {
			t.Errorf("operation %d of a transaction that can't be committed: %v, want an error that is %v", i, err, marconi.Unavailable)
		}
	}
	post(t, r.opened, "last")
	r.wantBodies("first", "last")
}

// TestABrokenTransactionIsRunAgain without the one that broke it. SQLite rolls back by itself if the disk is full.
func TestABrokenTransactionIsRunAgain(t *testing.T) {
	r := newRig(t, "")
	boom := errors.New("boom")
	breaking := func(t *tx) error {
		if _, err := t.exec("ROLLBACK"); err != nil {
			return err
		}
		return boom
	}
	errs := r.together(r.postRun("before"), breaking, r.postRun("after"), breaking)
	if errs[0] != nil || !errors.Is(errs[1], boom) || errs[2] != nil || !errors.Is(errs[3], boom) {
		t.Errorf("the operations end with %v; want only the second and the last to fail, with %v", errs, boom)
	}
	if err := r.write(t.Context(), breaking); !errors.Is(err, boom) {
		t.Errorf("alone in its batch, the operation ends with %v", err)
	}
	post(t, r.opened, "last")
	r.wantBodies("before", "after", "last")
}

func TestACallerThatLeavesEarlyDoesNothing(t *testing.T) {
	r := newRig(t, "")
	letGo := r.hold()
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- r.write(ctx, r.postRun("lost")) }()
	r.waitForOps(1)
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the write ends with %v, want %v", err, context.Canceled)
	}
	letGo()
	post(t, r.opened, "last")
	r.wantBodies("last")
}

func TestACallerThatLeavesLateIsTold(t *testing.T) {
	r := newRig(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun, end := make(chan struct{}), make(chan struct{})
	left := make(chan error, 1)
	go func() {
		left <- r.write(ctx, func(t *tx) error {
			close(begun)
			<-end
			return r.postRun("done all the same")(t)
		})
	}()
	<-begun
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may have been carried out") {
		t.Errorf("the write ends with %v, want to be told that it may have been carried out", err)
	}
	close(end)
	post(t, r.opened, "last")
	r.wantBodies("done all the same", "last")
}

// TestAWorkInParts lets others in between its parts, and does not go on for a caller that has left.
func TestAWorkInParts(t *testing.T) {
	r := newRig(t, "")
	parts := 0
	inParts := func(t *tx) error {
		if parts++; parts == 4 {
			return r.postRun("end")(t)
		}
		return errors.Join(r.postRun(fmt.Sprint(parts))(t), errAgain)
	}
	if err := errors.Join(r.together(inParts, r.postRun("between"))...); err != nil {
		t.Fatal(err)
	}
	r.wantBodies("1", "between", "2", "3", "end")

	ctx, cancel := context.WithCancel(t.Context())
	err := r.write(ctx, func(t *tx) error {
		cancel()
		time.Sleep(time.Millisecond)
		return errAgain
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a work without end whose caller leaves ends with %v", err)
	}
	post(t, r.opened, "last")
}

// TestABatchHasABound keeps one batch from growing without end: in bytes, and in time.
func TestABatchHasABound(t *testing.T) {
	r := newRig(t, "")
	before := len(r.meter.batches())
	slow := func(*tx) error { time.Sleep(maxBatchTime + time.Millisecond); return nil }
	if err := errors.Join(r.together(slow, slow, slow, slow)...); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.meter.batches()[before:]); got != "[1 1 1 1 1]" {
		t.Errorf("slow operations were committed in %v, want each alone", got)
	}

	before = len(r.meter.batches())
	letGo := r.hold()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_ = r.w.write(context.Background(), work{run: func(*tx) error { return nil }, bytes: heavyBytes})
		})
		r.waitForOps(i + 1)
	}
	letGo()
	all.Wait()
	if got := fmt.Sprint(r.meter.batches()[before:]); got != "[1 4 4]" {
		t.Errorf("large operations were committed in %v, want [1 4 4]", got)
	}
}

// TestASmallPostDoesNotWaitForALargeOne has a post of many messages come behind a small one, while the writer is busy.
func TestASmallPostDoesNotWaitForALargeOne(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	before := len(r.meter.batches())
	letGo := r.hold()
	var all sync.WaitGroup
	for i, n := range []int{1, 2000, 1} {
		all.Go(func() {
			if _, err := r.opened.Data.Post(context.Background(), ref("q"), bodies(n, 5)); err != nil {
				t.Error(err)
			}
		})
		r.waitForOps(i + 1)
	}
	letGo()
	all.Wait()
	if got := r.meter.batches()[before:]; len(got) < 3 || got[1] != 1 {
		t.Errorf("committed in %v, want the small one before the large one alone", got)
	}
}

// TestCloseFinishesWhatWasBegun closes a store on which calls are under way.
func TestCloseFinishesWhatWasBegun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marconi.db")
	s := mustOpen(t, uriOf(path), storage.Options{})
	r := &rig{t: t, opened: s, w: writerOf(s)}
	letGo := r.hold()
	posted := make(chan error, 1)
	go func() {
		_, err := s.Data.Post(context.Background(), ref("q"), marconi.Post{Messages: []marconi.NewMessage{{TTL: 3600, Body: []byte("a")}}})
		posted <- err
	}()
	r.waitForOps(1)
	closed := make(chan struct{})
	go func() {
		mustClose(t, s)
		close(closed)
	}()
	select {
	case <-closed:
		t.Error("the store was closed beside a post under way")
	case <-time.After(20 * time.Millisecond):
	}
	letGo()
	<-closed
	if err := <-posted; err != nil {
		t.Errorf("the post under way ended with %v", err)
	}
	s = mustOpen(t, uriOf(path), storage.Options{})
	defer mustClose(t, s)
	(&rig{t: t, opened: s}).wantBodies("a")
}
