package swifttest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A Subject is a client under test.
type Subject struct {
	Client objects.Client
	Now    func() time.Time    // by the clock of the account; nil: time.Now
	Wait   func(time.Duration) // lets time pass; nil: time.Sleep
}

// A testCase is a case of the conformance test.
type testCase struct {
	name string
	test func(*testing.T, *bench)
}

// TestClient tests that a client does what [objects.Client] promises. The account may hold other things, but its clock must
// be right to a second. Open is called for each case.
func TestClient(t *testing.T, open func(t *testing.T) Subject) {
	runCases(t, open, []testCase{
		{"an object comes back as it was put", testRoundTrip},
		{"names of all kinds", testNames},
		{"a PUT replaces all", testReplace},
		{"what is missing is told apart", testMissing},
		{"Anew only where nothing is", testAnew},
		{"Anew, many at once", testAnewRace},
		{"an expired object is hidden but listed", testExpiry},
		{"an end is rounded up, and lies ahead", testEnds},
		{"a POST replaces the attributes", testPost},
		{"a POST without a type leaves it", testPostType},
		{"content types with parameters", testTypes},
		{"a listing in the order of bytes", testListing},
		{"a listing's entries", testEntries},
		{"a listing's limit", testLimit},
		{"containers", testContainers},
		{"a canceled context", testCanceled},
	})
	TestMany(t, open)
}

// TestMany is the part of [TestClient] that is about PutMany and DeleteMany, which work in more than one way.
func TestMany(t *testing.T, open func(t *testing.T) Subject) {
	runCases(t, open, []testCase{
		{"many objects in one go", testPutMany},
		{"many objects, into a container that isn't there", testPutManyContainer},
		{"objects deleted in one go", testDeleteMany},
		{"a nameless object among many is refused", testNameless},
	})
}

func runCases(t *testing.T, open func(t *testing.T) Subject, cases []testCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(t, newBench(t, open(t))) })
	}
}

// A bench is what a case works on: a client, and a container of its own.
type bench struct {
	Subject
	container string
}

func newBench(t *testing.T, s Subject) *bench {
	t.Helper()
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Wait == nil {
		s.Wait = time.Sleep
	}
	b := &bench{Subject: s, container: "conformance-" + strings.ToLower(rand.Text()[:12])}
	must(t, "MakeContainer", s.Client.MakeContainer(t.Context(), b.container))
	t.Cleanup(func() { empty(s.Client, b.container) })
	return b
}

// empty leaves the account as it was, as far as that can be done without a test.
func empty(c objects.Client, container string) {
	ctx := context.Background()
	entries, err := c.List(ctx, container, objects.Listing{})
	if err != nil {
		return
	}
	paths := make([]objects.Path, len(entries))
	for i, e := range entries {
		paths[i] = objects.Path{Container: container, Name: e.Name}
	}
	if c.DeleteMany(ctx, paths) == nil {
		_ = c.DeleteContainer(ctx, container)
	}
}

func (b *bench) at(name string) objects.Path {
	return objects.Path{Container: b.container, Name: name}
}

// put is for objects that a case begins with.
func (b *bench) put(t *testing.T, name, body string, a objects.Attributes) {
	t.Helper()
	must(t, "Put", b.Client.Put(t.Context(), b.at(name), []byte(body), a))
}

func (b *bench) list(t *testing.T, l objects.Listing) []objects.Entry {
	t.Helper()
	entries, err := b.Client.List(t.Context(), b.container, l)
	must(t, "List", err)
	return entries
}

func names(entries []objects.Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return out
}

// passes lets time pass until an end, and a bit more, since that of another machine may be late.
func (b *bench) passes(end time.Time) {
	b.Wait(end.Sub(b.Now()) + 1100*time.Millisecond)
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", what, err, want)
	}
}

// wantUnknown is for errors that say nothing of what is stored.
func wantUnknown(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s = nil, want an error", what)
	}
	for _, known := range []error{
		objects.ErrMissing, objects.ErrContainer, objects.ErrExists, objects.ErrNotStored, objects.ErrConflict,
	} {
		if errors.Is(err, known) {
			t.Errorf("%s = %v, want an error that says nothing known", what, err)
		}
	}
}
