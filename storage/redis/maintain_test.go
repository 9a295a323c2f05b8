//go:build unix

package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

func TestClaimsThatAreOverAreEndedInTurns(t *testing.T) {
	f := newFixture(t)
	f.post(posted(300, 600)...)
	for range 30 {
		f.claim(60, 5)
	}
	f.claim(61, 150) // more than a turn's worth by itself
	f.clock.pass(61 * time.Second)
	for held := int64(300); held > 0; {
		f.maintain()
		left := f.count("HLEN", "k")
		if freed := held - left; freed <= 0 || freed > 16 {
			t.Fatalf("one turn freed %d messages, want 1 to 16", freed)
		}
		if free := f.count("ZCARD", "r"); free != 300-left {
			t.Fatalf("%d messages are returned and %d claimed, of 300", free, left)
		}
		held = left
	}
	if n := f.count("HLEN", "c") + f.count("ZCARD", "l"); n != 0 {
		t.Errorf("%d entries of claims are left", n)
	}
	if got := f.pop(300); len(got) != 300 || string(got[299].Body) != "299" {
		t.Errorf("Pop gave %d messages, want all 300 in order", len(got))
	}
}

// TestNothingIsTakenBeforeClaimsAreEnded is where a store would hand out newer messages while older ones wait to be freed.
func TestNothingIsTakenBeforeClaimsAreEnded(t *testing.T) {
	f := newFixture(t)
	f.post(posted(500, 600)...)
	for range 40 {
		f.claim(60, 10)
	}
	f.clock.pass(time.Minute)
	if _, got := f.claim(60, 3); bodiesOf(got) != "0 1 2" {
		t.Errorf("a claim got %s, want the oldest", bodiesOf(got))
	}

	f.q = newQueue("p", "listed")
	f.post(posted(500, 600)...)
	f.claim(60, 10)
	f.claim(90, 400)
	f.clock.pass(90 * time.Second)
	// All of the list is looked at: what comes back late would be missing behind what is there.
	page, err := f.List(t.Context(), f.q, marconi.Listing{Limit: 500, Echo: true})
	if err != nil || len(page.Items) != 500 || string(page.Items[499].Body) != "499" {
		t.Errorf("a list shows %d messages, %v; want all 500", len(page.Items), err)
	}
}

// TestClaimsEndWithTheirMessages is where workers that delete what they claimed would leave a claim behind each time.
func TestClaimsEndWithTheirMessages(t *testing.T) {
	f := newFixture(t)
	f.post(posted(6, 600)...)
	claim, held := f.claim(600, 3)
	other, more := f.claim(600, 3)
	if err := f.Delete(t.Context(), f.q, held[0].ID, claim); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Claimed(t.Context(), f.q, claim); err != nil || bodiesOf(got.Messages) != "1 2" {
		t.Errorf("Claimed = %s, %v; want what is left", bodiesOf(got.Messages), err)
	}
	ids := []marconi.MessageID{held[1].ID, more[0].ID, held[2].ID, more[1].ID, more[2].ID}
	if err := f.DeleteMessages(t.Context(), f.q, ids, []marconi.ClaimID{claim, other}); err != nil {
		t.Fatal(err)
	}
	if n := f.count("HLEN", "c") + f.count("ZCARD", "l") + f.count("HLEN", "k"); n != 0 {
		t.Errorf("%d entries are left of claims whose messages were all deleted", n)
	}
}

func TestDelaysThatAreOverAreEndedInTurns(t *testing.T) {
	f := newFixture(t)
	messages := posted(200, 600)
	for i := range messages {
		messages[i].Delay = 5
	}
	f.post(messages...)
	f.post(marconi.NewMessage{TTL: 600, Body: []byte("now")})
	if got := f.pop(1); bodiesOf(got) != "now" { // which moves the cursor over all that are delayed
		t.Fatalf("Pop gave %s", bodiesOf(got))
	}
	f.clock.pass(5 * time.Second)
	f.maintain()
	if due, free := f.count("ZCARD", "d"), f.count("ZCARD", "r"); due != 184 || free != 16 {
		t.Errorf("after a turn %d are delayed and %d free, want 184 and 16", due, free)
	}
	if got := f.pop(200); len(got) != 200 || string(got[199].Body) != "199" {
		t.Errorf("Pop gave %d messages, want all 200 in order", len(got))
	}
}

// TestADelayedMessageIsHandedOutOnce tries both sides of the cursor, and the moment at which the end of the delay was not noticed yet.
func TestADelayedMessageIsHandedOutOnce(t *testing.T) {
	for _, passed := range []bool{false, true} {
		for _, ripe := range []string{"", "1"} {
			t.Run(fmt.Sprintf("passed by the cursor %v, taken as it is %q", passed, ripe), func(t *testing.T) {
				f := newFixture(t)
				messages := posted(300, 600) // more than end in one turn
				for i := range messages {
					messages[i].Delay = 5
				}
				f.post(messages...)
				f.post(posted(1, 600)...)
				want := 301
				if passed {
					want -= len(f.pop(1))
				}
				f.clock.pass(5 * time.Second)
				seen := map[string]bool{}
				for range 30 {
					r, err := f.run(t.Context(), "claim", f.scripts.claim, f.q, f.time(), packClaim(marconi.ClaimID(randomHex(16))), "60", "0", "150", "0",
						packClaim(newLease()), "10000", "20", ripe, "0")
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range r.messages(0, f.q.Incarnation) {
						if seen[string(m.ID)] {
							t.Fatalf("message %s was handed out twice", m.Body)
						}
						seen[string(m.ID)] = true
					}
				}
				if len(seen) != want {
					t.Errorf("%d messages were handed out, want %d", len(seen), want)
				}
			})
		}
	}
}

func TestWhatHasExpiredIsCollectedInTurns(t *testing.T) {
	f := newFixture(t)
	f.post(posted(100, 60)...)
	f.post(posted(10, 600)...)
	f.clock.pass(time.Minute)
	for left := int64(110); left > 10; {
		f.maintain()
		now := f.count("XLEN", "s")
		if gone := left - now; gone <= 0 || gone > 16 {
			t.Fatalf("one turn collected %d messages, want 1 to 16", gone)
		}
		left = now
	}
	f.maintain()
	if n := f.count("XLEN", "s"); n != 10 {
		t.Errorf("%d messages are left, want 10", n)
	}
	if h := f.header(); h.due <= float64(f.clock.Now().UnixMilli()) {
		t.Error("there is still something due after all was done")
	}
}

// TestOnlyPostsCollect has a queue to which all only post, in several sizes: it is no longer than what has not expired.
func TestOnlyPostsCollect(t *testing.T) {
	for _, size := range []struct{ n, body int }{{1, 100}, {20, 100}, {20, 12_000}, {100, 1000}} {
		t.Run(fmt.Sprintf("%d of %d bytes", size.n, size.body), func(t *testing.T) {
			f := newFixture(t)
			batch := posted(size.n, 60)
			for i := range batch {
				batch[i].Body = make([]byte, size.body)
			}
			for range 300 {
				f.post(batch...)
				f.clock.pass(time.Second)
			}
			// 60 posts live, and what had expired before the last of them may be a few blocks behind.
			if n, most := f.count("XLEN", "s"), int64(65*size.n+64); n > most {
				t.Errorf("after 300 posts of which 60 are live there are %d messages, want %d at most", n, most)
			}
		})
	}
}

// TestStatsAfterAll counts when more has expired than a turn collects, and all that the keys were kept for is over.
func TestStatsAfterAll(t *testing.T) {
	f := newFixture(t)
	f.post(posted(20, 300)...)
	f.clock.pass(time.Minute)
	f.post(posted(1, 300)...)
	f.clock.pass(320 * time.Second)
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 0 {
		t.Errorf("Stats = %+v, %v; want none", s, err)
	}
}

func TestLargeMessagesAreCollectedByBytes(t *testing.T) {
	f := newFixture(t)
	for _, size := range []int{20_000, 20_000, 20_000, 20_000, 100_000, 20_000, 70_000} {
		f.post(marconi.NewMessage{TTL: 60, Body: []byte(strings.Repeat("x", size))})
	}
	f.clock.pass(time.Minute)
	var turns []int64
	for left := int64(7); left > 0; {
		f.maintain()
		now := f.count("XLEN", "s")
		turns = append(turns, left-now)
		left = now
	}
	if got := fmt.Sprint(turns); got != "[3 1 1 1 1]" {
		t.Errorf("turns collected %s messages, want at most 64 KiB or one message each: [3 1 1 1 1]", got)
	}
}

// TestCollectingCleansAll has expired messages in every state there is.
func TestCollectingCleansAll(t *testing.T) {
	f := newFixture(t)
	f.post(posted(5, 60)...)
	f.post(marconi.NewMessage{TTL: 60, Delay: 59, Body: []byte("delayed")})
	f.post(posted(1, 900)...)
	released, _ := f.claim(50, 2)
	f.claim(58, 2)
	if err := f.Release(t.Context(), f.q, released); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(time.Minute)
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 1 || s.Claimed != 0 {
		t.Errorf("Stats = %+v, %v; want one message", s, err)
	}
	for _, c := range []struct{ command, letter string }{{"HLEN", "k"}, {"HLEN", "m"}, {"ZCARD", "r"}, {"ZCARD", "d"}, {"HLEN", "c"}, {"ZCARD", "l"}} {
		if n := f.count(c.command, c.letter); n != 0 {
			t.Errorf("key %s still has %d entries", c.letter, n)
		}
	}
}

// TestExtendedMessagesOutliveTheirBlock is where an index made of what was posted would lose what a claim has extended.
func TestExtendedMessagesOutliveTheirBlock(t *testing.T) {
	f := newFixture(t)
	ids := f.post(posted(40, 60)...)
	c := marconi.ClaimRequest{ID: "c", TTL: 100, Grace: 20, Limit: 3}
	if _, err := f.Claim(t.Context(), f.q, c); err != nil {
		t.Fatal(err)
	}
	f.clock.pass(60 * time.Second)
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 3 || s.Claimed != 3 {
		t.Errorf("Stats when the others ended = %+v, %v; want 3 claimed", s, err)
	}
	f.clock.pass(59 * time.Second)
	if got, err := f.Messages(t.Context(), f.q, ids); err != nil || len(got) != 3 {
		t.Errorf("Messages just before the end of the grace gave %d, %v; want 3", len(got), err)
	}
	f.clock.pass(time.Second)
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 0 {
		t.Errorf("Stats after the grace = %+v, %v; want none", s, err)
	}
	if n := f.count("ZCARD", "x"); n != 0 {
		t.Errorf("%d blocks are left", n)
	}
}

// TestBlocks checks that whatever is posted, each message lies in one block that is noted in time and is no larger than it may be.
func TestBlocks(t *testing.T) {
	f := newFixture(t)
	rapid.Check(t, func(rt *rapid.T) {
		f.q = newQueue("p", "q")
		sizes, ends := map[int64]int64{}, map[int64]float64{}
		for range rapid.IntRange(1, 12).Draw(rt, "posts") {
			var messages []marconi.NewMessage
			for range rapid.IntRange(1, 20).Draw(rt, "messages") {
				size := rapid.SampledFrom([]int{1, 1, 1, 1000, 30_000, 65_536, 90_000}).Draw(rt, "size")
				messages = append(messages, marconi.NewMessage{
					TTL: marconi.Seconds(rapid.IntRange(60, 90).Draw(rt, "ttl")), Body: make([]byte, size),
				})
			}
			for i, seq := range numbers(f.q, f.post(messages...)) {
				n, _ := strconv.ParseInt(seq, 10, 64)
				sizes[n], ends[n] = int64(len(messages[i].Body)), float64(f.clock.Now().UnixMilli()+int64(messages[i].TTL)*1000)
			}
			f.clock.pass(time.Second)
		}
		checkBlocks(rt, f, sizes, ends)
	})
}

func checkBlocks(t *rapid.T, f *fixture, sizes map[int64]int64, ends map[int64]float64) {
	h := f.header()
	blocks := f.scores("x")
	if h.openCount > 0 {
		blocks[fmt.Sprintf("%.0f-%.0f", h.openFirst, h.last)] = h.openEnd
	}
	covered := map[int64]bool{}
	for block, earliest := range blocks {
		from, to, _ := strings.Cut(block, "-")
		first, _ := strconv.ParseInt(from, 10, 64)
		last, _ := strconv.ParseInt(to, 10, 64)
		count, bytes := int64(0), int64(0)
		for seq, size := range sizes {
			if seq < first || seq > last {
				continue
			}
			if covered[seq] {
				t.Fatalf("message %d lies in two blocks", seq)
			}
			if ends[seq] < earliest {
				t.Fatalf("message %d ends %.0f ms before its block is looked at", seq, earliest-ends[seq])
			}
			covered[seq] = true
			count, bytes = count+1, bytes+size
		}
		if count > 32 || count > 1 && bytes > 65536 {
			t.Fatalf("block %s has %d messages of %d bytes", block, count, bytes)
		}
		if first == int64(h.openFirst) && h.openCount > 0 && (count != h.openCount || bytes != h.openBytes) {
			t.Fatalf("the open block counts %d messages of %d bytes, and has %d of %d", h.openCount, h.openBytes, count, bytes)
		}
	}
	if len(covered) != len(sizes) {
		t.Fatalf("%d of %d messages lie in a block", len(covered), len(sizes))
	}
	for _, earliest := range blocks {
		if h.due > earliest {
			t.Fatalf("the next moment is %.0f ms after a block's", h.due-earliest)
		}
	}
}

// What was consumed leaves nothing in the index of what ends when, whether the queue becomes empty or not.
func TestConsumedMessagesLeaveNoBlocks(t *testing.T) {
	f := newFixture(t)
	blocks := func() int64 { return f.server.Do("ZCARD", f.keys.of(f.q)[1]).(int64) }
	kept := f.post(posted(5, 3600)...)
	for range 100 {
		ids := f.post(posted(40, 3600)...)
		wantNoError(t, f.DeleteMessages(t.Context(), f.q, ids, nil))
	}
	if n := blocks(); n > 70 { // as many as there were messages, and some
		t.Errorf("5 messages, 45 at most, are in %d blocks", n)
	}
	wantNoError(t, f.DeleteMessages(t.Context(), f.q, kept, nil))
	if n := blocks(); n != 0 {
		t.Errorf("an empty queue has %d blocks", n)
	}
	f.post(posted(40, 60)...)
	if got := f.pop(20); len(got) != 20 || blocks() == 0 {
		t.Errorf("%d messages were popped, and there are %d blocks", len(got), blocks())
	}
	if got := f.pop(20); len(got) != 20 || blocks() != 0 {
		t.Errorf("%d messages were popped, and there are %d blocks", len(got), blocks())
	}
	f.post(posted(40, 60)...)
	f.clock.pass(time.Minute)
	if got, err := f.listed(20); len(got) != 0 || err != nil {
		t.Errorf("%d messages outlived their TTL, %v", len(got), err)
	}
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 0 || blocks() != 0 {
		t.Errorf("Stats = %+v, %v; there are %d blocks", s, err, blocks())
	}
}

// A post of very many messages, all delayed, is one of them as well.
func TestVeryManyDelayedMessages(t *testing.T) {
	f := newFixture(t)
	messages := posted(9000, 3600)
	for i := range messages {
		messages[i].Delay = 60
	}
	f.post(messages...)
	f.clock.pass(time.Minute)
	n := 0
	for {
		got := f.pop(20)
		if n += len(got); len(got) == 0 {
			break
		}
	}
	if n != len(messages) {
		t.Errorf("%d of %d delayed messages were handed out", n, len(messages))
	}
}

// Stats don't fail because so much has ended at once that it takes a while: they count it as it is.
func TestStatsWhileMuchEnds(t *testing.T) {
	f := newFixture(t)
	for range 400 {
		f.post(posted(500, 7200)...)
	}
	for range 200 {
		f.claim(3600, 1000)
	}
	f.clock.pass(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 3*settleFor)
	defer cancel()
	s, err := f.Stats(ctx, f.q)
	if err != nil || s.Total != 200_000 || s.Free+s.Claimed != s.Total {
		t.Errorf("Stats = %+v, %v", s, err)
	}
	t.Logf("%d of %d are claimed as yet", s.Claimed, s.Total)
}

// Where a user may not publish, what was done is kept as a whole.
func TestAPostThatMayNotPublishIsWhole(t *testing.T) {
	server := testservices.StartRedis(t)
	if !server.AtLeast(6, 2) {
		t.Skip("this Redis has no rules for channels")
	}
	f := openFixture(t, server, storage.Options{})
	watch := f.Watch(f.q, marconi.Interest{Take: true})
	defer watch.Close()
	for end := time.Now().Add(5 * time.Second); !f.isWatched(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody waits")
		}
	}
	server.Do("ACL", "SETUSER", "default", "-publish")
	ids := f.post(posted(3, 3600)...)
	wantNoError(t, f.Delete(t.Context(), f.q, ids[0], ""))
	got, err := f.listed(20)
	if err != nil || len(got) != 2 {
		t.Errorf("%d messages are listed, %v; want 2", len(got), err)
	}
}

// isWatched reports whether the header says that somebody waits.
func (f *fixture) isWatched() bool {
	header, is := f.server.Do("GET", f.keys.of(f.q)[0]).(string)
	return is && len(header) > 64
}
