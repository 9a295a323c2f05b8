package observed

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

func TestMain(m *testing.M) {
	// To try a store at random is for the store's own tests; the command line has the last word.
	if err := flag.Set("rapid.checks", "10"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func harness() storagetest.Harness {
	return storagetest.Harness{
		Open: func(t testing.TB, o storage.Options) storage.Opened {
			inner := memory.New(o)
			observer := New(Options{Recorder: &records{}, Slow: time.Nanosecond, MaxCalls: 1000})
			return storage.Opened{Data: observer.Data(inner.Data), Control: observer.Control(inner.Control)}
		},
		Size: storagetest.HeapSize,
	}
}

func TestData(t *testing.T)    { storagetest.Data(t, harness()) }
func TestControl(t *testing.T) { storagetest.Control(t, harness()) }

// records are what a recorder was told.
type records struct {
	mu  sync.Mutex // guards all
	all []record
}

type record struct {
	Op   Operation
	Came Outcome
}

func (r *records) Record(op Operation, came Outcome, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all[:min(len(r.all), 100)], record{op, came})
}

// What would take messages is refused if it may not, and nothing else is.
func TestMayTake(t *testing.T) {
	inner := memory.New(storage.Options{})
	defer func() { _ = errors.Join(inner.Data.Close(), inner.Control.Close()) }()
	var refused []*marconi.Error
	o := New(Options{MayTake: func() bool { return false }, OnRefusal: func(err *marconi.Error) { refused = append(refused, err) }})
	d, q := o.Data(inner.Data), marconi.QueueRef{QueueKey: marconi.QueueKey{Name: "q"}, Incarnation: 1}
	_, posting := d.Post(t.Context(), q, marconi.Post{Messages: []marconi.NewMessage{{TTL: 60, Body: []byte("1")}}})
	_, popping := d.Pop(t.Context(), q, 1)
	_, claiming := d.Claim(t.Context(), q, marconi.ClaimRequest{ID: "c", TTL: 60, Limit: 1})
	_, counting := d.Stats(t.Context(), q)
	if posting != nil || counting != nil || !errors.Is(popping, ErrUnread) || !errors.Is(claiming, ErrUnread) || len(refused) != 2 {
		t.Errorf("post %v, stats %v, pop %v, claim %v, refused %v", posting, counting, popping, claiming, refused)
	}
	if stats, err := inner.Data.Stats(t.Context(), q); err != nil || stats.Free != 1 {
		t.Errorf("stats %+v, %v, want one message free", stats, err)
	}
	if n := o.Calls(); n != 0 {
		t.Errorf("%d calls are under way", n)
	}
}

// heldStore is a store whose posts last until they are let go.
type heldStore struct {
	marconi.DataStore
	letGo chan struct{}
}

func (s heldStore) Post(context.Context, marconi.QueueRef, marconi.Post) ([]marconi.MessageID, error) {
	<-s.letGo
	return nil, nil
}

// A post of many messages counts for several calls, and is let in all the same if it is alone.
func TestLargePostsCountForSeveral(t *testing.T) {
	inner := memory.New(storage.Options{})
	defer func() { _ = errors.Join(inner.Data.Close(), inner.Control.Close()) }()
	synctest.Test(t, func(t *testing.T) {
		o := New(Options{MaxCalls: 10})
		held := heldStore{inner.Data, make(chan struct{})}
		d := o.Data(held)
		start := func(messages int) <-chan error {
			ended := make(chan error, 1)
			go func() {
				_, err := d.Post(t.Context(), marconi.QueueRef{}, marconi.Post{Messages: make([]marconi.NewMessage, messages)})
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		large := start(5 * messagesPerCall)
		if n := o.Calls(); n != 6 {
			t.Errorf("a post of %d messages counts for %d calls, want 6", 5*messagesPerCall, n)
		}
		second, small := start(5*messagesPerCall), start(1)
		select {
		case err := <-second:
			if !errors.Is(err, ErrBusy) {
				t.Errorf("a second one: %v, want busy", err)
			}
		default:
			t.Error("a second one was let in")
		}
		close(held.letGo)
		synctest.Wait() // they have ended
		huge := start(1000 * messagesPerCall)
		for what, ended := range map[string]<-chan error{"large": large, "small": small, "huge, alone": huge} {
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if n := o.Calls(); n != 0 {
			t.Errorf("%d calls are under way", n)
		}
	})
}

// plainStore is a store without what only some have.
type plainStore struct{ marconi.DataStore }

func TestMoverOnlyIfTheStoreIsOne(t *testing.T) {
	inner := memory.New(storage.Options{})
	defer func() { _ = errors.Join(inner.Data.Close(), inner.Control.Close()) }()
	o := New(Options{})
	if _, can := o.Data(inner.Data).(marconi.Mover); !can {
		t.Error("a store that moves can't any more")
	}
	if _, can := o.Data(plainStore{inner.Data}).(marconi.Mover); can {
		t.Error("a store that can't move says it can")
	}
}

// calls are all operations, on stores d and c.
func calls(ctx context.Context, d marconi.DataStore, c marconi.ControlStore) []func() {
	var q marconi.QueueRef
	var key marconi.QueueKey
	return []func(){
		func() { _, _ = d.Post(ctx, q, marconi.Post{}) },
		func() { _, _ = d.List(ctx, q, marconi.Listing{Limit: 1}) },
		func() { _, _ = d.Message(ctx, q, "x") },
		func() { _, _ = d.Messages(ctx, q, nil) },
		func() { _, _ = d.First(ctx, q, marconi.Oldest) },
		func() { _ = d.Delete(ctx, q, "x", "") },
		func() { _ = d.DeleteMessages(ctx, q, nil, nil) },
		func() { _, _ = d.Pop(ctx, q, 1) },
		func() { _, _ = d.Claim(ctx, q, marconi.ClaimRequest{Limit: 1}) },
		func() { _, _ = d.Claimed(ctx, q, "x") },
		func() { _ = d.UpdateClaim(ctx, q, "x", marconi.ClaimUpdate{}) },
		func() { _ = d.Release(ctx, q, "x") },
		func() { _ = d.(marconi.Mover).MoveSpent(ctx, q, "x", nil, marconi.DeadLetter{}) },
		func() { _, _ = d.Stats(ctx, q) },
		func() { _, _ = d.Volume(ctx) },
		func() { _ = d.DeleteQueue(ctx, q) },
		func() { _ = d.Purge(ctx, q) },
		func() { _, _ = d.Collect(ctx) },
		func() { _ = d.Bind(ctx, "x", false) },
		func() { _, _ = d.Queues(ctx) },
		func() { _ = d.Ping(ctx) },

		func() { _, _, _ = c.CreateQueue(ctx, key, nil) },
		func() { _, _ = c.Queue(ctx, key) },
		func() { _ = c.SetMetadata(ctx, key, nil) },
		func() { _, _ = c.DeleteQueue(ctx, key) },
		func() { _, _ = c.ListQueues(ctx, "", marconi.QueueListing{Limit: 1}) },
		func() { _, _ = c.AdoptQueue(ctx, q) },
		func() { _, _ = c.ID(ctx) },
		func() { _ = c.Ping(ctx) },
	}
}

// Every operation is recorded once, as itself, and adds to the share of its request.
func TestEveryOperationIsRecorded(t *testing.T) {
	inner := memory.New(storage.Options{})
	var seen records
	o := New(Options{Recorder: &seen})
	d, c := o.Data(inner.Data), o.Control(inner.Control)
	defer func() { _ = errors.Join(d.Close(), c.Close()) }()
	var share Share
	ctx := WithShare(t.Context(), &share)
	all := calls(ctx, d, c)
	if len(all) != int(Operations) {
		t.Fatalf("there are %d operations and %d are called", Operations, len(all))
	}
	spelled := map[string]bool{}
	for i, call := range all {
		seen.all = nil
		share.Reset()
		call()
		op := Operation(i)
		if len(seen.all) != 1 || seen.all[0].Op != op {
			t.Errorf("%s was recorded as %v", op.Name(), seen.all)
		}
		took, n := share.Time()
		slowest, longest := share.Slowest()
		if n != 1 || took <= 0 || slowest != op || longest != took {
			t.Errorf("%s: the share says %v in %d calls, the slowest %s with %v", op.Name(), took, n, slowest.Name(), longest)
		}
		spelled[op.Plane()+"."+op.Name()] = true
	}
	if len(spelled) != int(Operations) {
		t.Errorf("two operations have the same name: %v", spelled)
	}
	if n := o.Calls(); n != 0 {
		t.Errorf("%d calls are under way after all have ended", n)
	}
}

// answering is a data store whose Stats do as the test says.
type answering struct {
	marconi.DataStore
	stats func(context.Context) error
}

func (a answering) Stats(ctx context.Context, _ marconi.QueueRef) (marconi.Stats, error) {
	return marconi.Stats{}, a.stats(ctx)
}

func (a answering) Release(context.Context, marconi.QueueRef, marconi.ClaimID) error { return nil }

func TestOutcomes(t *testing.T) {
	var seen records
	o := New(Options{Recorder: &seen})
	for _, row := range []struct {
		err  error
		want Outcome
	}{
		{nil, OK},
		{marconi.ErrNoMessage, Refused},
		{fmt.Errorf("get it: %w", marconi.ErrClaimed), Refused},
		{marconi.Refuse("x", "x"), Refused},
		{fmt.Errorf("post: %w", marconi.ErrFull), Full},
		{fmt.Errorf("ask: %w", context.Canceled), Cancelled},
		{fmt.Errorf("ask: %w", context.DeadlineExceeded), TimedOut},
		{marconi.ErrUnavailable, Failed},
		{&marconi.Error{Kind: marconi.Internal, Code: "bug"}, Failed},
		{errors.New("disk on fire"), Failed},
	} {
		seen.all = nil
		d := o.Data(answering{stats: func(context.Context) error { return row.err }})
		if _, err := d.Stats(t.Context(), marconi.QueueRef{}); !errors.Is(err, row.err) {
			t.Errorf("%v has become %v", row.err, err)
		}
		if diff := cmp.Diff([]record{{Stats, row.want}}, seen.all); diff != "" {
			t.Errorf("%v (-want +got):\n%s", row.err, diff)
		}
	}
}

// One call too many is refused at once, and doesn't reach the store; what cleans up is let through.
func TestTooManyCalls(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	var refused []string
	o := New(Options{MaxCalls: 2, OnRefusal: func(err *marconi.Error) { refused = append(refused, err.Code) }})
	d := o.Data(answering{stats: func(context.Context) error {
		begun <- struct{}{}
		<-finish
		return nil
	}})
	ctx := t.Context()
	var under sync.WaitGroup
	for range 2 {
		under.Go(func() { _, _ = d.Stats(ctx, marconi.QueueRef{}) })
		<-begun
	}
	if n := o.Calls(); n != 2 {
		t.Errorf("%d calls are under way, want 2", n)
	}
	_, err := d.Stats(ctx, marconi.QueueRef{})
	if !errors.Is(err, ErrBusy) || marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("the third call: %v, want %v", err, ErrBusy)
	}
	if err := d.Release(ctx, marconi.QueueRef{}, "c"); err != nil {
		t.Errorf("a release among too many calls: %v", err)
	}
	close(finish)
	under.Wait()
	go func() { <-begun }()
	if _, err := d.Stats(ctx, marconi.QueueRef{}); err != nil {
		t.Errorf("a call after the others have ended: %v", err)
	}
	if !slices.Equal(refused, []string{"busy"}) {
		t.Errorf("told of the refusals %v", refused)
	}
}

func TestAFullStoreIsTold(t *testing.T) {
	told := 0
	o := New(Options{OnRefusal: func(err *marconi.Error) {
		if errors.Is(err, marconi.ErrFull) {
			told++
		}
	}})
	d := o.Data(answering{stats: func(context.Context) error { return fmt.Errorf("x: %w", marconi.ErrFull) }})
	_, _ = d.Stats(t.Context(), marconi.QueueRef{})
	if told != 1 {
		t.Errorf("told %d times of a full store, want once", told)
	}
}

// A store that panics is not under way for ever.
func TestAPanicIsCounted(t *testing.T) {
	o := New(Options{MaxCalls: 1})
	d := o.Data(answering{stats: func(context.Context) error { panic("bug") }})
	for range 3 {
		func() {
			defer func() {
				if p := recover(); p != "bug" {
					t.Errorf("the panic has become %v", p)
				}
			}()
			_, _ = d.Stats(t.Context(), marconi.QueueRef{})
		}()
	}
	if n := o.Calls(); n != 0 {
		t.Errorf("%d calls are under way", n)
	}
}

// A slow call is logged where nobody keeps a share, and left to who keeps it otherwise.
func TestSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := New(Options{Slow: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		d := o.Data(answering{stats: func(ctx context.Context) error {
			time.Sleep(ctx.Value(sleepKey{}).(time.Duration))
			return marconi.ErrNoMessage
		}})
		q := marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "jobs"}}
		stats := func(ctx context.Context, sleep time.Duration) {
			ctx = marconi.WithCaller(context.WithValue(ctx, sleepKey{}, sleep), marconi.Caller{RequestID: "req-7"})
			_, _ = d.Stats(ctx, q)
		}
		stats(t.Context(), time.Second-1)
		if log.Len() > 0 {
			t.Errorf("a quick call is logged: %s", &log)
		}
		var share Share
		stats(WithShare(t.Context(), &share), time.Minute)
		stats(WithShare(t.Context(), &share), time.Second)
		if took, calls := share.Time(); log.Len() > 0 || took != 61*time.Second || calls != 2 {
			t.Errorf("the share has %v in %d calls, and the log %q", took, calls, &log)
		}
		if op, took := share.Slowest(); op != Stats || took != time.Minute {
			t.Errorf("the slowest is %s with %v", op.Name(), took)
		}
		stats(t.Context(), time.Second)
		for _, want := range []string{"level=WARN", "slow call", "plane=data", "operation=stats", "outcome=refused", "duration=1s", "project=p", "queue=jobs", "request_id=req-7"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the line has no %q: %s", want, &log)
			}
		}
	})
}

type sleepKey struct{}
