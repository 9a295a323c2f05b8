//go:build unix

package redis

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

// twoProcesses are two stores over one server, with one queue.
func twoProcesses(t *testing.T) (here, there *fixture) {
	t.Helper()
	server := testservices.StartRedis(t)
	here, there = openFixture(t, server, storage.Options{}), openFixture(t, server, storage.Options{})
	there.q = here.q
	return here, there
}

func wantSignal(t *testing.T, what string, w marconi.Watch, within time.Duration) {
	t.Helper()
	start := time.Now()
	select {
	case <-w.C():
		if took := time.Since(start); took > within {
			t.Logf("%s was told after %v", what, took) // a loaded machine; storagetest judges
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%s was not told", what)
	}
}

func wantSilence(t *testing.T, what string, w marconi.Watch) {
	t.Helper()
	select {
	case <-w.C():
		t.Errorf("%s was told", what)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestAnotherProcessWakes(t *testing.T) {
	here, there := twoProcesses(t)
	ctx := t.Context()
	take := marconi.Interest{Take: true}

	w := here.Watch(here.q, take)
	second := here.Watch(here.q, take)
	elsewhere := there.Watch(here.q, take)
	wantSilence(t, "who waits for a queue in which nothing happens", w)
	there.post(posted(1, 600)...)
	wantSignal(t, "who waits in another process than a post", w, 100*time.Millisecond)
	wantSignal(t, "who waits in the process of a post", elsewhere, 100*time.Millisecond)
	wantSilence(t, "a second one for one message", second)
	w.Close()
	second.Close()
	elsewhere.Close()

	claim, _ := there.claim(600, 1)
	w = here.Watch(here.q, take)
	defer w.Close()
	if err := there.UpdateClaim(ctx, here.q, claim, marconi.ClaimUpdate{TTL: 1}); err != nil {
		t.Fatal(err)
	}
	wantSilence(t, "who waits for the end of a claim that goes on for a second", w)
	wantSignal(t, "who waits for the end of a claim that was brought forward", w, time.Second)
	claim, _ = there.claim(600, 1)
	if err := there.Release(ctx, here.q, claim); err != nil {
		t.Fatal(err)
	}
	wantSignal(t, "who waits for a release", w, 100*time.Millisecond)
	there.pop(1)
	there.post(marconi.NewMessage{TTL: 600, Delay: 1, Body: []byte("0")})
	wantSilence(t, "who takes, of a delayed post", w)
	wantSignal(t, "who waits for the end of a delay", w, time.Second)
}

// TestNobodyWaitsNothingIsPublished counts what waiting and not waiting cost.
func TestNobodyWaitsNothingIsPublished(t *testing.T) {
	f := newRunningFixture(t)
	w := f.Watch(f.q, marconi.Interest{Take: true})
	before := f.calls()
	time.Sleep(300 * time.Millisecond)
	if n := f.calls()["evalsha"] - before["evalsha"]; n != 0 {
		t.Errorf("who waits asked the server %d times", n)
	}
	f.post(posted(1, 600)...)
	w.Close()
	if n := f.calls()["publish"] - before["publish"]; n != 1 {
		t.Errorf("a post beside one who waits published %d times, want once", n)
	}
	other := f.q
	f.q = newQueue("p", "nobody waits")
	before = f.calls()
	f.post(posted(1, 600)...)
	id, _ := f.claim(60, 1)
	if err := f.Release(t.Context(), f.q, id); err != nil {
		t.Fatal(err)
	}
	if n := f.calls()["publish"] - before["publish"]; n != 0 {
		t.Errorf("where nobody waits %d messages were published", n)
	}
	f.waiters.mu.Lock()
	defer f.waiters.mu.Unlock()
	if len(f.waiters.of) != 0 {
		t.Errorf("%d queues are still waited for, one of them perhaps %v", len(f.waiters.of), other)
	}
}

// TestADeadProcessIsForgotten has one that waited and never came back.
func TestADeadProcessIsForgotten(t *testing.T) {
	f := newFixture(t)
	for _, channel := range []string{"dead", "alive"} {
		if _, err := f.run(t.Context(), "wait", f.scripts.watch, f.q, f.time(), channel, "60000"); err != nil {
			t.Fatal(err)
		}
		f.clock.pass(30 * time.Second)
	}
	published := func() int {
		before := f.calls()
		f.post(posted(1, 600)...)
		return f.calls()["publish"] - before["publish"]
	}
	if n := published(); n != 1 {
		t.Errorf("%d processes were told, want the one that is alive", n)
	}
	noted := func() string { return f.server.Do("GETRANGE", f.key("h"), strconv.Itoa(headerSize), "-1").(string) }
	if both := noted(); !strings.Contains(both, "dead") || !strings.Contains(both, "alive") {
		t.Fatalf("%q are noted, want both", both)
	}
	if _, err := f.run(t.Context(), "wait", f.scripts.watch, f.q, f.time(), "third", "60000"); err != nil {
		t.Fatal(err)
	}
	if n := published(); n != 2 {
		t.Errorf("%d processes were told, want the two that are alive", n)
	}
	if left := noted(); strings.Contains(left, "dead") {
		t.Errorf("%q are noted, and one of them is dead", left)
	}
	f.clock.pass(time.Minute)
	if n := published(); n != 0 {
		t.Errorf("%d processes were told after the last had to say so again", n)
	}
}

func TestAfterABreakAllLookAgain(t *testing.T) {
	f := newRunningFixture(t)
	watches := []marconi.Watch{
		f.Watch(f.q, marconi.Interest{Take: true}), f.Watch(f.q, marconi.Interest{Take: true}), f.Watch(f.q, marconi.Interest{Client: poster}),
	}
	for _, w := range watches {
		defer w.Close()
	}
	f.server.Do("CLIENT", "KILL", "TYPE", "pubsub")
	for _, w := range watches {
		wantSignal(t, "who waited while the line broke", w, time.Second)
	}
	f.server.Do("UNLINK", f.key("h")) // as if another server had taken over, which did not know them
	f.server.Do("CLIENT", "KILL", "TYPE", "pubsub")
	for _, w := range watches {
		wantSignal(t, "who waited while the server changed", w, time.Second)
	}
	f.post(posted(3, 600)...) // at once: who was told to look is known to the server again
	for _, w := range watches[:2] {
		wantSignal(t, "who waits after the server changed", w, 100*time.Millisecond)
	}
}

// A server that has forgotten those who wait, of which nobody heard, is told again, and they look for what was not told meanwhile.
func TestWhoWasForgottenLooksAgain(t *testing.T) {
	f := newRunningFixture(t)
	w := f.Watch(f.q, marconi.Interest{Take: true})
	defer w.Close()
	f.server.Do("UNLINK", f.key("h"))
	f.post(posted(1, 600)...)
	wantSilence(t, "who was forgotten", w)
	f.hub.At(f.q, f.now()) // as each 20 s
	wantSignal(t, "who was forgotten, and is known again", w, time.Second)
	f.hub.At(f.q, f.now())
	wantSilence(t, "who is known", w)
}

func TestWhoMustLook(t *testing.T) {
	w := waiters{of: map[string]*waiting{}}
	w.add("h", newQueue("p", "q"), 2)
	never := func() {}
	for _, test := range []struct {
		name       string
		meanwhile  func()
		told, knew bool
		want       int
	}{
		{"the server could not be told", never, false, false, 0},
		{"it may not have known", never, true, false, 2},
		{"it knows", never, true, true, 0},
		{"it had forgotten", never, true, false, 2},
		{"a line breaks before the answer", func() { w.doubt() }, true, true, 0},
		{"after that", never, true, true, 2},
		{"it knows again", never, true, true, 0},
	} {
		answered := w.ask("h")
		test.meanwhile()
		if got := answered(test.told, test.knew); got != test.want {
			t.Errorf("%s: %d are to look, want %d", test.name, got, test.want)
		}
	}
	if got := w.ask("nobody")(true, false); got != 0 {
		t.Errorf("%d are to look where nobody waits", got)
	}
}

// That messages expire brings nothing to those who wait: the server is not asked again for that.
func TestWhoWaitsSleepsThroughExpiry(t *testing.T) {
	f := newFixture(t)
	f.post(posted(40, 1)...)
	f.claim(60, 1)
	events, next := f.ask(f.q)
	if wait := next.Sub(f.now()); len(events) > 0 || wait != watchAnew {
		t.Errorf("%d events, and asked again after %v; want none, and %v", len(events), wait, watchAnew)
	}
	f.post(marconi.NewMessage{TTL: 60, Delay: 5, Body: []byte("1")})
	if _, next := f.ask(f.q); next.Sub(f.now()) != 5*time.Second {
		t.Errorf("asked again after %v; want when a delay ends, 5 s", next.Sub(f.now()))
	}
}

// Who waits is told of a moment that comes before the one he knows of, also if a message expires before both.
func TestWhoWaitsHearsOfAnEarlierMoment(t *testing.T) {
	t.Parallel()
	f := newRunningFixture(t)
	f.post(posted(1, 2)...)
	f.claim(300, 1) // which puts the message's end off; the index still has the old one
	w := f.Watch(f.q, marconi.Interest{Take: true})
	defer w.Close()
	for end := time.Now().Add(5 * time.Second); !f.isWatched(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody waits")
		}
	}
	time.Sleep(200 * time.Millisecond) // for the answer to that
	f.post(marconi.NewMessage{TTL: 60, Delay: 3, Body: []byte("1")})
	select {
	case <-w.C():
	case <-time.After(8 * time.Second):
		t.Error("nobody told of a delay that was over after 3 s")
	}
}

// The server that knew of those who wait dies, and its replica does not know of them. The process does not lose its subscription, which is at
// another server.
func TestWhoWaitsIsToldAfterAFailoverElsewhere(t *testing.T) {
	t.Parallel()
	c := testservices.StartCluster(t)
	uri := "redis://" + c.Addresses() + "?cluster=true"
	told := &figures{}
	here, there := mustOpenAt(t, uri, storage.Options{Meter: told}), mustOpenAt(t, uri, storage.Options{})
	t.Cleanup(func() { mustClose(t, here); mustClose(t, there) })
	waits := here.Data.(*dataStore)
	q := queueElsewhere(t, c, waits)
	header := waits.keys.of(q)[0]

	var watches []marconi.Watch
	_, primary := c.LonelyFailover(c.Slot(header), func(primary *testservices.Redis) {
		for _, i := range []marconi.Interest{{Take: true}, {Client: poster, Echo: true}} {
			w := waits.Watch(q, i)
			t.Cleanup(w.Close)
			watches = append(watches, w)
		}
		if headerAt(t, primary, header).waited == 0 {
			t.Fatal("the server does not know that somebody waits")
		}
	})
	// A client may learn of a failover two seconds later than another one does; then a question that takes a second may have to end, and a
	// second pass.
	const promptly = 2*time.Second + watchLimit + watchRetry + time.Second // without being told it is watchAnew
	promoted := time.Now()
	posted := postSoon(t, there.Data, q)
	t.Logf("another primary, %s, takes posts %v after it was promoted", primary.Address, posted.Sub(promoted))
	for i, w := range watches {
		late := seenBy(t, waits, q, w).Sub(posted)
		t.Logf("watch %d led to what was posted %v later", i, late)
		if late > promptly {
			t.Errorf("watch %d led to what was posted %v later, want %v at most", i, late, promptly)
		}
	}
	if n := told.get("redis_subscriptions_lost_total"); n > 0 {
		t.Errorf("the subscription was lost %v times: it was not at another server", n)
	}
}

// queueElsewhere names a queue whose primary and replica are others than the server that the store subscribes at.
func queueElsewhere(t *testing.T, c *testservices.Cluster, d *dataStore) marconi.QueueRef {
	t.Helper()
	hears := func(node *testservices.Redis) bool {
		return node.Do("PUBSUB", "NUMSUB", d.waiters.channel).([]any)[1].(int64) > 0
	}
	for range 100 {
		q := newQueue("p", "q")
		holder := c.Holder(c.Slot(d.keys.of(q)[0]))
		if !hears(holder) && !hears(c.ReplicaOf(holder)) {
			return q
		}
	}
	t.Fatal("the store subscribes everywhere")
	return marconi.QueueRef{}
}

// postSoon posts, again and again until that goes through, and tells when it did.
func postSoon(t *testing.T, d marconi.DataStore, q marconi.QueueRef) time.Time {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := d.Post(t.Context(), q, marconi.Post{Client: poster, Messages: posted(1, 600)})
		if err == nil {
			return time.Now()
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// seenBy tells when somebody who looks at each signal of a watch sees a message.
func seenBy(t *testing.T, d marconi.DataStore, q marconi.QueueRef, w marconi.Watch) time.Time {
	t.Helper()
	never := time.After(45 * time.Second)
	for {
		select {
		case <-w.C():
			page, err := d.List(t.Context(), q, marconi.Listing{Limit: 1, Client: poster, Echo: true})
			if err != nil {
				t.Errorf("a look after a signal: %v", err)
			}
			if len(page.Items) > 0 {
				return time.Now()
			}
		case <-never:
			t.Fatal("no signal led to the message")
		}
	}
}
