//go:build unix

package redis

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// large are n messages of 60 KiB, numbered.
func large(n int) []marconi.NewMessage {
	messages := posted(n, 600)
	for i := range messages {
		messages[i].Body = append(fmt.Appendf(nil, "%d ", i), bytes.Repeat([]byte("x"), 60<<10)...)
	}
	return messages
}

func numbersOf(messages []marconi.Message) string {
	var all []string
	for _, m := range messages {
		number, _, _ := strings.Cut(string(m.Body), " ")
		all = append(all, number)
	}
	return strings.Join(all, " ")
}

// TestLargeMessagesComeInParts takes and lists more than a script may look at, and gets all.
func TestLargeMessagesComeInParts(t *testing.T) {
	f := newFixture(t)
	const all = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"
	var claim marconi.ClaimID
	for _, c := range []struct {
		name string
		take func() []marconi.Message
	}{
		{"a list of what nobody touched", func() []marconi.Message { return f.mustList(marconi.Listing{}) }},
		{"a claim", func() (got []marconi.Message) { claim, got = f.claim(60, 20); return got }},
		{"a list with claimed ones", func() []marconi.Message { return f.mustList(marconi.Listing{IncludeClaimed: true}) }},
		{"a list of what was released", func() []marconi.Message {
			if err := f.Release(t.Context(), f.q, claim); err != nil {
				t.Fatal(err)
			}
			return f.mustList(marconi.Listing{})
		}},
		{"a claim of what was released", func() (got []marconi.Message) { claim, got = f.claim(60, 20); return got }},
		{"a pop", func() []marconi.Message {
			if err := f.Release(t.Context(), f.q, claim); err != nil {
				t.Fatal(err)
			}
			return f.pop(20)
		}},
	} {
		if claim == "" && f.header().last == 0 {
			for _, m := range large(20) {
				f.post(m)
			}
		}
		before := f.calls()["evalsha"]
		if got := numbersOf(c.take()); got != all {
			t.Errorf("%s gave %s, want all", c.name, got)
		}
		if n := f.calls()["evalsha"] - before; n < 4 || n > 8 {
			t.Errorf("%s took %d scripts, want as many as 20 times 60 KiB need at 256 KiB each", c.name, n)
		}
	}
}

func (f *fixture) mustList(l marconi.Listing) []marconi.Message {
	f.t.Helper()
	l.Limit, l.Echo = 20, true
	page, err := f.List(f.t.Context(), f.q, l)
	if err != nil {
		f.t.Fatalf("List: %v", err)
	}
	return page.Items
}

// TestAPartOfAClaimIsRepeated sends a later part of a claim again, as after an answer that was lost: it takes nothing more.
func TestAPartOfAClaimIsRepeated(t *testing.T) {
	f := newFixture(t)
	f.post(posted(30, 600)...)
	part := func(got string) string {
		t.Helper()
		r, err := f.run(t.Context(), "claim", f.scripts.claim, f.q, f.time(), packClaim("c"), "60", "0", "5", "0", packClaim(newLease()), "10000", "20", "", got)
		if err != nil {
			t.Fatal(err)
		}
		return bodiesOf(r.messages(0, f.q.Incarnation))
	}
	for _, c := range []struct{ got, want string }{
		{"0", "0 1 2 3 4"}, {"0", "0 1 2 3 4"}, {"5", "5 6 7 8 9"}, {"5", "5 6 7 8 9"}, {"10", "10 11 12 13 14"}, {"0", "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14"},
	} {
		if got := part(c.got); got != c.want {
			t.Errorf("a part after %s messages gave %s, want %s", c.got, got, c.want)
		}
	}
}

func TestALargeClaim(t *testing.T) {
	f := newFixture(t)
	for range 7 {
		f.post(posted(500, 600)...)
	}
	claim, got := f.claim(60, 3500)
	if len(got) != mostClaimed {
		t.Errorf("a claim got %d messages, want %d", len(got), mostClaimed)
	}
	if err := f.UpdateClaim(t.Context(), f.q, claim, marconi.ClaimUpdate{TTL: 700, Grace: 60}); err != nil {
		t.Errorf("UpdateClaim: %v", err)
	}
	if held, err := f.Claimed(t.Context(), f.q, claim); err != nil || len(held.Messages) != mostClaimed {
		t.Errorf("Claimed gave %d messages, %v", len(held.Messages), err)
	}
	if err := f.Release(t.Context(), f.q, claim); err != nil {
		t.Errorf("Release: %v", err)
	}
	if popped := f.pop(3500); len(popped) != 3500 {
		t.Errorf("Pop after the release gave %d messages, want all", len(popped))
	}
}

// TestManySpentMessagesAreNoWall has more messages that were claimed too often than a claim may look at, before one that was not.
func TestManySpentMessagesAreNoWall(t *testing.T) {
	f := newFixture(t)
	f.post(posted(450, 600)...)
	for range 3 {
		f.claim(60, 150)
	}
	f.clock.pass(time.Minute) // all were claimed once, and are free again
	f.post(marconi.NewMessage{TTL: 600, Body: []byte("new")})
	spent, found := map[string]bool{}, false
	for range 40 {
		got, err := f.Claim(t.Context(), f.q, marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 300, Limit: 10, MaxClaims: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got.Spent {
			if spent[string(m.ID)] {
				t.Fatalf("message %s was set aside twice", m.Body)
			}
			spent[string(m.ID)] = true
		}
		if err := f.DeleteMessages(t.Context(), f.q, idsOf(got.Spent), []marconi.ClaimID{got.Lease}); len(got.Spent) > 0 && err != nil {
			t.Fatalf("DeleteMessages with the lease: %v", err)
		}
		found = found || bodiesOf(got.Messages) == "new"
	}
	if len(spent) != 450 || !found {
		t.Errorf("%d messages were set aside, and the new one was found: %v; want 450, true", len(spent), found)
	}
}

func idsOf(messages []marconi.Message) []marconi.MessageID {
	ids := make([]marconi.MessageID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}
