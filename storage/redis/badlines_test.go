//go:build unix

package redis

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

// A badness is what is wrong with a line while a call is under way.
type badness struct {
	name   string
	strike func(l *faultproxy.Line)
	passes bool // calls go through all the same
}

var badLines = []badness{
	{"latency", func(l *faultproxy.Line) {
		l.Delay(faultproxy.Requests, 5*time.Millisecond)
		l.Delay(faultproxy.Replies, 5*time.Millisecond)
	}, true},
	{"a reply lost", func(l *faultproxy.Line) { l.LoseReply(0) }, false},
	{"a reply cut in the middle", func(l *faultproxy.Line) { l.CutReply(0, 3) }, false},
	{"no reply comes", func(l *faultproxy.Line) { l.Hold(faultproxy.Replies) }, false},
	{"no request arrives", func(l *faultproxy.Line) { l.Hold(faultproxy.Requests) }, false},
	{"it hangs up slowly", func(l *faultproxy.Line) {
		l.SlowClose(100 * time.Millisecond)
		l.LoseReply(0)
	}, false},
	{"it is cut", func(l *faultproxy.Line) { l.Cut() }, false},
	{"it is broken", func(l *faultproxy.Line) { l.Break() }, false},
}

// A badLine is a store that is reached by a line, which is sound between the calls.
type badLine struct {
	*fixture
	line *faultproxy.Line
	bad  badness
	slow func() time.Duration // by how much the machine was late
}

// TestBadLines tries every operation over every kind of bad line.
func TestBadLines(t *testing.T) {
	t.Parallel()
	for _, bad := range badLines {
		t.Run(bad.name, func(t *testing.T) {
			t.Parallel()
			server := testservices.StartRedis(t)
			line := faultproxy.Start(t, server.Address, faultproxy.RESP)
			opened := mustOpenAt(t, "redis://"+line.Addr()+"?connections=1", storage.Options{})
			t.Cleanup(func() { mustClose(t, opened) })
			f := &fixture{dataStore: opened.Data.(*dataStore), t: t, server: server, opened: opened}
			b := &badLine{f, line, bad, watchSlowness(t)}
			b.everyOperation()
			b.oneTryOneCopy()
			b.claimsAreFoundAgain()
			b.deadLettersAreSomewhere()
		})
	}
}

const (
	badTime   = 200 * time.Millisecond // that a call has over a bad line
	badRounds = 5
)

// over makes a call over the bad line: it goes well or is unavailable, and ends in time.
func (b *badLine) over(name string, call func(ctx context.Context) error) error {
	b.t.Helper()
	b.sound()
	ctx, cancel := context.WithTimeout(b.t.Context(), badTime)
	defer cancel()
	b.bad.strike(b.line)
	began := time.Now()
	err := call(ctx)
	took := time.Since(began)
	b.line.Mend()
	if err != nil && (b.bad.passes && b.slow() < badTime/8 || !errors.Is(err, marconi.ErrUnavailable)) {
		b.t.Errorf("%s: %v", name, err)
	}
	if took > badTime+500*time.Millisecond+b.slow() {
		b.t.Errorf("%s took %v, with a deadline of %v", name, took, badTime)
	}
	return err
}

// sound waits until the store has found that the line is mended.
func (b *badLine) sound() {
	b.t.Helper()
	b.line.Mend()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		err := b.Ping(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("the line is mended, and the store does not find that: %v", err)
		}
	}
}

func (b *badLine) everyOperation() {
	b.t.Helper()
	for _, o := range b.operations() {
		_ = b.over(o.name, o.do)
	}
}

// oneTryOneCopy posts over the bad line: what was confirmed is there once, all else once at most.
func (b *badLine) oneTryOneCopy() {
	b.t.Helper()
	b.q = newQueue("p", "posts")
	confirmed := map[string]bool{}
	for i := range badRounds {
		label := fmt.Sprint("post ", i)
		err := b.over("post", func(ctx context.Context) error {
			m := marconi.NewMessage{TTL: 600, Body: []byte(label)}
			_, err := b.Post(ctx, b.q, marconi.Post{Client: poster, Messages: []marconi.NewMessage{m}})
			return err
		})
		confirmed[label] = err == nil
	}
	b.settle()
	copies := map[string]int{}
	for _, m := range b.mustList(marconi.Listing{}) {
		copies[string(m.Body)]++
	}
	for label, sure := range confirmed {
		if n := copies[label]; n > 1 || n == 0 && sure {
			b.t.Errorf("%s, confirmed %v, is there %d times", label, sure, n)
		}
	}
}

// settle waits for what was on its way: a server does what it was asked even if nobody waits for it any more.
func (b *badLine) settle() {
	b.t.Helper()
	b.sound()
	time.Sleep(50 * time.Millisecond)
}

// claimsAreFoundAgain repeats claims whose first try went over the bad line: it takes no more than the one did.
func (b *badLine) claimsAreFoundAgain() {
	b.t.Helper()
	b.q = newQueue("p", "claims")
	b.post(posted(3*badRounds, 600)...)
	seen := map[string]bool{}
	for range badRounds {
		c := marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 600, Limit: 3}
		_ = b.over("claim", func(ctx context.Context) error { _, err := b.Claim(ctx, b.q, c); return err })
		b.settle()
		got, err := b.Claim(b.t.Context(), b.q, c)
		if err != nil || len(got.Messages) != 3 {
			b.t.Errorf("a claim repeated gives %d messages, %v, want 3", len(got.Messages), err)
		}
		for _, m := range got.Messages {
			if seen[string(m.Body)] {
				b.t.Errorf("message %s is under two claims", m.Body)
			}
			seen[string(m.Body)] = true
		}
	}
	if s, err := b.Stats(b.t.Context(), b.q); err != nil || s.Claimed != 3*badRounds {
		b.t.Errorf("Stats = %+v, %v, want all claimed", s, err)
	}
}

// deadLettersAreSomewhere moves them as the broker does, each step over the bad line: none is in neither queue.
func (b *badLine) deadLettersAreSomewhere() {
	b.t.Helper()
	source, dead := newQueue("p", "source"), newQueue("p", "dead")
	b.q = source
	b.post(posted(badRounds, 600)...)
	claim, _ := b.claim(600, badRounds)
	if err := b.Release(b.t.Context(), source, claim); err != nil {
		b.t.Fatal(err)
	}
	for range badRounds {
		var got marconi.Claimed
		spent := marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 600, Limit: 1, MaxClaims: 1}
		if b.over("claim what is spent", func(ctx context.Context) (err error) { got, err = b.Claim(ctx, source, spent); return err }) != nil {
			continue
		}
		for _, m := range got.Spent {
			letter := marconi.NewMessage{TTL: 600, Body: m.Body}
			err := b.over("post a dead letter", func(ctx context.Context) error {
				_, err := b.Post(ctx, dead, marconi.Post{Client: poster, Messages: []marconi.NewMessage{letter}})
				return err
			})
			if err == nil {
				_ = b.over("delete a dead letter", func(ctx context.Context) error {
					return b.DeleteMessages(ctx, source, []marconi.MessageID{m.ID}, []marconi.ClaimID{got.Lease})
				})
			}
		}
	}
	b.settle()
	where := map[string]bool{}
	for _, q := range []marconi.QueueRef{source, dead} {
		b.q = q
		for _, m := range b.mustList(marconi.Listing{IncludeClaimed: true}) {
			where[string(m.Body)] = true
		}
	}
	if len(where) != badRounds {
		b.t.Errorf("of %d dead letters %d are in a queue: %v", badRounds, len(where), where)
	}
}
