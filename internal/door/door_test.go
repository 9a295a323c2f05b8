package door

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestShuttingWaitsForThoseInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d Door
		if err := d.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		go func() {
			time.Sleep(time.Second)
			d.Leave()
		}()
		if !d.Shut() || time.Since(begun) < time.Second {
			t.Errorf("shut after %v, with somebody inside", time.Since(begun))
		}
		if err := d.Enter(t.Context()); !errors.Is(err, ErrShut) {
			t.Errorf("behind a shut door: %v", err)
		}
		if d.Shut() {
			t.Error("shut twice")
		}
	})
}

func TestWhoHasGoneIsNotLetIn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var d Door
	if err := d.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if !d.Shut() {
		t.Error("it was not open")
	}
}
