package swift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A rig is a control store on an account where things go wrong.
type rig struct {
	*controlStore
	t       *testing.T
	account *swifttest.Memory
	faulty  *swifttest.Faulty
}

func newRig(t *testing.T, o swifttest.Options) rig {
	t.Helper()
	account := swifttest.NewMemory(o)
	faulty := swifttest.NewFaulty(account)
	return rig{newControl(t, faulty, ""), t, account, faulty}
}

// other is another process on the same account.
func (r rig) other() *controlStore {
	r.t.Helper()
	return newControl(r.t, r.account, "")
}

func (r rig) create(name marconi.QueueName) (marconi.Queue, bool) {
	r.t.Helper()
	q, created, err := r.CreateQueue(r.t.Context(), key("p", name), nil)
	if err != nil {
		r.t.Fatalf("CreateQueue %s: %v", name, err)
	}
	return q, created
}

// TestControlInSmallPages has a server whose listings are shorter than the API's.
func TestControlInSmallPages(t *testing.T) {
	storagetest.Control(t, memoryControl(swifttest.NewMemory(swifttest.Options{Abilities: objects.Abilities{Page: 3}})))
}

func TestACreationWhoseAnswerWasLost(t *testing.T) {
	for name, c := range map[string]struct {
		fault   swifttest.Fault
		created bool
	}{
		"it was done":      {swifttest.Confused, true},
		"it was done, 202": {swifttest.LostPut, true},
		"it was not done":  {swifttest.Refused, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, swifttest.Options{})
			r.create("first") // makes the container
			r.faulty.Fail(swifttest.Put, 1, c.fault)
			q, created, err := r.CreateQueue(t.Context(), key("p", "q"), marconi.Metadata(`{"a": 1}`))
			if created != c.created || (err == nil) != c.created {
				t.Fatalf("CreateQueue = %+v, %v, %v", q, created, err)
			}
			got, err := r.other().Queue(t.Context(), key("p", "q"))
			if c.created && (err != nil || got.QueueRef != q.QueueRef) {
				t.Errorf("it is %+v, %v; want %+v", got, err, q)
			}
			if !c.created && !errors.Is(err, marconi.ErrNoQueue) {
				t.Errorf("it is %+v, %v; want ErrNoQueue", got, err)
			}
		})
	}
}

// With replicas, two makers of one moment can both be told 201: the later object stays, and both have to see that.
func TestALaterMakerWins(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("first")
	var theirs marconi.Queue
	r.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Then: func() {
		theirs = marconi.Queue{QueueRef: marconi.QueueRef{QueueKey: key("p", "q"), Incarnation: newIncarnation()}}
		if err := r.other().write(t.Context(), theirs); err != nil {
			t.Error(err)
		}
	}})
	if q, created := r.create("q"); created || q.QueueRef != theirs.QueueRef {
		t.Errorf("CreateQueue = %+v, %v; want the other maker's %+v", q, created, theirs)
	}
}

func TestAQueueDeletedAsItIsMade(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("first")
	r.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Then: func() {
		if _, err := r.other().DeleteQueue(t.Context(), key("p", "q")); err != nil {
			t.Error(err)
		}
	}})
	if q, created := r.create("q"); !created || q.Incarnation == 0 {
		t.Errorf("CreateQueue = %+v, %v; want a new one, though it has gone again", q, created)
	}
}

// A replica that has not heard of a deletion refuses the PUT of what the others do not have.
func TestReplicasOfTwoMinds(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("first")
	for n := range 2 {
		r.faulty.Fail(swifttest.Put, n+1, swifttest.Fault{Before: objects.ErrExists})
	}
	if _, created := r.create("q"); !created {
		t.Error("the queue was not new")
	}
	r.faulty.FailAll(swifttest.Put, swifttest.Fault{Before: objects.ErrExists})
	if q, _, err := r.CreateQueue(t.Context(), key("p", "never"), nil); marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("CreateQueue = %+v, %v; want Unavailable", q, err)
	}
}

func TestOfTwoProcessesOneMakesTheQueue(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("first")
	stores := []*controlStore{r.controlStore, r.other(), r.other()}
	for round := range 20 {
		got, created := make([]marconi.Queue, len(stores)), make([]bool, len(stores))
		var work sync.WaitGroup
		for i, s := range stores {
			work.Go(func() {
				var err error
				if got[i], created[i], err = s.CreateQueue(t.Context(), key("p", marconi.QueueName(fmt.Sprint(round))), nil); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if got[0].QueueRef != got[1].QueueRef || got[1].QueueRef != got[2].QueueRef {
			t.Errorf("three makers have %+v", got)
		}
		if makers := slices.DeleteFunc(created, func(c bool) bool { return !c }); len(makers) != 1 {
			t.Errorf("%d of them made it", len(makers))
		}
	}
}

// What is listed and can't be found is out of reach, not gone: made anew it would hide what is there.
func TestWhatIsHiddenIsNotMadeAnew(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	id, err := r.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, _ := r.create("q")
	late := newControl(t, r.faulty, "")
	r.faulty.FailAll(swifttest.Get, swifttest.Vanished)
	if got, created, err := late.CreateQueue(t.Context(), key("p", "q"), nil); marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("CreateQueue = %+v, %v, %v; want Unavailable", got, created, err)
	}
	if got, err := late.ID(t.Context()); marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("ID = %q, %v; want Unavailable", got, err)
	}
	r.faulty.Reset()
	if got, created, err := late.CreateQueue(t.Context(), key("p", "q"), nil); created || err != nil || got.QueueRef != q.QueueRef {
		t.Errorf("CreateQueue afterwards = %+v, %v, %v; want %+v", got, created, err, q)
	}
	if got, err := late.ID(t.Context()); got != id || err != nil {
		t.Errorf("ID afterwards = %q, %v; want %q", got, err, id)
	}
}

// A listing goes on for a while to show what was deleted. Who deleted it knows; others have to wait.
func TestAQueueIsMadeAgainThoughAListingLags(t *testing.T) {
	lag := time.Duration(0)
	r := newRig(t, swifttest.Options{Lag: func(objects.Path) time.Duration { return lag }})
	r.create("q")
	lag = time.Hour
	if _, err := r.DeleteQueue(t.Context(), key("p", "q")); err != nil {
		t.Fatal(err)
	}
	if q, _, err := r.other().CreateQueue(t.Context(), key("p", "q"), nil); marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("CreateQueue by another process = %+v, %v; want Unavailable until the listing has caught up", q, err)
	}
	if _, created := r.create("q"); !created {
		t.Error("the queue was not new")
	}
}

func TestMetadataOfTwoIsTheLast(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("q")
	r.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Before: objects.ErrNotStored, First: func() { // 202: theirs is newer
		if err := r.other().SetMetadata(t.Context(), key("p", "q"), marconi.Metadata(`{"theirs": 1}`)); err != nil {
			t.Error(err)
		}
	}})
	if err := r.SetMetadata(t.Context(), key("p", "q"), marconi.Metadata(`{"mine": 1}`)); err != nil {
		t.Errorf("SetMetadata behind a newer one: %v", err)
	}
	q, err := r.Queue(t.Context(), key("p", "q"))
	if err != nil || string(q.Metadata) != `{"theirs": 1}` {
		t.Errorf("the metadata is %s, %v; want the newer one", q.Metadata, err)
	}
}

func TestMetadataIsKeptToTheByte(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	const odd = "{\"a\" :\n \"<\\u00e4>&\",\t\"a\": 1.0e5}"
	if _, _, err := r.CreateQueue(t.Context(), key("p\xff\n\"", "q"), marconi.Metadata(odd)); err != nil {
		t.Fatal(err)
	}
	q, err := r.other().Queue(t.Context(), key("p\xff\n\"", "q"))
	if err != nil || string(q.Metadata) != odd {
		t.Errorf("metadata = %q, %v; want %q", q.Metadata, err, odd)
	}
}

// A listing shows for a while what has gone: a detailed one looks, and fills the page with what is there.
func TestListingsThatLag(t *testing.T) {
	lag := time.Duration(0)
	r := newRig(t, swifttest.Options{Lag: func(objects.Path) time.Duration { return lag }})
	for _, name := range []marconi.QueueName{"a", "b", "c", "d", "e"} {
		r.create(name)
	}
	lag = time.Hour
	for _, name := range []marconi.QueueName{"b", "c"} {
		if _, err := r.DeleteQueue(t.Context(), key("p", name)); err != nil {
			t.Fatal(err)
		}
	}
	names := func(c *controlStore, detailed bool) (all string) {
		t.Helper()
		page, err := c.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 3, Detailed: detailed})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page.Items {
			all += string(q.Name)
		}
		if !strings.HasSuffix(all, string(page.Next)) {
			t.Errorf("Next is %q behind %q", page.Next, all)
		}
		return all
	}
	other := r.other()
	if got := names(other, true); got != "ade" {
		t.Errorf("another process's detailed listing shows %q, want those that are there", got)
	}
	if got := names(other, false); got != "abc" {
		t.Errorf("another process's listing shows %q, want what Swift's shows", got)
	}
	if got := names(r.controlStore, false); got != "ade" {
		t.Errorf("the listing shows %q to who deleted the others, want those that are there", got)
	}
	r.account.Settle()
	if got := names(other, false); got != "ade" {
		t.Errorf("another process's listing shows %q once it has caught up", got)
	}
}

func TestTroubleIsNotAbsence(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("q")
	k := key("p", "q")
	calls := map[string]func(ctx context.Context) error{
		"Queue":       func(ctx context.Context) error { _, err := r.Queue(ctx, k); return err },
		"CreateQueue": func(ctx context.Context) error { _, _, err := r.CreateQueue(ctx, k, nil); return err },
		"SetMetadata": func(ctx context.Context) error { return r.SetMetadata(ctx, k, nil) },
		"DeleteQueue": func(ctx context.Context) error { _, err := r.DeleteQueue(ctx, k); return err },
		"ID":          func(ctx context.Context) error { _, err := r.ID(ctx); return err },
		"ListQueues": func(ctx context.Context) error {
			_, err := r.ListQueues(ctx, "p", marconi.QueueListing{Limit: 5, Detailed: true})
			return err
		},
	}
	r.faulty.FailAll(swifttest.Get, swifttest.Refused)
	for name, call := range calls {
		if err := call(t.Context()); !errors.Is(err, swifttest.ErrUnavailable) {
			t.Errorf("%s while Swift is in trouble: %v", name, err)
		}
	}
	r.faulty.Reset()
	r.faulty.FailAll(swifttest.Get, swifttest.Fault{Lost: true})
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s while Swift is silent: %v", name, err)
		}
		cancel()
	}
	r.faulty.Reset()
	if q, created := r.create("q"); created {
		t.Errorf("afterwards the queue was made anew: %+v", q)
	}
}

func TestListingsInTrouble(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	if page, err := r.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); err != nil || len(page.Items) > 0 {
		t.Errorf("ListQueues before anything was made: %+v, %v", page, err)
	}
	r.create("q")
	r.faulty.Fail(swifttest.List, 1, swifttest.Refused)
	if _, err := r.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); !errors.Is(err, swifttest.ErrUnavailable) {
		t.Errorf("ListQueues: %v", err)
	}
}

// A change that waits for another of the same queue ends with its context.
func TestWaitingForATurnEnds(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("q")
	release := make(chan struct{})
	began := make(chan struct{})
	r.faulty.Fail(swifttest.Get, 1, swifttest.Fault{First: func() { close(began); <-release }})
	first := make(chan error, 1)
	go func() { first <- r.SetMetadata(t.Context(), key("p", "q"), nil) }()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.SetMetadata(ctx, key("p", "q"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("SetMetadata: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// Two processes that start at one moment on an account without an ID agree on the one that stays.
func TestTwoMakersOfTheIDAgree(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	if err := r.account.MakeContainer(t.Context(), r.container); err != nil {
		t.Fatal(err)
	}
	r.faulty.Fail(swifttest.Put, 1, swifttest.Fault{Then: func() {
		err := r.account.Put(t.Context(), objects.Path{Container: r.container, Name: "id"}, []byte("theirs"), objects.Attributes{})
		if err != nil {
			t.Error(err)
		}
	}})
	if id, err := r.ID(t.Context()); id != "theirs" || err != nil {
		t.Errorf("ID = %q, %v; want the later one", id, err)
	}
	if id, err := r.ID(t.Context()); id != "theirs" || err != nil || r.faulty.Count(swifttest.Get) != 2 {
		t.Errorf("ID = %q, %v after %d GETs; want it known after two", id, err, r.faulty.Count(swifttest.Get))
	}
}

func TestAnIDWhosePutFailed(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.faulty.Fail(swifttest.MakeContainer, 1, swifttest.Refused)
	if id, err := r.ID(t.Context()); !errors.Is(err, swifttest.ErrUnavailable) {
		t.Errorf("ID = %q, %v; want the trouble", id, err)
	}
	if id, err := r.ID(t.Context()); id == "" || err != nil {
		t.Errorf("ID afterwards = %q, %v", id, err)
	}
}

// A staleClient reaches, unless all replicas are asked, one that has missed everything.
type staleClient struct{ objects.Client }

func (c staleClient) Get(ctx context.Context, at objects.Path, newest bool) (objects.Object, error) {
	if !newest {
		return objects.Object{}, objects.ErrMissing
	}
	return c.Client.Get(ctx, at, newest)
}

// What was confirmed is found though some replicas don't have it: a queue that was there would be made anew, without its messages.
func TestAllReplicasAreAsked(t *testing.T) {
	account := swifttest.NewMemory(swifttest.Options{})
	c, other := newControl(t, staleClient{account}, ""), newControl(t, staleClient{account}, "")
	ctx, k, metadata := t.Context(), key("p", "q"), marconi.Metadata(`{"a": 1}`)
	made, created, err := c.CreateQueue(ctx, k, nil)
	if err != nil || !created {
		t.Fatalf("CreateQueue = %v, %v", created, err)
	}
	if again, created, err := other.CreateQueue(ctx, k, nil); err != nil || created || again.Incarnation != made.Incarnation {
		t.Errorf("the second CreateQueue = %v, %v, %v; want the first one's", again.QueueRef, created, err)
	}
	if err := other.SetMetadata(ctx, k, metadata); err != nil {
		t.Errorf("SetMetadata: %v", err)
	}
	if q, err := c.Queue(ctx, k); err != nil || q.Incarnation != made.Incarnation || string(q.Metadata) != string(metadata) {
		t.Errorf("Queue = %v with %s, %v; want %v with %s", q.QueueRef, q.Metadata, err, made.QueueRef, metadata)
	}
	if page, err := c.ListQueues(ctx, "p", marconi.QueueListing{Limit: 5, Detailed: true}); err != nil || len(page.Items) != 1 {
		t.Errorf("ListQueues = %v, %v; want the queue", page.Items, err)
	}
	id, err := c.ID(ctx)
	if second, err2 := other.ID(ctx); err != nil || err2 != nil || id == "" || second != id {
		t.Errorf("the IDs are %q, %v, and %q, %v; want one", id, err, second, err2)
	}
	if ref, err := other.DeleteQueue(ctx, k); err != nil || ref != made.QueueRef {
		t.Errorf("DeleteQueue = %v, %v; want %v", ref, err, made.QueueRef)
	}
}

// The requests that each call makes of Swift, as the documentation has them.
func TestRequestsOfTheControlStore(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("q")
	cost := func(what string, want int, call func() error) {
		t.Helper()
		before := r.faulty.Total()
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := r.faulty.Total() - before; got != want {
			t.Errorf("%s: %d requests, want %d", what, got, want)
		}
	}
	ctx := t.Context()
	cost("create", 3, func() error { _, _, err := r.CreateQueue(ctx, key("p", "q2"), nil); return err })
	cost("create what is there", 2, func() error { _, _, err := r.CreateQueue(ctx, key("p", "q"), nil); return err })
	cost("get", 1, func() error { _, err := r.Queue(ctx, key("p", "q")); return err })
	cost("get what is not there", 2, func() error { return missing(r.Queue(ctx, key("p", "none"))) })
	cost("set metadata", 2, func() error { return r.SetMetadata(ctx, key("p", "q"), nil) })
	cost("list", 1, func() error { _, err := r.ListQueues(ctx, "p", marconi.QueueListing{Limit: 5}); return err })
	cost("list with metadata", 3, func() error {
		_, err := r.ListQueues(ctx, "p", marconi.QueueListing{Limit: 5, Detailed: true})
		return err
	})
	cost("delete", 2, func() error { _, err := r.DeleteQueue(ctx, key("p", "q")); return err })
	cost("delete what is not there", 2, func() error { return missing(r.DeleteQueue(ctx, key("p", "q"))) })
	cost("create what was there", 3, func() error { _, _, err := r.CreateQueue(ctx, key("p", "q"), nil); return err })
}

// missing is an error unless the one given says that there is no queue.
func missing[T any](got T, err error) error {
	if errors.Is(err, marconi.ErrNoQueue) {
		return nil
	}
	return fmt.Errorf("%+v, %w; want ErrNoQueue", got, err)
}
