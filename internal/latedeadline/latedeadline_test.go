package latedeadline

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// It ends as a context of the standard library would, whether or not somebody has asked for its channel before.
func TestEnds(t *testing.T) {
	ends := map[string]struct {
		end  func(c *Context, cancelParent func())
		want error
	}{
		"not":           {func(*Context, func()) {}, nil},
		"by End":        {func(c *Context, _ func()) { c.End() }, context.Canceled},
		"with parent":   {func(_ *Context, cancel func()) { cancel() }, context.Canceled},
		"by its time":   {func(*Context, func()) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		"End too late":  {func(c *Context, _ func()) { time.Sleep(2 * time.Second); c.Done(); c.End() }, context.DeadlineExceeded},
		"time too late": {func(c *Context, _ func()) { c.End(); time.Sleep(time.Second) }, context.Canceled},
		"End twice":     {func(c *Context, _ func()) { c.End(); c.End() }, context.Canceled},
	}
	for name, tt := range ends {
		for _, asked := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancel := context.WithCancel(t.Context())
					defer cancel()
					c := WithTimeout(parent, time.Second)
					defer c.End()
					if asked {
						c.Done()
					}
					tt.end(c, cancel)
					synctest.Wait()
					wantEnd(t, c, tt.want)
				})
			})
		}
	}
}

// wantEnd looks at the error before and after the channel is asked for.
func wantEnd(t *testing.T, c *Context, want error) {
	t.Helper()
	if err := c.Err(); !errors.Is(err, want) {
		t.Errorf("before Done, Err() = %v, want %v", err, want)
	}
	select {
	case <-c.Done():
		if want == nil {
			t.Error("Done is closed")
		}
	default:
		if want != nil {
			t.Error("Done is open")
		}
	}
	if err := c.Err(); (err == nil) != (want == nil) {
		t.Errorf("after Done, Err() = %v, want %v", err, want)
	}
}

func TestDeadline(t *testing.T) {
	early, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	c := WithTimeout(early, time.Hour)
	defer c.End()
	want, _ := early.Deadline()
	if got, has := c.Deadline(); !has || !got.Equal(want) {
		t.Errorf("Deadline() = %v, %v, want its parent's %v", got, has, want)
	}
}

type key struct{}

func TestValue(t *testing.T) {
	c := WithTimeout(context.WithValue(t.Context(), key{}, 7), time.Hour)
	defer c.End()
	for range 2 {
		if got := c.Value(key{}); got != 7 {
			t.Errorf("Value = %v, want 7", got)
		}
		c.Done()
	}
}

// A context made from it ends with it, and has no goroutine for that.
func TestChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := WithTimeout(t.Context(), time.Hour)
		before := runtime.NumGoroutine()
		child, cancel := context.WithCancel(c)
		defer cancel()
		if n := runtime.NumGoroutine(); n != before {
			t.Errorf("%d goroutines for a child", n-before)
		}
		c.End()
		synctest.Wait()
		if child.Err() == nil {
			t.Error("the child goes on")
		}
	})
}

// What it is for: an operation that asks for no channel allocates the context and nothing else.
func TestCost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if n := testing.AllocsPerRun(100, func() {
		c := WithTimeout(ctx, time.Minute)
		if c.Err() != nil {
			t.Error("it has ended")
		}
		c.End()
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
