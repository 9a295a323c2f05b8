package pure

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// checkNothingLost checks that of n messages those that a pop gave and those that are left are all, and none is both. What it gave back is free
// at once.
func checkNothingLost(t *testing.T, f *fixture, n int, got []marconi.Message) {
	t.Helper()
	left := f.all()
	for _, m := range left {
		if slices.ContainsFunc(got, func(g marconi.Message) bool { return g.ID == m.ID }) {
			t.Errorf("message %s was popped and is there", m.Body)
		}
	}
	if len(got)+len(left) != n {
		t.Errorf("of %d messages a pop gave %q, and left %q", n, bodiesOf(got), bodiesOf(left))
	}
	_, again := f.claim(60, n)
	wantBodies(t, "a claim behind the pop", again, bodiesOf(left))
}

// TestAPopThroughAProxyThatIsBehind takes a message that was posted a moment ago through a proxy whose clock is ahead: its DELETE is refused.
func TestAPopThroughAProxyThatIsBehind(t *testing.T) {
	f := newFixture(t)
	ahead := f.on(mustOpen(t, f.account.Through(500*time.Millisecond), f.o))
	defer ahead.Close()
	ahead.post(messages(1, 600)...)
	f.clock.pass(5 * time.Second)
	ahead.post(marconi.NewMessage{TTL: 600, Body: []byte("2")})
	f.clock.pass(100 * time.Millisecond)
	got, err := f.Pop(t.Context(), f.q, 2)
	if err != nil {
		t.Fatal(err)
	}
	wantBodies(t, "a pop of two, of which one is newer than its DELETE", got, "1")
	checkNothingLost(t, f, 2, got)
}

// A stubborn client can't delete one object. It goes on with the others, as a bulk delete does.
type stubborn struct {
	objects.Client
	name string
}

func (c *stubborn) DeleteMany(ctx context.Context, paths []objects.Path) error {
	rest := slices.DeleteFunc(slices.Clone(paths), func(at objects.Path) bool { return at.Name == c.name })
	err := c.Client.DeleteMany(ctx, rest)
	if err == nil && len(rest) < len(paths) {
		err = errors.New("400 Bad Request: 1 failed, as 503 Service Unavailable")
	}
	return err
}

func TestAPopOfWhichOneCannotBeDeleted(t *testing.T) {
	for name, head := range map[string]swifttest.Fault{"the others are asked for": {}, "one of the others can't be asked for": swifttest.Refused} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c := &stubborn{Client: f.faulty}
			f.Store = mustOpen(t, c, f.o)
			defer f.Close()
			ids := f.post(messages(10, 600)...)
			c.name = messagePrefix + string(ids[9])
			hidden := messagePrefix + string(ids[3])
			f.faulty.Plan(func(call swifttest.Call) (swifttest.Fault, bool) {
				return head, call.Kind == swifttest.Head && call.Paths[0].Name == hidden
			})
			got, err := f.Pop(t.Context(), f.q, 10)
			if err != nil {
				t.Fatal(err)
			}
			c.name = ""
			f.faulty.Reset()
			if head.Before != nil {
				wantBodies(t, "a pop", got, "1 2 3 5 6 7 8 9") // 4 may have gone
				return
			}
			wantBodies(t, "a pop", got, "1 2 3 4 5 6 7 8 9")
			checkNothingLost(t, f, 10, got)
		})
	}
}

// TestAPopThatDeletesNothing is Unavailable, and gives all back.
func TestAPopThatDeletesNothing(t *testing.T) {
	f := newFixture(t)
	f.post(messages(3, 600)...)
	f.faulty.FailAll(swifttest.DeleteMany, swifttest.Refused)
	got, err := f.Pop(t.Context(), f.q, 3)
	if marconi.KindOf(err) != marconi.Unavailable {
		t.Errorf("Pop = %v, want Unavailable", err)
	}
	f.faulty.Reset()
	checkNothingLost(t, f, 3, got)
}
