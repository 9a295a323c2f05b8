//go:build unix

package indexed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A trial is an operation in which one request after the other goes wrong.
type trial struct {
	name string
	// do works on a queue with messages 1 to 4, posted by twos, of which 1 and 2 are under claim f.held.
	do func(f *trialFixture) error
	// added and removed are the bodies that are there, or gone, if do went well; and may be, if it did not.
	added, removed string
	extends        bool // it is a claim that extends messages beyond their segments
}

// trialTTL is more than the check of a trial lets pass.
const trialTTL marconi.Seconds = 150_000

type trialFixture struct {
	*fixture
	ids  []marconi.MessageID
	held marconi.ClaimID
	dead marconi.QueueRef
	got  string // that pops or claims gave
}

func newTrialFixture(t *testing.T) *trialFixture {
	f := &trialFixture{fixture: newFixture(t, Options{Containers: 1}), dead: newQueue()}
	f.ids = append(f.post(trialTTL, "1", "2"), f.post(trialTTL, "3", "4")...)
	f.held, _ = f.claim(60, 2)
	f.forgetSegments()
	return f
}

func (f *trialFixture) give(messages []marconi.Message, err error) error {
	if len(messages) > 0 {
		f.got += bodiesOf(messages) + " "
	}
	return err
}

// moveThree makes a dead letter of message 3, and moves it.
func (f *trialFixture) moveThree() error {
	first := newClaimID()
	if _, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: first, TTL: 60, Limit: 1}); err != nil {
		return err
	}
	if err := f.Release(f.ctx(), f.q, first); err != nil {
		return err
	}
	got, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 1, MaxClaims: 1})
	if err != nil || len(got.Spent) == 0 {
		return err
	}
	d := marconi.DeadLetter{Queue: f.dead, TTL: 9_000_000} // which has the segment extended
	return f.MoveSpent(f.ctx(), f.q, got.Lease, []marconi.MessageID{got.Spent[0].ID}, d)
}

func trials() []trial {
	return []trial{
		{name: "Post", added: "5 6", do: func(f *trialFixture) error {
			_, err := f.Post(f.ctx(), f.q, marconi.Post{Client: poster, Messages: messagesOf(trialTTL, "5", "6")})
			return err
		}},
		{name: "List", do: func(f *trialFixture) error {
			page, err := f.List(f.ctx(), f.q, everything)
			return f.give(page.Items, err)
		}},
		{name: "Message", do: func(f *trialFixture) error {
			_, err := f.Message(f.ctx(), f.q, f.ids[0])
			return err
		}},
		{name: "Messages", do: func(f *trialFixture) error { return f.give(f.Messages(f.ctx(), f.q, f.ids)) }},
		{name: "First", do: func(f *trialFixture) error {
			_, err := f.First(f.ctx(), f.q, marconi.Newest)
			return err
		}},
		{name: "Stats", do: func(f *trialFixture) error {
			_, err := f.Stats(f.ctx(), f.q)
			return err
		}},
		{name: "Delete", removed: "1", do: func(f *trialFixture) error { return f.Delete(f.ctx(), f.q, f.ids[0], f.held) }},
		{name: "DeleteMessages", removed: "1 2", do: func(f *trialFixture) error {
			return f.DeleteMessages(f.ctx(), f.q, f.ids[:2], []marconi.ClaimID{f.held})
		}},
		{name: "Pop", removed: "3 4", do: func(f *trialFixture) error { return f.give(f.Pop(f.ctx(), f.q, 5)) }},
		{name: "Claim", do: func(f *trialFixture) error {
			got, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 5})
			return f.give(got.Messages, err)
		}},
		{name: "Claim beyond the end of segments", extends: true, do: func(f *trialFixture) error {
			got, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 300_000, Limit: 5})
			return f.give(got.Messages, err)
		}},
		{name: "Claimed", do: func(f *trialFixture) error {
			c, err := f.Claimed(f.ctx(), f.q, f.held)
			return f.give(c.Messages, err)
		}},
		{name: "UpdateClaim", do: func(f *trialFixture) error {
			return f.UpdateClaim(f.ctx(), f.q, f.held, marconi.ClaimUpdate{TTL: 300_000})
		}},
		{name: "Release", do: func(f *trialFixture) error { return f.Release(f.ctx(), f.q, f.held) }},
		{name: "MoveSpent", do: func(f *trialFixture) error { return f.moveThree() }},
		{name: "Purge", removed: "1 2 3 4", do: func(f *trialFixture) error { return f.Purge(f.ctx(), f.q) }},
		{name: "DeleteQueue", removed: "1 2 3 4", do: func(f *trialFixture) error { return f.DeleteQueue(f.ctx(), f.q) }},
		{name: "Collect", do: func(f *trialFixture) error {
			f.clock.pass(2 * time.Minute)
			other := newQueue()
			if err := f.Purge(f.ctx(), other); err != nil {
				return err
			}
			f.reaper.drop(f.o.layout().home(other), f.clock.Now())
			_, err := f.Collect(f.ctx())
			return err
		}},
	}
}

// check finds each message in one place, with its body; and later, those that still live by then.
func (f *trialFixture) check(what string, tr trial, err error) {
	f.t.Helper()
	if err != nil {
		wantUnavailable(f.t, what, err)
	}
	f.swift.Reset()
	f.index.plan(nil)
	f.collect()
	f.checkAll(what, tr, err, f.readAll(what))
	if tr.extends && err != nil {
		return // the claim is given back, but the index has extended its messages, and nobody their segments
	}
	f.clock.pass(290_000 * time.Second)
	f.readAll(what + ", much later")
}

// readAll counts the messages by their bodies: all that there are have one.
func (f *trialFixture) readAll(what string) map[string]int {
	f.t.Helper()
	f.forgetSegments()
	there := map[string]int{}
	for _, q := range []marconi.QueueRef{f.q, f.dead} {
		page, err := f.List(f.ctx(), q, everything)
		if err != nil {
			f.t.Fatalf("%s: List afterwards: %v", what, err)
		}
		for _, m := range page.Items {
			there[string(m.Body)]++
		}
		if stats, err := f.Stats(f.ctx(), q); err != nil || stats.Total != int64(len(page.Items)) {
			f.t.Errorf("%s: afterwards %d of %d messages can be read, %v", what, len(page.Items), stats.Total, err)
		}
	}
	return there
}

func (f *trialFixture) checkAll(what string, tr trial, err error, there map[string]int) {
	f.t.Helper()
	added, removed := strings.Fields(tr.added), strings.Fields(tr.removed)
	for _, b := range append(numbers(1, 4), added...) {
		least, most := 1, 1
		switch {
		case strings.Contains(tr.added, b) && err != nil, strings.Contains(tr.removed, b) && err != nil:
			least = 0
		case strings.Contains(tr.removed, b):
			least, most = 0, 0
		}
		if n := there[b]; n < least || n > most {
			f.t.Errorf("%s, error %v: message %s is there %d times, want %d to %d", what, err, b, n, least, most)
		}
	}
	for _, batch := range [][]string{added, removed} { // each is one step
		for _, b := range batch {
			if there[b] != there[batch[0]] {
				f.t.Errorf("%s, error %v: only some of messages %v are there: %v", what, err, batch, there)
			}
		}
	}
}

// Whatever request of an operation goes wrong, and however, before it was carried out or after: what was confirmed is there,
// once, with its body; what was refused as a whole is there as a whole or not at all.
func TestEveryRequestOfEveryOperationFails(t *testing.T) {
	faults := map[string]swifttest.Fault{
		"refused": swifttest.Refused, "confused": swifttest.Confused, "not found": swifttest.Vanished,
		"without an answer": swifttest.TimedOut, "answered too late": swifttest.TooLate,
	}
	for _, tr := range trials() {
		t.Run(tr.name, func(t *testing.T) {
			for name, fault := range faults {
				for _, onwards := range []bool{false, true} {
					if name == "not found" && onwards {
						continue // hides messages, see the tests of lost segments
					}
					eachRequest(t, fault, onwards, func(f *trialFixture, n int) {
						err := tr.do(f)
						f.check(fmt.Sprintf("%s with request %d %s, and all behind it: %v", tr.name, n, name, onwards), tr, err)
					})
				}
			}
		})
	}
}

// eachRequest tries a call in which request n fails, for n from 1, until a call makes no request of that number.
func eachRequest(t *testing.T, fault swifttest.Fault, onwards bool, try func(f *trialFixture, n int)) {
	t.Helper()
	for n := 1; n < 50; n++ {
		f := newTrialFixture(t)
		count, struck := 0, false
		f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
			count++
			if count == n || onwards && count > n {
				struck = true
				return fault, true
			}
			return swifttest.Fault{}, false
		})
		try(f, n)
		if !struck {
			return
		}
	}
	t.Fatal("a call made 50 requests")
}

// The same with the calls to the index: what is in doubt there is in doubt here, and nothing else.
func TestEveryCallToTheIndexFails(t *testing.T) {
	for _, tr := range trials() {
		t.Run(tr.name, func(t *testing.T) {
			for _, made := range []bool{false, true} {
				struck := true
				for n := 1; struck; n++ {
					f := newTrialFixture(t)
					count := 0
					struck = false
					f.index.plan(func(string) (before, after error) {
						if count++; count != n {
							return nil, nil
						}
						struck = true
						if made {
							return nil, context.DeadlineExceeded
						}
						return marconi.ErrUnavailable, nil
					})
					err := tr.do(f)
					f.check(fmt.Sprintf("%s with call %d to the index failing, made %v", tr.name, n, made), tr, err)
				}
			}
		})
	}
}

// While Swift is away, what needs it is Unavailable in time, and what doesn't need it goes well; once it is back, all is there.
func TestSwiftIsAway(t *testing.T) {
	for name, needs := range map[string]bool{
		"Post": true, "List": true, "Message": true, "Messages": true, "First": true, "Claim": true, "Claimed": true, "Pop": true,
		"Claim beyond the end of segments": true, "UpdateClaim": true, // which extends
		"Stats": false, "Delete": false, "DeleteMessages": false, "Release": false, "Purge": false, "DeleteQueue": false,
	} {
		t.Run(name, func(t *testing.T) {
			f := newTrialFixture(t)
			all := trials()
			tr := all[slices.IndexFunc(all, func(tr trial) bool { return tr.name == name })]
			f.swift.Plan(func(swifttest.Call) (swifttest.Fault, bool) { return swifttest.Refused, true })
			begun := time.Now()
			err := tr.do(f)
			if took := time.Since(begun); took > 5*time.Second { // the server's deadline of a request
				t.Errorf("without Swift it took %v", took)
			}
			if needs {
				wantUnavailable(t, "without Swift", err)
			} else if err != nil {
				t.Errorf("without Swift: %v", err)
			}
			f.check("without Swift", tr, err)
		})
	}
}
