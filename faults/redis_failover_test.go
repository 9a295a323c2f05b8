//go:build unix

package faults

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/ledger"
)

// A primary that is killed takes with it what its replicas had not copied, which is told here, unless writes wait for them.
func TestRedisFailover(t *testing.T) {
	t.Parallel()
	s := testservices.StartSentinel(t, testservices.SentinelOptions{})
	uri := "redis://" + s.Addresses() + "?master=" + testservices.MasterName
	t.Run("in memory", func(t *testing.T) { redisFailoverInMemory(t, s, uri) })
	t.Run("on replicas", func(t *testing.T) {
		const tries = 5
		for n := range tries {
			if redisFailoverOnReplicas(t, s, fmt.Sprintf("%s&durability=replicas&prefix=safe%d", uri, n)) {
				return
			}
		}
		tell := t.Skipf
		if os.Getenv("CI") == "true" {
			tell = t.Fatalf
		}
		tell("%d times in a row the sentinels replaced a primary that lived: the machine is too slow for them", tries)
	})
}

// In memory a failover may lose messages, claims and deletions, but none comes that was not posted, or comes in pieces.
func redisFailoverInMemory(t *testing.T, s *testservices.Sentinel, uri string) {
	r := newStoreRun(t, "failover", uri)
	for range short(1, 5) {
		redisFailOver(r, s, s.Failover)
	}
	v := r.finish()
	t.Logf("what failovers cost: %v", v.Faults)
	for _, class := range []ledger.Class{ledger.Torn, ledger.Corrupt, ledger.Phantom} {
		if n := v.Faults[class]; n > 0 {
			t.Errorf("%d messages are %s: %s", n, class, v.Report())
		}
	}
	if !v.Balanced() {
		t.Error(v.Report())
	}
}

// On replicas failovers lose nothing, if they are what they pretend to be: a run tells nothing if the sentinels did more than to replace
// the primaries that were killed. No durability keeps what a primary confirms that lives and is replaced.
func redisFailoverOnReplicas(t *testing.T, s *testservices.Sentinel, uri string) (tells bool) {
	s.Unasked() // of what was before
	r := newStoreRun(t, "failover on replicas", uri)
	lonely := func() (dead, primary *testservices.Redis) { return s.LonelyFailover(200 * time.Millisecond) }
	for n := range short(3, 20) {
		if n%2 == 0 {
			redisFailOver(r, s, lonely)
		} else {
			redisFailOver(r, s, s.Failover)
		}
	}
	v := r.finish()
	if unasked := s.Unasked(); unasked != "" {
		t.Logf("this run tells nothing, since the sentinels did something by themselves: %s", unasked)
		return false
	}
	r.wantKept(v)
	return true
}

// redisFailOver kills the primary amid the workload, and lets it come back as a replica only when another has taken its place.
func redisFailOver(r *storeRun, s *testservices.Sentinel, failover func() (dead, primary *testservices.Redis)) {
	r.t.Helper()
	s.Settle()
	r.trouble(func() {
		began := time.Now()
		dead, _ := failover()
		promoted := time.Since(began)
		r.sound()
		r.t.Logf("another primary after %v, posts go well after %v", promoted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		s.Revive(dead)
	})
	r.goOn(300 * time.Millisecond)
}
