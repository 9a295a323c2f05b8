//go:build unix

package redis

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
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
	t.Parallel()
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
	t.Parallel()
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

// durableFixture opens a store on a server, with options of its URI.
func durableFixture(t *testing.T, server *testservices.Redis, options string) *fixture {
	t.Helper()
	opened, err := Open(t.Context(), "redis://"+server.Address+"?"+options, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, opened) })
	return &fixture{dataStore: opened.Data.(*dataStore), t: t, server: server, opened: opened, q: newQueue("p", "q")}
}

// A post is not sent again when the server takes so long over it that its safety is not waited for any more: it may be done yet.
func TestAPostIsNotRepeatedThoughItsSafetyIsUnknown(t *testing.T) {
	t.Parallel()
	server := testservices.StartRedis(t)
	f := durableFixture(t, server, "durability=replicas&wait_ms=200&socket_timeout=0.1")
	startReplica(t, server)
	f.postSafely(1)
	before := server.Do("XLEN", f.keys.of(f.q)[2]).(int64)
	server.Pause()
	resumed := make(chan struct{})
	time.AfterFunc(3*time.Second, func() { server.Resume(); close(resumed) })
	_, err := f.Post(within(t, 5*time.Second), f.q, marconi.Post{Client: poster, Messages: posted(1, 600)})
	<-resumed
	if err == nil {
		t.Error("it was confirmed")
	}
	time.Sleep(500 * time.Millisecond) // for the server to do what it was sent
	if n := server.Do("XLEN", f.keys.of(f.q)[2]).(int64) - before; n > 1 {
		t.Errorf("of one post, unsure, there are %d messages: %v", n, err)
	}
}

// What is not safe is shown to nobody: it might be gone in a moment. Counts go on while replicas are away.
func TestNobodyIsShownWhatIsNotSafe(t *testing.T) {
	primary := testservices.StartRedis(t)
	f := durableFixture(t, primary, "durability=replicas&wait_ms=300")
	replica := startReplica(t, primary)
	f.postSafely(1)
	replica.Pause()
	if _, err := f.Post(within(t, 2*time.Second), f.q, marconi.Post{Client: poster, Messages: posted(1, 600)}); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("Post = %v, want that it is not safe", err)
	}
	if page, err := f.List(within(t, 2*time.Second), f.q, marconi.Listing{Limit: 10, Echo: true}); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("List = %d messages, %v; want that they are not safe", len(page.Items), err)
	}
	if m, err := f.First(within(t, 2*time.Second), f.q, marconi.Newest); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("First = %q, %v; want that it is not safe", m.Body, err)
	}
	if s, err := f.Stats(within(t, 200*time.Millisecond), f.q); err != nil || s.Total < 2 {
		t.Errorf("Stats = %+v, %v", s, err)
	}
	replica.Resume()
	if page, err := f.List(within(t, 10*time.Second), f.q, marconi.Listing{Limit: 10, Echo: true}); err != nil || len(page.Items) < 2 {
		t.Errorf("List afterwards = %d messages, %v", len(page.Items), err)
	}
}

// A deletion that is repeated finds the first one done, and is confirmed only when that is safe.
func TestARepeatedDeletionIsSafe(t *testing.T) {
	t.Parallel()
	primary := testservices.StartRedis(t)
	f := durableFixture(t, primary, "durability=replicas&wait_ms=300")
	replica := startReplica(t, primary)
	id := f.postSafely(1)[0]
	other := durableFixture(t, primary, "durability=replicas&wait_ms=300") // whose connections have written nothing
	replica.Pause()
	for _, d := range []*fixture{f, other, f, other} {
		if err := d.Delete(within(t, 5*time.Second), f.q, id, ""); !errors.Is(err, marconi.ErrUnavailable) {
			t.Errorf("Delete while the replica hangs: %v; want that it is not safe", err)
		}
	}
	replica.Resume()
	if err := f.Delete(within(t, 10*time.Second), f.q, id, ""); err != nil {
		t.Error(err)
	}
}

// postSafely posts until that is safe: a replica that is new may be silent for a second.
func (f *fixture) postSafely(n int) []marconi.MessageID {
	f.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		ids, err := f.Post(f.t.Context(), f.q, marconi.Post{Client: poster, Messages: posted(n, 600)})
		if err == nil {
			return ids
		}
		if time.Now().After(end) {
			f.t.Fatal(err)
		}
	}
}

// To wait for what a former try wrote leaves the ends of keys as they are, or nearly.
func TestWaitingLeavesTheEndsOfKeys(t *testing.T) {
	primary := testservices.StartRedis(t)
	f := durableFixture(t, primary, "durability=replicas&wait_ms=3000")
	startReplica(t, primary)
	ids := f.postSafely(300)
	header := f.keys.of(f.q)[0]
	end := func() time.Time {
		return time.Now().Add(time.Duration(primary.Do("PTTL", header).(int64)) * time.Millisecond)
	}
	before := end()
	for _, id := range ids {
		if err := f.Delete(t.Context(), f.q, id, ""); err != nil {
			t.Fatal(err)
		}
	}
	if moved := end().Sub(before); moved < -50*time.Millisecond || moved > 2*time.Second {
		t.Errorf("the header's end has moved by %v", moved)
	}
}

// While replicas are away nothing can be written, but a server that was there before can start, and answers readers.
func TestAStartWithoutReplicas(t *testing.T) {
	server := testservices.StartRedis(t)
	plain := durableFixture(t, server, "")
	id, err := plain.opened.Control.ID(t.Context())
	wantNoError(t, errors.Join(err, plain.Bind(t.Context(), id, false)))
	ids := plain.postSafely(1)

	f := durableFixture(t, server, "durability=replicas&wait_ms=100")
	got, err := f.opened.Control.ID(t.Context())
	if err != nil || got != id {
		t.Errorf("ID = %q, %v; want %q", got, err, id)
	}
	wantNoError(t, f.Bind(t.Context(), id, false))
	if err := f.Bind(t.Context(), "another", false); !errors.Is(err, marconi.ErrForeignData) {
		t.Errorf("Bind to another control store: %v", err)
	}
	if _, err := f.Message(t.Context(), plain.q, ids[0]); err != nil {
		t.Errorf("Message: %v", err)
	}
	if _, err := f.Post(t.Context(), f.q, marconi.Post{Client: poster, Messages: posted(1, 600)}); !errors.Is(err, marconi.ErrUnavailable) {
		t.Errorf("a post that no replica has: %v", err)
	}
}

// Behind one address another server may become the primary, while connections to the old one stay open: writes find the new one.
func TestTheAddressOfAnotherPrimary(t *testing.T) {
	for _, options := range []string{"", "durability=replicas"} {
		old := testservices.StartRedis(t)
		next := startReplica(t, old)
		var holder atomic.Pointer[testservices.Redis]
		holder.Store(old)
		s, err := parseURI("redis://" + old.Address + "?" + options)
		wantNoError(t, err)
		s.via = func(string) (string, error) { return holder.Load().Address, nil }
		opened, err := open(t.Context(), s, storage.Options{}.WithDefaults())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mustClose(t, opened) })
		f := &fixture{dataStore: opened.Data.(*dataStore), t: t, server: old, opened: opened, q: newQueue("p", "q")}
		f.postSafely(1)

		next.Do("REPLICAOF", "NO", "ONE")
		holder.Store(next)
		host, port, _ := strings.Cut(next.Address, ":")
		old.Do("REPLICAOF", host, port)
		awaitReplicas(t, next, 1)
		f.postSafely(1) // one whose connection was just given up may be refused
	}
}
