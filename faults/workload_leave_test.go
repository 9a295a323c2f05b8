//go:build unix

package faults

import (
	"context"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
)

// When a test has failed amid a workload, those who work leave, though the server is still there and nobody has told them to end.
func TestWorkloadLeaves(t *testing.T) {
	w := newWorkload(t, "leave")
	c, err := client.New("http://127.0.0.1:1", client.Config{Project: workloadProject, Transport: client.NewTransport()})
	if err != nil {
		t.Fatal(err)
	}
	w.server.born(c)
	w.server.doom()
	ctx, cancel := context.WithCancel(t.Context())
	w.begin(ctx)
	time.Sleep(50 * time.Millisecond)
	cancel()
	left := make(chan struct{})
	go func() {
		w.leave()
		close(left)
	}()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("they work on")
		w.server.dead() // so that they notice
	}
}
