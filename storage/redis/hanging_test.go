//go:build unix

package redis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// TestAReplicaThatHangsIsLetGo has one of two replicas stand still: no write is confirmed without it, until the primary lets it go.
func TestAReplicaThatHangsIsLetGo(t *testing.T) {
	t.Parallel()
	primary := testservices.StartRedis(t, "--repl-timeout", "4", "--repl-ping-replica-period", "1")
	startReplica(t, primary)
	hanging := startReplica(t, primary)
	w := dialURI(t, "redis://"+primary.Address+"?durability=replicas&wait_ms=300")
	eventually(t, w, "{k}", 10*time.Second) // a new replica may be silent for a second
	hanging.Pause()
	began := time.Now()
	wantUnsafe(t, w, "{k}")
	if took := time.Since(began); took < 250*time.Millisecond || took > 2*time.Second {
		t.Errorf("that a write is not safe was told after %v, want wait_ms=300", took)
	}
	eventually(t, w, "{k}", 20*time.Second)
	t.Logf("writes went on %v after the replica hung, with a repl-timeout of 4 s", time.Since(began).Round(100*time.Millisecond))
	if time.Since(began) < time.Second {
		t.Error("writes went on while the replica was still connected")
	}
}

// TestNobodyWaitsForOthersConnections has a server stand still, and calls with little time among those that have enough of it to make
// connections: each ends by its own deadline, and not with the connection that another one is making.
func TestNobodyWaitsForOthersConnections(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "&durability=replicas"} {
		server := testservices.StartRedis(t)
		startReplica(t, server)
		w := dialURI(t, "redis://"+server.Address+"?connections=1&socket_timeout=1&connect_timeout=3"+options)
		mustCount(t, w, "{k}", 1)
		server.Pause()
		_, _ = w.count(within(t, 100*time.Millisecond), "{k}")
		slow := watchSlowness(t)
		var calls sync.WaitGroup
		for i := range 8 {
			calls.Go(func() {
				limit := 200 * time.Millisecond
				if i == 0 {
					limit = 6 * time.Second
				}
				for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
					began := time.Now()
					_, err := w.count(within(t, limit), "{k}")
					if !errors.Is(err, marconi.ErrUnavailable) {
						t.Errorf("count: %v", err)
					}
					if took := time.Since(began); took > limit+500*time.Millisecond+slow() {
						t.Errorf("a call with %v took %v, where the machine is late by %v%s", limit, took, slow(), options)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		calls.Wait()
		server.Resume()
		eventually(t, w, "{k}", 15*time.Second)
	}
}

// watchSlowness gives by how much the machine was late at most to wake somebody.
func watchSlowness(t *testing.T) (latest func() time.Duration) {
	var most atomic.Int64
	var task sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	task.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			time.Sleep(10 * time.Millisecond)
			most.Store(max(most.Load(), int64(time.Since(began)-10*time.Millisecond)))
		}
	})
	t.Cleanup(func() {
		stop()
		task.Wait()
	})
	return func() time.Duration { return time.Duration(most.Load()) }
}
