//go:build unix

package pure

import (
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/storagetest"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// fewChecks makes package rapid try little: each step is some ten requests to a real Swift.
func fewChecks(t *testing.T, n string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	old := f.Value.String()
	if err := f.Value.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

// TestDataOnSwift runs the suite. Cases that take thousands of requests are for a long run, which takes ten minutes.
func TestDataOnSwift(t *testing.T) {
	fewChecks(t, "3")
	h := realHarness(t, func(o *Options) { o.PostTime = time.Minute }) // for 4 000 messages
	h.Emptyings = 10                                                   // each deletes by name what was posted in the last seconds, hundreds of objects
	if os.Getenv("MARCONI_TEST_SOAK") != "1" {
		fewChecks(t, "1")
		h.LeftOut = map[string]string{}
		for _, name := range []string{
			"a post may hold very many messages",
			"L5 what is filtered out does not end a listing",
			"Q1 projects are apart, whatever their names",
			"C6 an update beside deletes brings nothing back (Par)",
			"Q4 purged is purged, beside posts (Par)",
			"Q4 deleted is deleted, beside posts (Par)",
			"P2 no ID is given twice",
			"G1 collecting changes no answer",
			"W1 no wake-up is missed (Par)",
		} {
			h.LeftOut[name] = "it takes thousands of requests to Swift: set MARCONI_TEST_SOAK=1"
		}
	}
	storagetest.Data(t, h)
}

// TestTwoProcessesOnSwift counts what two processes of several workers hand out twice on a real Swift. On one server of each kind,
// whose listings don't lag, that is what the window of a PUT lets through.
func TestTwoProcessesOnSwift(t *testing.T) {
	account := realAccount(t)
	f := realFixture(t, account)
	ids := f.post(messages(40, 600)...)
	other := mustOpen(t, account, f.o)
	defer other.Close()
	d := workTogether(t, f, []*Store{f.Store, other}, 2)
	if n := d.check(t, ids); n > 1 {
		t.Errorf("%d of %d messages were handed out twice", n, len(ids))
	} else if n > 0 {
		t.Logf("%d of %d messages were handed out twice", n, len(ids))
	}
}

// realFixture opens a store by the clock of the machine on a real Swift, in a namespace of its own.
func realFixture(t *testing.T, account *objects.Account) *fixture {
	t.Helper()
	f := &fixture{t: t, q: newQueue("q")}
	f.Store = mustOpen(t, account, Options{Namespace: "t" + randomHex(8), ReapEvery: time.Hour})
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestWhatSwiftMakesOfUs is about what only a real Swift can show: content types that it gives back as they were, the ends of objects,
// bulk requests, and containers that go.
func TestWhatSwiftMakesOfUs(t *testing.T) {
	account := realAccount(t)
	f := realFixture(t, account)
	client := marconi.ClientID(`ä; e="1", %41+b`)
	post := marconi.Post{Client: client, Messages: []marconi.NewMessage{
		{TTL: 600, Body: []byte(`"first"`), Checksum: "MD5:0123456789abcdef0123456789abcdef"}, {TTL: 600, Delay: 60, Body: []byte(`"delayed"`)},
	}}
	for range 2 { // a first post and a later one
		if _, err := f.Post(t.Context(), f.q, post); err != nil {
			t.Fatal(err)
		}
	}
	all := f.all()
	wantBodies(t, "listing", all, `"first" "delayed" "first" "delayed"`)
	if m := all[0]; m.Client != client || m.Checksum != post.Messages[0].Checksum || m.TTL != 600 {
		t.Errorf("the message came back as %+v", m)
	}
	o, err := account.Head(t.Context(), f.placeOf(f.q).message(string(all[0].ID)), true)
	if days := time.Until(o.DeleteAt).Hours() / 24; err != nil || days < 1 || days > 1.1 {
		t.Errorf("X-Delete-At is %v, error %v; want a day after the message's end", o.DeleteAt, err)
	}
	id, got := f.claim(60, 5)
	wantBodies(t, "claim", got, `"first" "first"`)
	if err := f.UpdateClaim(t.Context(), f.q, id, marconi.ClaimUpdate{TTL: 100_000, Grace: 10}); err != nil {
		t.Fatal(err)
	}
	if m, err := f.Message(t.Context(), f.q, got[0].ID); err != nil || m.TTL != 100_010 || m.Claim != id {
		t.Errorf("after an update that extends it the message is %+v, error %v", m, err)
	}
	if err := f.DeleteQueue(t.Context(), f.q); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := account.List(t.Context(), f.placeOf(f.q).stem, objects.Listing{}); !errors.Is(err, objects.ErrContainer) {
		t.Errorf("the container of a queue that was deleted: %v", err)
	}
}

// TestRequestsOnSwift counts, in the log of Swift's proxy, what the package says that its calls cost.
func TestRequestsOnSwift(t *testing.T) {
	server := realSwift(t)
	f := realFixture(t, realAccount(t))
	f.post(messages(1, 600)...)
	var claim marconi.ClaimID
	var held []marconi.Message
	for _, c := range []struct {
		what string
		want int
		call func() error
	}{
		{"a post of one", 1, func() error { f.post(messages(1, 600)...); return nil }},
		{"a post of ten", 1, func() error { f.post(messages(10, 600)...); return nil }},
		{"a page of ten", 12, func() error { f.list(marconi.Listing{Limit: 10}); return nil }},
		{"a claim of ten", 2 + 1 + 10 + 20 + 1, func() error { claim, held = f.claim(60, 10); return nil }},
		{"an update", 3, func() error { return f.UpdateClaim(t.Context(), f.q, claim, marconi.ClaimUpdate{TTL: 70}) }},
		{"a delete", 2, func() error { return f.Delete(t.Context(), f.q, held[0].ID, claim) }},
		{"a bulk delete", 2, func() error {
			return f.DeleteMessages(t.Context(), f.q, []marconi.MessageID{held[1].ID, held[2].ID}, []marconi.ClaimID{claim})
		}},
		{"a release", 1, func() error { return f.Release(t.Context(), f.q, claim) }},
		{"stats", 2, func() error { _, err := f.Stats(t.Context(), f.q); return err }},
	} {
		mark := server.Mark()
		if err := c.call(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		n := 0
		for _, r := range server.Requests(mark) {
			if r.Container == f.placeOf(f.q).stem || r.Container == "" && r.Account != "" { // a bulk delete is of the account
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s took %d requests, want %d", c.what, n, c.want)
		}
	}
}
