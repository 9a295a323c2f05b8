package door

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestShuttingWaitsForThoseInside(t *testing.T) {
	var d Door
	if err := d.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	shut := make(chan bool)
	go func() { shut <- d.Shut() }()
	select {
	case <-shut:
		t.Fatal("shut, with somebody inside")
	case <-time.After(20 * time.Millisecond):
	}
	d.Leave()
	if !<-shut {
		t.Error("it was not open")
	}
	if err := d.Enter(t.Context()); !errors.Is(err, ErrShut) {
		t.Errorf("behind a shut door: %v", err)
	}
	if d.Shut() {
		t.Error("shut twice")
	}
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
