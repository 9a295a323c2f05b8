//go:build unix

package redis

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

// TestEveryKeyEnds does whatever makes keys, in any order: a key without an end would stay for ever, and one that ends too early would
// take live messages along.
func TestEveryKeyEnds(t *testing.T) {
	f := newRunningFixture(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil && !errors.Is(err, marconi.ErrNoClaim) {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		f.q = newQueue("p", "q")
		latest := time.Now()
		lives := func(ttl int) marconi.Seconds {
			if end := time.Now().Add(time.Duration(ttl) * time.Second); end.After(latest) {
				latest = end
			}
			return marconi.Seconds(ttl)
		}
		ttl := func() int { return rapid.SampledFrom([]int{1, 60, 100, 300, 1000}).Draw(rt, "ttl") }
		claims := []marconi.ClaimID{"none"}
		rt.Repeat(map[string]func(*rapid.T){
			"post": func(*rapid.T) { f.post(posted(rapid.IntRange(1, 40).Draw(rt, "n"), lives(ttl()))...) },
			"post delayed": func(*rapid.T) {
				f.post(marconi.NewMessage{TTL: lives(ttl()), Delay: 1, Body: []byte("0")})
			},
			"claim": func(*rapid.T) {
				c := marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: marconi.Seconds(ttl()), Grace: 60, Limit: 2, MaxClaims: 2}
				got, err := f.Claim(ctx, f.q, c)
				must(err)
				if len(got.Messages) > 0 {
					lives(int(c.TTL))
					claims = append(claims, c.ID)
				}
			},
			"update": func(*rapid.T) {
				n := ttl()
				if f.UpdateClaim(ctx, f.q, claims[len(claims)-1], marconi.ClaimUpdate{TTL: marconi.Seconds(n)}) == nil {
					lives(n)
				}
			},
			"release": func(*rapid.T) { must(f.Release(ctx, f.q, claims[len(claims)-1])) },
			"pop":     func(*rapid.T) { f.pop(3) },
			"wait": func(*rapid.T) {
				_, err := f.run(ctx, "wait", f.scripts.watch, f.q, f.time(), "somebody", "60000")
				must(err)
			},
			"purge": func(*rapid.T) {
				must(f.Purge(ctx, f.q))
				latest = time.Now()
			},
			"delete queue": func(*rapid.T) {
				must(f.DeleteQueue(ctx, f.q))
				latest = time.Now()
			},
			"": func(rt *rapid.T) { checkEnds(rt, f, latest) },
		})
	})
}

func checkEnds(t *rapid.T, f *fixture, latest time.Time) {
	for _, key := range f.keys.of(f.q) {
		left := f.server.Do("PTTL", key).(int64)
		end := time.Now().Add(time.Duration(left) * time.Millisecond)
		switch {
		case left == -1:
			t.Fatalf("key %s never ends", key)
		case left == -2: // it isn't there
		case end.Before(latest.Add(-time.Second)):
			t.Fatalf("key %s ends %v before what it holds", key, latest.Sub(end))
		case end.After(time.Now().Add(1060*time.Second + 1060*time.Second/4 + 70*time.Second)):
			t.Fatalf("key %s ends in %d ms, far beyond what it may hold", key, left)
		}
	}
}

// TestAnIdleQueueIsGone waits for real keys to end, by an expiry that is made to be near.
func TestAnIdleQueueIsGone(t *testing.T) {
	f := newRunningFixture(t)
	f.post(posted(5, 60)...)
	f.claim(60, 2)
	for _, key := range f.keys.of(f.q) {
		f.server.Do("PEXPIRE", key, "1")
	}
	time.Sleep(20 * time.Millisecond)
	if s, err := f.Stats(t.Context(), f.q); err != nil || s.Total != 0 {
		t.Errorf("Stats = %+v, %v; want none", s, err)
	}
	f.post(posted(1, 60)...)
	if got := f.pop(5); bodiesOf(got) != "0" {
		t.Errorf("Pop gave %s, want what was posted afterwards", bodiesOf(got))
	}
}

func TestASealedQueueTakesNothingMore(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	f.post(posted(3, 60)...)
	for _, q := range []marconi.QueueRef{f.q, newQueue("p", "never used")} {
		f.q = q
		if err := f.seal(ctx, q); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Post(ctx, q, marconi.Post{Client: poster, Messages: posted(1, 600)}); !errors.Is(err, marconi.ErrSealed) {
			t.Errorf("Post = %v, want %v", err, marconi.ErrSealed)
		}
		f.claim(600, 1) // which extends messages, and so the keys
		if left := f.server.Do("PTTL", f.key("h")); left != int64(-1) {
			t.Errorf("the header of a sealed queue ends in %v ms, and the seal with it", left)
		}
		if err := f.Purge(ctx, q); err != nil {
			t.Fatal(err)
		}
		if !f.header().sealed {
			t.Error("the purge broke the seal")
		}
		if err := f.DeleteQueue(ctx, q); err != nil {
			t.Fatal(err)
		}
		if n := f.server.Do(append([]string{"EXISTS"}, f.keys.of(q)...)...); n != int64(0) {
			t.Errorf("%v keys are left of a deleted queue", n)
		}
	}
}
