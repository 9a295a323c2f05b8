//go:build unix

package redis

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
)

func replicaOf(primary *testservices.Redis, args ...string) []string {
	host, port, _ := strings.Cut(primary.Address, ":")
	return append(args, "--replicaof", host, port)
}

// startReplica starts another replica, and waits until the primary counts it: from then on it is waited for.
func startReplica(t *testing.T, primary *testservices.Redis) *testservices.Redis {
	t.Helper()
	before := online(primary)
	replica := testservices.StartRedis(t, replicaOf(primary)...)
	awaitReplicas(t, primary, before+1)
	return replica
}

func online(primary *testservices.Redis) int {
	return strings.Count(primary.Do("INFO", "replication").(string), "state=online")
}

func awaitReplicas(t *testing.T, primary *testservices.Redis, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); online(primary) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the replica does not get its copy")
		}
	}
}

// wantUnsafe looks whether a write is not confirmed though it was made.
func wantUnsafe(t *testing.T, w wired, key string) {
	t.Helper()
	_, err := w.count(within(t, 5*time.Second), key)
	if !errors.Is(err, errNotSafe) || !errors.Is(err, marconi.ErrUnavailable) || !isUnsure(err) {
		t.Errorf("err = %v, want unavailable and unsure, since it is not safe", err)
	}
}

func TestWritesWaitForReplicas(t *testing.T) {
	primary := testservices.StartRedis(t)
	w := dialURI(t, "redis://"+primary.Address+"?durability=replicas&wait_ms=3000") // a new replica may be silent for a second
	impatient := dialURI(t, "redis://"+primary.Address+"?durability=replicas&wait_ms=200")
	if !strings.Contains(w.journal.String(), "fewer replicas") {
		t.Errorf("logged: %q, want a warning", w.journal)
	}
	wantUnsafe(t, impatient, "{k}")
	if _, err := w.run(t.Context(), get(), []string{"{k}"}, nil); err != nil {
		t.Errorf("a script that only reads waits for replicas: %v", err)
	}

	one := startReplica(t, primary)
	mustCount(t, w, "{k}", 2)
	two := startReplica(t, primary)
	mustCount(t, w, "{k}", 3)
	for i, replica := range []*testservices.Redis{one, two} {
		if got := replica.Do("GET", "{k}"); got != "3" {
			t.Errorf("replica %d has %v of what was confirmed, want 3", i, got)
		}
	}

	two.Pause()
	wantUnsafe(t, impatient, "{k}")
	two.Resume()
	two.Kill()
	mustCount(t, w, "{k}", 5)
}

// The primary that comes next has fewer replicas as a rule: one of them it was itself.
func TestReplicasOfTheLastPrimaryAreForgotten(t *testing.T) {
	primary := testservices.StartRedis(t)
	startReplica(t, primary)
	other := startReplica(t, primary)
	const wait = 5 * time.Second
	w := dialURI(t, "redis://"+primary.Address+"?durability=replicas&wait_ms="+strconv.FormatInt(wait.Milliseconds(), 10))
	mustCount(t, w, "{k}", 1)
	other.Kill()
	primary.Kill()
	if n, err := w.count(within(t, time.Second), "{k}"); err == nil {
		t.Errorf("a dead server counts %d", n)
	}
	primary.Start()
	awaitReplicas(t, primary, 1)
	began := time.Now()
	for _, err := w.count(within(t, 2*wait), "{k}"); err != nil; _, err = w.count(within(t, 2*wait), "{k}") {
		if time.Since(began) > 3*wait {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); took > wait/2 {
		t.Errorf("the first write took %v, as if it had waited for two replicas", took)
	}
}

func TestAllReplicasAreWaitedFor(t *testing.T) {
	primary := testservices.StartRedis(t)
	one, two := startReplica(t, primary), startReplica(t, primary)
	w := dialURI(t, "redis://"+primary.Address+"?durability=replicas&wait_ms=2000&pool_size=4")
	var calls sync.WaitGroup
	for i := range 8 {
		calls.Go(func() {
			key := "{" + string(rune('a'+i)) + "}"
			for range 50 {
				if _, err := w.count(t.Context(), key); err != nil {
					t.Errorf("count: %v", err)
				}
			}
			for _, replica := range []*testservices.Redis{one, two} {
				if got := replica.Do("GET", key); got != "50" {
					t.Errorf("a replica has %v of what was confirmed, want 50", got)
				}
			}
		})
	}
	calls.Wait()
	server := primary.Do("INFO", "clients").(string)
	if n := strings.Count(primary.Do("CLIENT", "LIST").(string), "name=marconi"); n > 4+2+1 {
		t.Errorf("%d connections, want 4 that wait and those that all share\n%s", n, server)
	}
}

func TestDurableScriptsAreLearntAgain(t *testing.T) {
	primary := testservices.StartRedis(t)
	startReplica(t, primary)
	w := dialURI(t, "redis://"+primary.Address+"?durability=replicas")
	mustCount(t, w, "{k}", 1)
	primary.Do("SCRIPT", "FLUSH")
	mustCount(t, w, "{k}", 2)
	failing := luaOf("failing", "return redis.error_reply('SEALED it is')")
	if _, err := w.run(t.Context(), failing, []string{"k"}, nil); err == nil || err.Error() != "SEALED it is" {
		t.Errorf("err = %v, want the reply itself", err)
	}
}

func TestWritesWaitForTheDisk(t *testing.T) {
	server := testservices.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	if !server.AtLeast(7, 2) {
		refuses(t, "redis://"+server.Address+"?durability=aof", "durability=aof needs 7.2")
		t.Skip("this Redis has no WAITAOF")
	}
	w := dialURI(t, "redis://"+server.Address+"?durability=aof&wait_ms=3000")
	for i := range 3 {
		mustCount(t, w, "{k}", int64(i+1))
	}
	server.Kill()
	server.Start()
	eventually(t, w, "{other}", 10*time.Second)
	mustCount(t, w, "{k}", 4)

	server.Do("CONFIG", "SET", "appendonly", "no")
	wantUnsafe(t, w, "{k}")
	refuses(t, "redis://"+server.Address+"?durability=aof", "appendonly yes")
}
