package pure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// queues are n queues with a message of a minute each, in the order of their containers.
func (f *fixture) queues(n int) []*fixture {
	f.t.Helper()
	all := make([]*fixture, n)
	for i := range all {
		other := *f
		other.q = newQueue(marconi.QueueName(fmt.Sprint("q", i)))
		other.post(messages(1, 60)...)
		all[i] = &other
	}
	slices.SortFunc(all, func(a, b *fixture) int { return strings.Compare(f.placeOf(a.q).stem, f.placeOf(b.q).stem) })
	return all
}

// failsIn plans that requests of a kind fail which are about one queue.
func (f *fixture) failsIn(k swifttest.Kind, q marconi.QueueRef) {
	stem := f.placeOf(q).stem
	f.faulty.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Refused, c.Kind == k && len(c.Paths) > 0 && c.Paths[0].Container == stem
	})
}

// TestOneQueueInTroubleKeepsNoOther lets the first container that is swept fail.
func TestOneQueueInTroubleKeepsNoOther(t *testing.T) {
	for _, kind := range []swifttest.Kind{swifttest.Get, swifttest.List, swifttest.DeleteMany} {
		f := newFixture(t)
		all := f.queues(5)
		f.clock.pass(time.Hour)
		f.failsIn(kind, all[0].q)
		n, err := f.Collect(t.Context())
		if n != 4 || err == nil {
			t.Errorf("with one of 5 queues whose %s fails Collect = %d, %v; want the 4 others, and an error", kind, n, err)
		}
		if _, err := f.Volume(t.Context()); err == nil && kind != swifttest.DeleteMany {
			t.Errorf("Volume = nil though a queue's %s fails", kind)
		}
	}
}

// TestOneDeletedQueueInTroubleKeepsNoOther lets the first container fail that is to be removed.
func TestOneDeletedQueueInTroubleKeepsNoOther(t *testing.T) {
	f := newFixture(t)
	all := f.queues(5)
	for _, g := range all {
		g.deleteAndDie()
	}
	f.failsIn(swifttest.DeleteContainer, all[0].q)
	if _, err := f.Collect(t.Context()); err == nil {
		t.Error("Collect = nil though a container was not removed")
	}
	for _, g := range all[1:] {
		g.wantNoContainers("of a queue beside one in trouble")
	}
}

// TestASweepEndsWhereAllFails asks a Swift that is away for no more than some of its queues, and says so in few words.
func TestASweepEndsWhereAllFails(t *testing.T) {
	f := newFixture(t)
	f.queues(30)
	f.faulty.Reset()
	f.faulty.FailAll(swifttest.Get, swifttest.Refused)
	_, err := f.Collect(t.Context())
	if n := f.faulty.Count(swifttest.Get); n != mostInARow*tries {
		t.Errorf("a sweep asked %d times for cards, want %d", n, mostInARow*tries)
	}
	if !errors.Is(err, swifttest.ErrUnavailable) || strings.Count(err.Error(), "\n") != mostTold {
		t.Errorf("it ended by %v; want %d errors and how many more", err, mostTold)
	}
}
