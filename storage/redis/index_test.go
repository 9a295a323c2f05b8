//go:build unix

package redis

import (
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// A server that has lost its data is told anew which queues hold messages: without that they could not be counted or adopted.
func TestQueuesAreNotedAnew(t *testing.T) {
	f := newRunningFixture(t)
	ctx := t.Context()
	for what, lose := range map[string]func(){
		"a restart without data": func() { f.server.Kill(); f.server.Start() },
		"a broken connection": func() {
			f.server.Do("FLUSHALL")
			f.server.Do("CLIENT", "KILL", "TYPE", "normal")
			f.server.Do("CLIENT", "KILL", "TYPE", "pubsub") // calls share the connection of the subscription, too
		},
	} {
		f.postSafely(1)
		lose()
		f.postSafely(1)
		if got, err := f.Queues(ctx); err != nil || !slices.Equal(got, []marconi.QueueRef{f.q}) {
			t.Errorf("after %s: Queues = %v, %v; want %v", what, got, err, f.q)
		}
	}
}

// A failover whose old primary lives counts as well: what it confirmed last has gone with it.
func TestALivingPrimaryThatIsReplacedIsNoted(t *testing.T) {
	t.Parallel()
	s := testservices.StartSentinel(t, testservices.SentinelOptions{})
	w := works(t, "redis://"+s.Addresses()+"?master="+testservices.MasterName)
	old := s.Settle()
	before := w.dialer.breaks.Load()
	s.Sentinels[0].Do("SENTINEL", "FAILOVER", testservices.MasterName)
	next := s.AwaitPrimary(old)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := w.count(t.Context(), "{k}"); err == nil && next.Do("EXISTS", "{k}").(int64) == 1 && w.dialer.breaks.Load() != before {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is noted after a failover; before, %d losses", before)
		}
	}
}
