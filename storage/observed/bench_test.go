package observed

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// counts is a recorder as cheap as one can be.
type counts [Operations][Outcomes]atomic.Int64

func (c *counts) Record(op Operation, came Outcome, took time.Duration) {
	c[op][came].Add(int64(took))
}

// idle is a store that does nothing.
type idle struct{ marconi.DataStore }

func (idle) Pop(context.Context, marconi.QueueRef, int) ([]marconi.Message, error) { return nil, nil }

// requestContext is one as deep as the server's.
func requestContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = WithShare(ctx, &Share{})
	ctx, cancel := context.WithCancel(ctx)
	ctx = marconi.WithCaller(ctx, marconi.Caller{RequestID: "r"})
	ctx, cancelToo := context.WithTimeout(ctx, time.Hour)
	return ctx, func() { cancelToo(); cancel() }
}

// What the observer adds to a call.
func BenchmarkCall(b *testing.B) {
	for _, row := range []struct {
		name  string
		store marconi.DataStore
	}{
		{"bare", idle{}},
		{"observed", New(Options{Recorder: &counts{}, Slow: time.Second, MaxCalls: 1000}).Data(idle{})},
	} {
		b.Run(row.name, func(b *testing.B) {
			ctx, cancel := requestContext(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = row.store.Pop(ctx, marconi.QueueRef{}, 1)
			}
		})
	}
}

func TestNoAllocations(t *testing.T) {
	d := New(Options{Recorder: &counts{}, Slow: time.Second, MaxCalls: 1000}).Data(idle{})
	ctx, cancel := requestContext(t.Context())
	defer cancel()
	if n := testing.AllocsPerRun(100, func() { _, _ = d.Pop(ctx, marconi.QueueRef{}, 1) }); n != 0 {
		t.Errorf("a call costs %v allocations", n)
	}
}
