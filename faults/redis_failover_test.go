//go:build unix

package faults

import (
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
	t.Run("on replicas", func(t *testing.T) { redisFailoverOnReplicas(t, s, uri+"&durability=replicas&prefix=safe") })
}

// In memory a failover may lose messages, claims and deletions, but none comes that was not posted, or comes in pieces.
func redisFailoverInMemory(t *testing.T, s *testservices.Sentinel, uri string) {
	r := newRedisRun(t, "failover", uri)
	for range short(1, 5) {
		redisFailOver(r, s)
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

func redisFailoverOnReplicas(t *testing.T, s *testservices.Sentinel, uri string) {
	r := newRedisRun(t, "failover on replicas", uri)
	alone, primary := true, s.Primary()
	for range short(3, 20) {
		asExpected := s.Primary() == primary
		var quick bool
		primary, quick = redisFailOver(r, s)
		alone = alone && asExpected && !quick
	}
	v := r.finish()
	if alone = alone && s.Primary() == primary; !alone && !v.OK() {
		// Sentinels that replace a primary which lives, since the machine is slow: until it knows, it goes on with the replica that is left,
		// and both give up what they had. Or they go on to a third one that has no whole copy yet. No durability prevents either.
		t.Logf("the sentinels have replaced a primary by themselves: %s", v.Report())
		return
	}
	r.wantKept(v)
}

// redisFailOver kills the primary amid the workload, and lets it come back as a replica only when another has taken its place.
// It is quick if the sentinels can't have noticed that.
func redisFailOver(r *redisRun, s *testservices.Sentinel) (primary *testservices.Redis, quick bool) {
	r.t.Helper()
	r.trouble(func() {
		var dead *testservices.Redis
		began := time.Now()
		dead, primary = s.Failover()
		promoted := time.Since(began)
		quick = promoted < time.Second // for which they wait
		r.sound()
		r.t.Logf("another primary after %v, posts go well after %v", promoted.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		s.Revive(dead)
	})
	r.goOn(300 * time.Millisecond)
	return primary, quick
}
