//go:build unix

package indexed

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

func (f *fixture) tryPost(bodies ...string) error {
	_, err := f.Post(f.ctx(), f.q, marconi.Post{Client: poster, Messages: messagesOf(600, bodies...)})
	return err
}

// A process that ends between the segment and the index leaves an orphan, which ends by itself.
func TestOrphanExpires(t *testing.T) {
	f := newFixture(t, Options{})
	f.index.failing("Post", marconi.ErrUnavailable, false)
	wantUnavailable(t, "Post", f.tryPost("1"))
	f.index.plan(nil)
	f.collect()
	f.wantSegments("after a post of which nobody knows whether it is in the index,", 1)
	f.want("List", f.list(), "")
	f.clock.pass(600*time.Second + reserve - time.Second)
	f.wantSegments("just before the reserve is over", 1)
	f.clock.pass(time.Second)
	f.wantSegments("when the reserve is over", 0)
}

// A segment lives as long as the last of its messages, and the reserve.
func TestSegmentOutlivesItsLastMessage(t *testing.T) {
	f := newFixture(t, Options{})
	f.clock.pass(300 * time.Millisecond) // so that seconds are rounded
	messages := append(messagesOf(60, "1"), messagesOf(7200, "2")...)
	messages = append(messages, messagesOf(100, "3")...)
	if _, err := f.Post(f.ctx(), f.q, marconi.Post{Client: poster, Messages: messages}); err != nil {
		t.Fatal(err)
	}
	o, err := f.account.Head(f.ctx(), f.segments()[0], true)
	want := f.clock.Now().Add(7200*time.Second + reserve + 700*time.Millisecond)
	if err != nil || !o.DeleteAt.Equal(want) || o.ContentType != "application/x-marconi-segment; n=3" {
		t.Errorf("the segment has %+v, %v; want its end at %v, and n=3", o.Attributes, err, want)
	}
}

// Only a post that is known to have left nothing in the index has its segment removed.
func TestSegmentsOfFailedPosts(t *testing.T) {
	for _, row := range []struct {
		err  error
		made bool // the index has the messages all the same
		left int  // segments
	}{
		{marconi.ErrSealed, false, 0},
		{fmt.Errorf("post: %w", marconi.ErrFull), false, 0},
		{&marconi.Error{Kind: marconi.Internal, Code: "bug"}, false, 0},
		{marconi.ErrUnavailable, false, 1},
		{marconi.ErrUnavailable, true, 1},
		{errors.New("connection reset"), true, 1},
		{context.DeadlineExceeded, true, 1},
	} {
		f := newFixture(t, Options{})
		f.index.failing("Post", row.err, row.made)
		if err := f.tryPost("1"); !errors.Is(err, row.err) {
			t.Errorf("Post: %v, want %v", err, row.err)
		}
		f.index.plan(nil)
		f.collect()
		f.wantSegments(fmt.Sprintf("after %v from the index", row.err), row.left)
		f.forgetSegments()
		if want := map[bool]string{true: "1", false: ""}[row.made]; bodiesOf(f.list()) != want {
			t.Errorf("after %v the queue has %q, want %q", row.err, bodiesOf(f.list()), want)
		}
	}
}

// A PUT of which nobody knows what became is made again under its name: there is one object, whatever happened.
func TestPutIsRepeated(t *testing.T) {
	for _, fault := range []swifttest.Fault{swifttest.Refused, swifttest.Confused, swifttest.TimedOut, swifttest.TooLate} {
		f := newFixture(t, Options{})
		f.post(600, "0")
		f.swift.Fail(swifttest.Put, 1, fault)
		f.swift.Fail(swifttest.Put, 2, fault)
		f.wantCost(fmt.Sprintf("a post with %+v", fault), cost{swifttest.Put: 3, indexCalls: 1}, func() { f.post(600, "1") })
		f.wantSegments(fmt.Sprintf("after %+v", fault), 2)
		f.forgetSegments()
		f.want("List", f.list(), "0 1")
	}
}

// Without a segment nothing comes into the index; one that may be there all the same is removed, as nobody has heard of it.
func TestPostWithoutSwift(t *testing.T) {
	for _, fault := range []swifttest.Fault{swifttest.Refused, swifttest.Confused, swifttest.TooLate} {
		f := newFixture(t, Options{})
		f.post(600, "0")
		f.swift.FailAll(swifttest.Put, fault)
		f.wantCost("a post", cost{swifttest.Put: tries}, func() { wantUnavailable(t, "Post", f.tryPost("1")) })
		f.swift.Reset()
		f.collect()
		f.wantSegments(fmt.Sprintf("after posts with %+v", fault), 1)
		f.want("List", f.list(), "0")
	}
}

// 202 says that the name is somebody else's: another one is taken.
func TestNameThatIsTaken(t *testing.T) {
	for _, fault := range []swifttest.Fault{swifttest.Older, swifttest.LostPut} {
		f := newFixture(t, Options{})
		f.post(600, "0")
		f.swift.Fail(swifttest.Put, 1, fault)
		f.wantCost("a post", cost{swifttest.Put: 2, indexCalls: 1}, func() { f.post(600, "1") })
		f.collect()
		f.forgetSegments()
		f.want("List", f.list(), "0 1")
		f.wantSegments("after a 202", 2)
	}
}

// A container that somebody has removed is made again.
func TestContainerIsMade(t *testing.T) {
	f := newFixture(t, Options{Containers: 1})
	want := cost{swifttest.Put: 2, swifttest.MakeContainer: 1, indexCalls: 1}
	f.wantCost("the first post", want, func() { f.post(600, "1") })
	f.pop(1)
	f.collect()
	if err := f.account.DeleteContainer(f.ctx(), "marconi-segments-00"); err != nil {
		t.Fatal(err)
	}
	f.swift.Fail(swifttest.MakeContainer, 1, swifttest.Refused)
	want = cost{swifttest.Put: 3, swifttest.MakeContainer: 2, indexCalls: 1}
	f.wantCost("a post without the container", want, func() { f.post(600, "2") })
	f.want("List", f.list(), "2")
}

// A post that lasts too long fails before its segment may be taken for one of an earlier time.
func TestPostHasADeadline(t *testing.T) {
	f := newFixture(t, Options{})
	var left time.Duration
	watching := deadlineClient{f.swift, &left}
	f.client = watching
	f.post(600, "1")
	if left <= 0 || left > postTime {
		t.Errorf("a PUT has %v, want at most %v", left, postTime)
	}
}

// A deadlineClient notes how much time a PUT has.
type deadlineClient struct {
	objects.Client
	left *time.Duration
}

func (c deadlineClient) Put(ctx context.Context, at objects.Path, body []byte, a objects.Attributes, options ...objects.PutOption) error {
	if end, set := ctx.Deadline(); set {
		*c.left = time.Until(end)
	}
	return c.Client.Put(ctx, at, body, a, options...)
}
