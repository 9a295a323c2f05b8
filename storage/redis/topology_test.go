//go:build unix

package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// A load counts up keys until it is stopped: what was confirmed must be there afterwards, and no key may have been counted
// further than it was asked for.
type load struct {
	w     wired
	tasks sync.WaitGroup
	stop  context.CancelFunc

	confirmed, unsure, refused atomic.Int64

	mu      sync.Mutex // guards what follows
	longest time.Duration
	last    time.Time // when a call went through
}

// startLoad adds members to sets with the keys given, each once.
func startLoad(t *testing.T, w wired, workers int, keys ...string) *load {
	t.Helper()
	l := &load{w: w, last: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	l.stop = cancel
	for i := range workers {
		l.tasks.Go(func() { l.work(ctx, t, i, keys[i%len(keys)]) })
	}
	return l
}

// add appends to a list, and gives its length: what a post does.
func add() *script { return luaOf("add", "return redis.call('RPUSH', KEYS[1], ARGV[1])").once() }

func (l *load) work(ctx context.Context, t *testing.T, worker int, key string) {
	for n := 0; ctx.Err() == nil; n++ {
		member := fmt.Sprintf("%d-%d", worker, n)
		call, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := l.w.run(call, add(), []string{key}, []string{member})
		cancel()
		switch {
		case err == nil:
			l.through()
			l.confirmed.Add(1)
			continue
		case !errors.Is(err, marconi.ErrUnavailable):
			t.Errorf("add: %v", err)
		case isUnsure(err):
			l.unsure.Add(1)
		default:
			l.refused.Add(1)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func isUnsure(err error) bool { return containsText(err, "it may have been done") }

func (l *load) through() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.longest = max(l.longest, now.Sub(l.last))
	l.last = now
}

// end stops the load, and gives how many members the lists have, and how many have been added twice.
func (l *load) end(t *testing.T, keys ...string) (there, twice int64) {
	t.Helper()
	l.stop()
	l.tasks.Wait()
	lrange := luaOf("lrange", "return redis.call('LRANGE', KEYS[1], 0, -1)")
	lrange.readOnly = true
	for _, key := range keys {
		members, err := l.membersOf(t, lrange, key)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, member := range members {
			if seen[member] {
				twice++
			}
			seen[member] = true
		}
		there += int64(len(seen))
	}
	t.Logf("confirmed %d, unsure %d, refused %d; there %d, twice %d; longest gap %v",
		l.confirmed.Load(), l.unsure.Load(), l.refused.Load(), there, twice, l.longest.Round(time.Millisecond))
	return there, twice
}

// membersOf reads a list. What reads has connections of its own, which may not have learnt of a failover yet.
func (l *load) membersOf(t *testing.T, lrange *script, key string) ([]string, error) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		m, err := l.w.run(within(t, 10*time.Second), lrange, []string{key}, nil)
		if err == nil {
			return m.AsStrSlice()
		}
		if time.Now().After(end) {
			return nil, err
		}
	}
}

func TestSentinelFailoverUnderLoad(t *testing.T) {
	t.Parallel()
	s := testservices.StartSentinel(t, testservices.SentinelOptions{Password: secret, SentinelPassword: "of-the-sentinels"})
	uri := "redis://" + escapedSecret + "@" + s.Addresses() + "?master=" + testservices.MasterName + "&sentinel_password=of-the-sentinels"
	refuses(t, "redis://"+escapedSecret+"@"+s.Addresses()+"?master=other&sentinel_password=of-the-sentinels", "know no master of that name")
	refuses(t, "redis://"+escapedSecret+"@"+s.Addresses()+"?master="+testservices.MasterName+"&sentinel_password=wrong", "sentinel_password")
	refuses(t, "redis://wrong@"+s.Addresses()+"?master="+testservices.MasterName+"&sentinel_password=of-the-sentinels", "check the user and the password")

	t.Run("in memory", func(t *testing.T) {
		w := works(t, uri)
		l := startLoad(t, w, 8, "{a}", "{b}")
		time.Sleep(300 * time.Millisecond)
		dead, _ := s.Failover()
		t.Logf("the new primary was found %v later", eventually(t, w, "{k}", 15*time.Second))
		time.Sleep(300 * time.Millisecond)
		if _, twice := l.end(t, "{a}", "{b}"); twice > 0 {
			t.Errorf("%d were added twice", twice)
		}
		s.Revive(dead)
	})
	t.Run("on replicas", func(t *testing.T) {
		w := works(t, uri+"&durability=replicas")
		for round := range failovers() {
			failOverOnReplicas(t, s, w, fmt.Sprintf("{r%d}", round))
		}
	})
}

// failovers are as many as there is time for: package faults has more of them, with the whole server.
func failovers() int {
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		return 20
	}
	return 1
}

func failOverOnReplicas(t *testing.T, s *testservices.Sentinel, w wired, key string) {
	s.Unasked() // of what was before
	l := startLoad(t, w, 8, key)
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	dead, _ := s.Failover()
	t.Logf("another primary after %v, found %v later", time.Since(began), eventually(t, w, "{k}", 15*time.Second))
	time.Sleep(300 * time.Millisecond)
	there, twice := l.end(t, key)
	s.Revive(dead)
	unasked := s.Unasked()
	switch lost := there < l.confirmed.Load(); {
	case lost && unasked != "":
		t.Logf("the sentinels did something by themselves: %s; %d were confirmed, %d are there", unasked, l.confirmed.Load(), there)
	case lost || twice > 0:
		t.Errorf("%d were confirmed, %d are there, %d twice", l.confirmed.Load(), there, twice)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := testservices.StartCluster(t)
	refuses(t, "redis://"+c.Nodes[0].Address, "say cluster=true")
	one := works(t, "redis://"+c.Nodes[4].Address+"?cluster=true")
	uri := "redis://" + c.Addresses() + "?cluster=true"
	keys := []string{"{a}", "{b}", "{c}", "{d}", "{e}", "{f}"}
	for _, key := range keys {
		mustCount(t, one, key+"x", 1)
	}
	t.Run("a subscription", func(t *testing.T) {
		w := works(t, uri)
		messages, connects := make(chan string, 10), make(chan struct{}, 10)
		w.subscribe("mq1:wake:me", func(m string) { messages <- m }, func() { connects <- struct{}{} })
		awaitFrom(t, connects, "a connection")
		for _, node := range c.Nodes {
			node.Do("PUBLISH", "mq1:wake:me", node.Address)
			if got := awaitFrom(t, messages, "a message"); got != node.Address {
				t.Errorf("got %q, want %q", got, node.Address)
			}
		}
	})
	t.Run("a slot moves", func(t *testing.T) { migrate(t, c, works(t, uri)) })
	t.Run("a slot moves, on replicas", func(t *testing.T) { migrate(t, c, works(t, uri+"&durability=replicas")) })
	t.Run("a failover under load", func(t *testing.T) {
		w := works(t, uri+"&durability=replicas")
		l := startLoad(t, w, 6, keys...)
		time.Sleep(300 * time.Millisecond)
		dead, _ := c.Failover(c.Slot("{a}"))
		eventually(t, w, "{b}x", 20*time.Second)
		dead.Start() // or its shard has no replica to wait for
		eventually(t, w, "{a}x", 20*time.Second)
		there, twice := l.end(t, keys...)
		if twice > 0 || there < l.confirmed.Load() {
			t.Errorf("%d were confirmed, %d are there, %d twice", l.confirmed.Load(), there, twice)
		}
	})
}

// migrate moves the slot of a queue with two keys while it is used: while one of them is here and one there, nothing runs.
func migrate(t *testing.T, c *testservices.Cluster, w wired) {
	tag := fmt.Sprintf("{m%d}", time.Now().UnixNano())
	slot := c.Slot(tag)
	l := startLoad(t, w, 4, tag)
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	from, to := c.BeginMigration(slot)
	both := luaOf("both", "redis.call('INCR', KEYS[1]); return redis.call('INCR', KEYS[2])").once()
	_, err := w.run(within(t, 300*time.Millisecond), both, []string{tag + "1", tag + "2"}, nil)
	if !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("a script with keys on both sides: %v, want %v", err, marconi.ErrUnavailable)
	}
	for c.MoveKeys(slot, 10, from, to) > 0 {
	}
	c.EndMigration(slot, from, to)
	took := time.Since(began)
	eventually(t, w, tag+"k", 10*time.Second)
	time.Sleep(200 * time.Millisecond)
	there, twice := l.end(t, tag)
	if twice > 0 || there != l.confirmed.Load() || l.unsure.Load() > 0 {
		t.Errorf("%d were confirmed and %d unsure, %d are there, %d twice", l.confirmed.Load(), l.unsure.Load(), there, twice)
	}
	t.Logf("the migration took %v, the longest gap was %v", took.Round(time.Millisecond), l.longest.Round(time.Millisecond))
	m, err := w.run(within(t, 5*time.Second), both, []string{tag + "1", tag + "2"}, nil)
	if n, _ := m.AsInt64(); err != nil || n != 1 {
		t.Errorf("a script with two keys after the migration counts %d, %v, want 1: none of its tries before was carried out", n, err)
	}
}
