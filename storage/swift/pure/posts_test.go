package pure

import (
	"context"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A halfway client stores all objects of the first large upload but the last, and says so.
type halfway struct {
	objects.Client
	then func() // runs before it answers; nil: it was there already
}

func (c *halfway) PutMany(ctx context.Context, container string, uploads []objects.Upload) error {
	last := len(uploads) - 1
	if c.then == nil || last < 2 {
		return c.Client.PutMany(ctx, container, uploads)
	}
	if err := c.Client.PutMany(ctx, container, uploads[:last]); err != nil {
		return err
	}
	c.then()
	c.then = nil
	return &objects.PartError{Failed: []string{uploads[last].Name}, Err: swifttest.ErrUnavailable}
}

// TestAPostThatIsStoredInTwoGoes has what was stored at first consumed before the rest is.
func TestAPostThatIsStoredInTwoGoes(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 1)...)
	f.clock.pass(2 * time.Second)
	var got []marconi.Message
	here := f.on(mustOpen(t, &halfway{f.account, func() {
		var err error
		if got, err = f.Pop(t.Context(), f.q, 10); err != nil {
			t.Error(err)
		}
	}}, f.o))
	defer here.Close()
	here.post(messages(5, 600)...)
	wantBodies(t, "a pop amid a post of five", got, "1 2 3 4")
	again, err := f.on(f.open(f.clock.Now)).Pop(t.Context(), f.q, 10)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "a pop after it", again, "5")
}

// TestAPostWithoutAnAnswer is stored, and consumed before its caller knows: it must not be stored again.
func TestAPostWithoutAnAnswer(t *testing.T) {
	for kind, n := range map[swifttest.Kind]int{swifttest.Put: 1, swifttest.PutMany: 3} {
		t.Run(string(kind), func(t *testing.T) {
			f := newFixture(t)
			f.post(messages(1, 1)...)
			f.clock.pass(2 * time.Second)
			var got []marconi.Message
			other := f.open(f.clock.Now)
			fault := swifttest.TooLate
			fault.Then = func() { got, _ = other.Pop(t.Context(), f.q, 10) }
			f.faulty.Fail(kind, 1, fault)
			_, err := f.Post(t.Context(), f.q, marconi.Post{Client: producer, Messages: messages(n, 600)})
			if marconi.KindOf(err) != marconi.Unavailable {
				t.Errorf("Post = %v, want Unavailable", err)
			}
			if len(got) != n {
				t.Fatalf("%d messages were popped amid the post", len(got))
			}
			if left := f.all(); len(left) > 0 {
				t.Errorf("what was popped came back: %q", bodiesOf(left))
			}
		})
	}
}

// TestAPostWhoseAnswerIsLost is stored, and found so: it goes well, and is not stored again.
func TestAPostWhoseAnswerIsLost(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{"no answer": swifttest.TooLate, "503": swifttest.Confused} {
		for _, kind := range []swifttest.Kind{swifttest.Put, swifttest.PutMany} {
			f := newFixture(t)
			f.post(messages(1, 600)...)
			f.faulty.Fail(kind, 1, fault)
			f.post(messages(1, 600)...)
			f.post(messages(2, 600)...)
			if left := f.all(); len(left) != 4 {
				t.Errorf("%s to a %s: of posts of 1, 1 and 2 there are %q", name, kind, bodiesOf(left))
			}
		}
	}
}

// TestTwoFirstPosts come from two servers, through proxies whose clocks differ: the second finds a newer card.
func TestTwoFirstPosts(t *testing.T) {
	f := newFixture(t)
	behind := f.on(mustOpen(t, f.account.Through(-500*time.Millisecond), f.o))
	defer behind.Close()
	f.post(messages(1, 600)...)
	f.clock.pass(100 * time.Millisecond)
	behind.post(messages(1, 600)...)
	if left := f.all(); len(left) != 2 {
		t.Errorf("of two posts there are %q", bodiesOf(left))
	}
}

// TestAPostOfOneThatIsRefused is stored when Swift can.
func TestAPostOfOneThatIsRefused(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 1)...)
	f.clock.pass(2 * time.Second)
	f.faulty.Fail(swifttest.Put, 1, swifttest.Refused)
	f.faulty.Fail(swifttest.Put, 2, swifttest.Refused)
	f.post(messages(1, 600)...)
	wantBodies(t, "after a post that was refused twice", f.all(), "1")
}

// TestALatePostOfSeveralLeavesACard: a process posts to a queue that it knows, and that another has deleted so long ago that no note of it
// is left. Who looks through all queues has to find what it made.
func TestALatePostOfSeveralLeavesACard(t *testing.T) {
	f := newFixture(t)
	f.post(messages(1, 60)...)
	late := f.on(f.open(f.clock.Now))
	late.post(messages(1, 60)...)
	f.must(f.DeleteQueue(t.Context(), f.q))
	f.collect()
	f.clock.pass(keepDropped + time.Minute)
	f.collect()
	late.post(messages(2, 60)...)
	if queues, err := f.open(f.clock.Now).Queues(t.Context()); err != nil || len(queues) != 1 || queues[0] != f.q {
		t.Errorf("Queues = %v, %v; want the one that lives", queues, err)
	}
}

// TestRequestsOfPostsThatGoOn is what it costs to have a queue's card for sure.
func TestRequestsOfPostsThatGoOn(t *testing.T) {
	f := newFixture(t)
	requests := f.counts(func() {
		for range 60 {
			f.post(messages(1, 600)...)
			f.clock.pass(time.Minute)
		}
	})
	if want := "put 58, put-many 2"; requests != want {
		t.Errorf("an hour of posts makes the requests %q, want %q", requests, want)
	}
}
