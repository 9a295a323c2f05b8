//go:build unix

package indexed

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// lose makes Swift say 404 of the segments of these messages until find.
func (f *fixture) lose(ids ...marconi.MessageID) (find func()) {
	f.t.Helper()
	lost := map[objects.Path]bool{}
	for _, id := range ids {
		m, err := f.index.DataStore.Message(f.ctx(), f.q, id)
		if err != nil {
			f.t.Fatal(err)
		}
		e := entriesOf([]marconi.Message{m})[0]
		lost[e.ref.at] = true
		f.cache.remove(e.ref.at)
	}
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Vanished, (c.Kind == swifttest.Get || c.Kind == swifttest.Head || c.Kind == swifttest.Post) && lost[c.Paths[0]]
	})
	return f.swift.Reset
}

// A 404 hides a message, and never removes it.
func TestLostSegmentOfOneMessage(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 5)...)
	find := f.lose(ids[1], ids[3])

	_, err := f.Message(f.ctx(), f.q, ids[1])
	wantUnavailable(t, "Message", err)
	_, err = f.Messages(f.ctx(), f.q, ids)
	wantUnavailable(t, "Messages", err)
	f.want("List", f.list(), "1 3 5")
	claim, got := f.claim(300, 4)
	f.want("Claim of four", got, "1 3")
	c, err := f.Claimed(f.ctx(), f.q, claim)
	if err != nil {
		t.Fatal(err)
	}
	f.want("Claimed", c.Messages, "1 3")
	_, got = f.claim(300, 4)
	f.want("the next claim", got, "5")
	if n := f.meter.of("swift_bodies_not_found_total"); n == 0 {
		t.Error("nothing was counted")
	}
	find()
	m, err := f.Message(f.ctx(), f.q, ids[1])
	if err != nil || string(m.Body) != "2" || m.Claim != claim {
		t.Errorf("found again, the message is %q under %q, %v; want \"2\" under the claim", m.Body, m.Claim, err)
	}
	f.clock.pass(300 * time.Second)
	f.want("List after the claim", f.list(), "1 2 3 4 5")
}

// An empty page says that nothing follows: one that would be empty for want of bodies is passed over.
func TestListGoesOnBehindLostSegments(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 8)...)
	f.lose(ids[:6]...)
	page, err := f.List(f.ctx(), f.q, marconi.Listing{Limit: 2, Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	f.want("a page of two", page.Items, "7 8")
	page, err = f.List(f.ctx(), f.q, marconi.Listing{Limit: 2, Echo: true, Marker: page.Next})
	if err != nil || len(page.Items) != 0 {
		t.Errorf("the page behind it has %d messages, %v", len(page.Items), err)
	}
}

// The oldest message is not another one because its body can't be found.
func TestFirstIsLost(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, "1", "2")
	find := f.lose(ids[0])
	_, err := f.First(f.ctx(), f.q, marconi.Oldest)
	wantUnavailable(t, "First", err)
	find()
	if m, err := f.First(f.ctx(), f.q, marconi.Oldest); err != nil || string(m.Body) != "1" {
		t.Errorf("First = %q, %v", m.Body, err)
	}
}

func TestPopLeavesLostSegmentsAlone(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 6)...)
	find := f.lose(ids[0], ids[2])
	f.want("Pop of three", f.pop(3), "2")
	f.want("Pop of three again", f.pop(3), "4 5 6")
	if n := f.total(); n != 2 {
		t.Errorf("%d messages are left, want the 2 that were not read", n)
	}
	f.want("Pop while they are held", f.pop(3), "")
	find()
	f.clock.pass(popClaim.Duration())
	f.want("Pop when they are found", f.pop(3), "1 3")
	if n := f.total(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

// Where the first page has nothing but lost ones, a pop looks further.
func TestPopBehindLostSegments(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 6)...)
	f.lose(ids[:4]...)
	got := f.pop(2)
	f.want("Pop of two", got, "5 6")
	for _, m := range got {
		if m.ClaimCount != 0 || m.Claim != "" {
			t.Errorf("popped message has claim %q, count %d", m.Claim, m.ClaimCount)
		}
	}
}

// Where all that a claim gets is lost, it looks behind that. The lost ones stay under the claim, unseen.
func TestClaimBehindLostSegments(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 9)...)
	find := f.lose(ids[:6]...)
	claim, got := f.claim(300, 2)
	f.want("Claim of two behind six that are lost", got, "7 8")
	c, err := f.Claimed(f.ctx(), f.q, claim)
	if err != nil {
		t.Fatal(err)
	}
	f.want("what it shows", c.Messages, "7 8")
	find()
	_, got = f.claim(300, 9)
	f.want("when they are found, but held", got, "9")
	f.clock.pass(300 * time.Second)
	_, got = f.claim(300, 9)
	f.want("when the claims have ended", got, "1 2 3 4 5 6 7 8 9")
}

// What comes behind the lost ones is no more than was asked for, however many those are.
func TestClaimJustBehindLostSegments(t *testing.T) {
	for lost := range 10 {
		f := newFixture(t, Options{})
		ids := f.postSingly(600, numbers(1, 20)...)
		f.lose(ids[:lost]...)
		_, got := f.claim(300, 2)
		if len(got) > 2 || len(got) == 0 || string(got[0].Body) != strconv.Itoa(lost+1) {
			t.Errorf("a claim of two behind %d lost messages gives %q", lost, bodiesOf(got))
		}
	}
}

// It looks not for ever; the next claim goes on where it stopped.
func TestClaimsBehindManyLostSegments(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 40)...)
	f.lose(ids[:39]...)
	_, got := f.claim(300, 1)
	f.want("Claim of one behind 39 that are lost", got, "")
	_, got = f.claim(300, 1)
	f.want("the next", got, "40")
}

// What is found again amid a claim is handed out, and no more than was asked for.
func TestClaimOfSegmentsThatAreFoundAgain(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, numbers(1, 4)...)
	find := f.lose(ids...)
	f.index.plan(func(name string) (before, after error) {
		if name == "Release" {
			find()
		}
		return nil, nil
	})
	_, got := f.claim(300, 2)
	f.want("a claim", got, "1 2")
	_, got = f.claim(300, 2)
	f.want("the next", got, "3 4")
}

// Where claims are counted, an attempt that shows nothing is made once.
func TestClaimOfLostSegmentsCountsOnce(t *testing.T) {
	f := newFixture(t, Options{})
	find := f.lose(f.postSingly(600, numbers(1, 2)...)...)
	c := marconi.ClaimRequest{ID: newClaimID(), TTL: 60, Limit: 2, MaxClaims: 2}
	if got, err := f.Claim(f.ctx(), f.q, c); err != nil || len(got.Messages) > 0 {
		t.Fatalf("a claim of what is lost gives %q, %v", bodiesOf(got.Messages), err)
	}
	find()
	f.clock.pass(time.Minute)
	c.ID = newClaimID()
	got, err := f.Claim(f.ctx(), f.q, c)
	if err != nil {
		t.Fatal(err)
	}
	f.want("when they are found", got.Messages, "1 2")
}

// What a proxy does not find at first may be on another replica.
func TestNewestIsAsked(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	f.forgetSegments()
	var asked []bool
	f.fetcher.client = newestClient{f.swift, &asked}
	f.swift.Fail(swifttest.Get, 1, swifttest.Vanished)
	f.wantCost("a list with one 404", cost{swifttest.Get: 2, indexCalls: 1}, func() { f.want("List", f.list(), "1") })
	if !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("the newest was asked for: %v; want it the second time", asked)
	}
	if n := f.meter.of("swift_bodies_not_found_total"); n != 0 {
		t.Errorf("%v bodies count as lost", n)
	}
}

// A newestClient notes of each GET whether it asks for the newest.
type newestClient struct {
	objects.Client
	asked *[]bool
}

func (c newestClient) Get(ctx context.Context, at objects.Path, newest bool) (objects.Object, error) {
	*c.asked = append(*c.asked, newest)
	return c.Client.Get(ctx, at, newest)
}

// A segment may go between a look into the index and one into Swift, with its message: then that is gone, and not hidden.
func TestMessageThatGoesMeanwhile(t *testing.T) {
	f := newFixture(t, Options{})
	id := f.post(600, "1")[0]
	f.forgetSegments()
	other := f.beside(Options{})
	other.list() // so that it knows the segment
	var once bool
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		if c.Kind != swifttest.Get || once {
			return swifttest.Fault{}, false
		}
		once = true
		return swifttest.Fault{First: func() {
			other.delete(id, "")
			other.collect()
		}}, true
	})
	if _, err := f.Message(f.ctx(), f.q, id); !errors.Is(err, marconi.ErrNoMessage) {
		t.Errorf("Message: %v, want %v", err, marconi.ErrNoMessage)
	}
	if n := f.meter.of("swift_bodies_not_found_total"); n != 0 {
		t.Errorf("%v bodies count as lost", n)
	}
}

// An object that is torn, or another one, is no body.
func TestTornObject(t *testing.T) {
	f := newFixture(t, Options{Containers: 1})
	ids := f.post(600, "1")
	f.clock.pass(time.Millisecond) // so that it is listed first
	f.post(600, "2")
	segments := f.segments()
	other, err := f.account.Get(f.ctx(), segments[1], true)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{other.Body, other.Body[:5], nil} {
		if err := f.account.Put(f.ctx(), segments[0], content, objects.Attributes{}); err != nil {
			t.Fatal(err)
		}
		f.forgetSegments()
		_, err = f.Message(f.ctx(), f.q, ids[0])
		wantUnavailable(t, "Message", err)
		f.want("List", f.list(), "2")
	}
}

// An index that holds what no store on Swift wrote gives no body, and no other's either.
func TestForeignEntryInTheIndex(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	if _, err := f.index.DataStore.Post(f.ctx(), f.q, marconi.Post{Client: poster, Messages: messagesOf(600, `{"a": 1}`, `7`)}); err != nil {
		t.Fatal(err)
	}
	f.post(600, "2")
	f.want("List", f.list(), "1 2")
	f.want("Pop", f.pop(4), "1 2")
	if n := f.total(); n != 2 {
		t.Errorf("%d messages are left, want 2", n)
	}
}

// In an outage a claim fails and frees what it had; the next ones fail before they claim, so that counts stay.
func TestClaimsInAnOutage(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, "1", "2")
	f.forgetSegments()
	f.swift.FailAll(swifttest.Get, swifttest.Refused)
	for range 3 {
		_, err := f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 300, Limit: 2})
		wantUnavailable(t, "Claim", err)
	}
	_, err := f.Pop(f.ctx(), f.q, 2)
	wantUnavailable(t, "Pop", err)
	_, err = f.List(f.ctx(), f.q, everything)
	wantUnavailable(t, "List", err)
	f.swift.Reset()
	_, got := f.claim(300, 2)
	f.want("Claim after the outage", got, "1 2")
	for _, m := range got {
		if m.ClaimCount != 2 {
			t.Errorf("message %s was claimed %d times, want 2: the first attempt in the outage, and now", m.Body, m.ClaimCount)
		}
	}
}

// Where messages are dead after one claim, one that Swift foils does not count: nobody has seen them.
func TestAFoiledClaimMakesNoDeadLetter(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, "1", "2")
	f.forgetSegments()
	claim := func() (marconi.Claimed, error) {
		return f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 300, Limit: 2, MaxClaims: 1})
	}
	var bad objects.Path // one segment of two, and Swift is well otherwise
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		if c.Kind == swifttest.Get && bad == (objects.Path{}) {
			bad = c.Paths[0]
		}
		return swifttest.Refused, c.Kind == swifttest.Get && c.Paths[0] == bad
	})
	_, err := claim()
	wantUnavailable(t, "Claim", err)
	f.swift.Reset()
	got, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	f.want("Claim after the outage", got.Messages, "1 2")
	for _, m := range slices.Concat(got.Messages, got.Spent) {
		if m.ClaimCount != 1 {
			t.Errorf("message %s was claimed %d times, want once", m.Body, m.ClaimCount)
		}
	}
}

// Nor does one whose message stands behind one that is spent.
func TestAFoiledClaimBehindASpentMessage(t *testing.T) {
	f := newFixture(t, Options{})
	ids := f.postSingly(600, "1", "2")
	claim := func() (marconi.Claimed, error) {
		return f.Claim(f.ctx(), f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 300, Limit: 1, MaxClaims: 1})
	}
	if got, err := claim(); err != nil || len(got.Messages) != 1 {
		t.Fatalf("the first claim has %d messages, %v", len(got.Messages), err)
	}
	f.clock.pass(300 * time.Second) // "1" is spent now
	f.forgetSegments()
	if _, err := f.Message(f.ctx(), f.q, ids[0]); err != nil { // so that "1" is read, and "2" can't be
		t.Fatal(err)
	}
	f.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) { return swifttest.Refused, c.Kind == swifttest.Get })
	_, err := claim()
	wantUnavailable(t, "Claim", err)
	f.swift.Reset()
	got, err := claim()
	if err != nil {
		t.Fatal(err)
	}
	f.want("Claim after the outage", got.Messages, "2")
	if n := got.Messages[0].ClaimCount; n != 1 {
		t.Errorf("it was claimed %d times, want once", n)
	}
}

// Two who pop at once are served by the index; one may get what the other has read. What it can't read then goes back.
func TestPopThatIsOvertaken(t *testing.T) {
	f := newFixture(t, Options{})
	f.postSingly(600, numbers(1, 4)...)
	f.forgetSegments()
	other := f.beside(Options{})
	overtake := func(then func()) {
		done := false
		f.index.plan(func(name string) (before, after error) {
			if name == "Pop" && !done {
				done = true
				other.want("the other's Pop", other.pop(2), "1 2")
				then()
			}
			return nil, nil
		})
	}
	overtake(func() {})
	f.want("Pop of two", f.pop(2), "3 4")

	f.postSingly(600, numbers(1, 4)...)
	f.forgetSegments()
	overtake(func() { f.swift.FailAll(swifttest.Get, swifttest.Refused) })
	_, err := f.Pop(f.ctx(), f.q, 2)
	wantUnavailable(t, "Pop of what can't be read any more", err)
	f.swift.Reset()
	f.want("Pop afterwards", f.pop(2), "3 4")
}

// What was popped and can be neither read nor put back is lost, and that is told.
func TestPopThatCanNotBePutBack(t *testing.T) {
	var said bytes.Buffer
	f := newFixture(t, Options{Options: storage.Options{Logger: slog.New(slog.NewTextHandler(&said, nil))}})
	f.postSingly(600, numbers(1, 4)...)
	f.forgetSegments()
	other := f.beside(Options{})
	overtaken := false
	f.index.plan(func(name string) (before, after error) {
		switch {
		case name == "Pop" && !overtaken:
			overtaken = true
			other.want("the other's Pop", other.pop(2), "1 2")
			f.swift.FailAll(swifttest.Get, swifttest.Refused)
		case name == "Post":
			return marconi.ErrUnavailable, nil
		}
		return nil, nil
	})
	_, err := f.Pop(f.ctx(), f.q, 2)
	wantUnavailable(t, "Pop", err)
	if n := f.meter.of("swift_pops_lost_total"); n != 2 {
		t.Errorf("%v messages count as lost, want 2", n)
	}
	if text := said.String(); !strings.Contains(text, "may be lost") || !strings.Contains(text, "messages=2") {
		t.Errorf("the log says %q", text)
	}
}

// Who has gone away takes its claim with it, though its context has ended.
func TestClaimOfACallerWhoIsGone(t *testing.T) {
	f := newFixture(t, Options{})
	f.post(600, "1")
	f.forgetSegments()
	ctx, cancel := context.WithCancel(f.ctx())
	f.swift.Fail(swifttest.Get, 1, swifttest.Fault{First: cancel, Lost: true})
	_, err := f.Claim(ctx, f.q, marconi.ClaimRequest{ID: newClaimID(), TTL: 300, Limit: 2})
	wantUnavailable(t, "Claim", err)
	_, got := f.claim(300, 2)
	f.want("the next Claim", got, "1")
}
