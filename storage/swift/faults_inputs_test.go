//go:build unix

package swift_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/swift"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// nasty are names and projects that lead elsewhere, or nowhere, if they become parts of paths as they are.
var nasty = []string{
	"", "None", "a", "a/b", "/a", "a/", "a.b", ".", "..", "a/../b", "a%2Fb", "a b", "a?b=c", "a#b", "a:b", "ä", "日本語", "a\tb\n", `"a"`,
	strings.Repeat("x", 256), strings.Repeat("日", 256),
}

// nastyQueues have nasty projects, or names. A name is checked before it comes to a store, which has to bear it nevertheless.
func nastyQueues() []marconi.QueueRef {
	var all []marconi.QueueRef
	for i, text := range nasty {
		all = append(all, marconi.QueueRef{QueueKey: marconi.QueueKey{Project: marconi.Project(text), Name: "q"}, Incarnation: 1})
		if i%3 == 0 || soaking {
			all = append(all, marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: marconi.QueueName(text + ".")}, Incarnation: 1})
		}
	}
	return append(all, marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "", Name: "q"}, Incarnation: 2})
}

// TestNastyInput keeps queues apart whose names are made to run into each other.
func TestNastyInput(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{})
	for _, d := range designs {
		t.Run(d.name, func(t *testing.T) {
			stores := d.open(t, s, &clock{}, patient)
			t.Run("queues", func(t *testing.T) { keepsNastyQueuesApart(t, stores) })
			t.Run("identifiers", func(t *testing.T) { bearsNastyIdentifiers(t, stores[0], s.queue()) })
		})
	}
	t.Run("control", func(t *testing.T) { controlsNastyQueues(t, s.swift) })
}

func keepsNastyQueuesApart(t *testing.T, stores [2]marconi.DataStore) {
	all := nastyQueues()
	for i, q := range all {
		if _, err := stores[0].Post(t.Context(), q, numbered(i, 1)); err != nil {
			t.Errorf("post to %.40q: %v", q.QueueKey, err)
		}
	}
	if err := stores[0].DeleteQueue(t.Context(), all[1]); err != nil {
		t.Errorf("delete %.40q: %v", all[1].QueueKey, err)
	}
	for i, q := range all {
		var want []string
		if q != all[1] {
			want = []string{fmt.Sprintf(`{"n": %d}`, i)}
		}
		if got := listed(t, stores[0], q); !slices.Equal(got, want) {
			t.Errorf("in %.40q are %v, want %v", q.QueueKey, got, want)
		}
	}
}

func bearsNastyIdentifiers(t *testing.T, d marconi.DataStore, q marconi.QueueRef) {
	ctx := t.Context()
	if _, err := d.Post(ctx, q, numbered(0, 1)); err != nil {
		t.Fatal(err)
	}
	for _, text := range append(nasty[1:], "../../q", "c/one", strings.Repeat("0", 21), strings.Repeat("9", 5000), "\x00", "\xff") {
		if m, err := d.Message(ctx, q, marconi.MessageID(text)); !errors.Is(err, marconi.ErrNoMessage) {
			t.Errorf("Message(%.40q) = %v, %v", text, m, err)
		}
		if err := d.Delete(ctx, q, marconi.MessageID(text), marconi.ClaimID(text)); err != nil {
			t.Errorf("Delete(%.40q) = %v", text, err)
		}
		if got, err := d.Messages(ctx, q, []marconi.MessageID{marconi.MessageID(text)}); err != nil || len(got) > 0 {
			t.Errorf("Messages(%.40q) = %v, %v", text, got, err)
		}
		if _, err := d.Claimed(ctx, q, marconi.ClaimID(text)); !errors.Is(err, marconi.ErrNoClaim) {
			t.Errorf("Claimed(%.40q) = %v", text, err)
		}
		if err := d.UpdateClaim(ctx, q, marconi.ClaimID(text), marconi.ClaimUpdate{TTL: 60}); !errors.Is(err, marconi.ErrNoClaim) {
			t.Errorf("UpdateClaim(%.40q) = %v", text, err)
		}
		if err := d.Release(ctx, q, marconi.ClaimID(text)); err != nil {
			t.Errorf("Release(%.40q) = %v", text, err)
		}
		if _, err := d.List(ctx, q, marconi.Listing{Marker: marconi.Marker(text), Limit: 10}); err != nil {
			t.Errorf("List behind %.40q: %v", text, err)
		}
	}
	if got := listed(t, d, q); len(got) != 1 {
		t.Errorf("after all that there are %v", got)
	}
}

// open opens a store as a program does, and closes it with the test.
func open(t *testing.T, uri string, o storage.Options) (storage.Opened, error) {
	t.Helper()
	r := storage.NewRegistry(storage.Drivers{"swift": swift.Open, "memory": memory.Open, "sqlite": sqlstore.OpenSQLite})
	t.Cleanup(func() { closeIt(t, r) })
	return r.Open(t.Context(), uri, o)
}

func controlsNastyQueues(t *testing.T, s *testservices.Swift) {
	opened, err := open(t, s.StorageURI, storage.Options{Plane: storage.ControlPlane})
	if err != nil {
		t.Fatal(err)
	}
	ctx, control := t.Context(), opened.Control
	for _, project := range nasty {
		for _, name := range []marconi.QueueName{"None", marconi.QueueName(strings.Repeat(".", 64))} {
			key := marconi.QueueKey{Project: marconi.Project(project), Name: name}
			if _, created, err := control.CreateQueue(ctx, key, marconi.Metadata(`{"of": "it"}`)); err != nil || !created {
				t.Errorf("CreateQueue(%.40q) = %v, %v", key, created, err)
			}
		}
	}
	for _, project := range nasty {
		page, err := control.ListQueues(ctx, marconi.Project(project), marconi.QueueListing{Limit: 10})
		var names []string
		for _, q := range page.Items {
			names = append(names, string(q.Name))
		}
		if want := []string{strings.Repeat(".", 64), "None"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("the queues of %.40q are %.200q, %v", project, names, err)
		}
	}
}

// TestOpeningWithWrongCredentials wants errors that say what to check, and not what is secret.
func TestOpeningWithWrongCredentials(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{})
	const secret = "not-the-key"
	for name, c := range map[string]struct{ uri, says string }{
		"a wrong key":        {"tester:" + secret + "@" + s.Host + "/test?auth=v1", "key"},
		"a wrong user":       {"nobody:" + secret + "@" + s.Host + "/test?auth=v1", "user"},
		"a wrong project":    {"tester:" + secret + "@" + s.Host + "/elsewhere?auth=v1", "user"},
		"a user of no role":  {"guest:guesting@" + s.Host + "/test?auth=v1", "role"},
		"nobody listens":     {"tester:" + secret + "@127.0.0.1:1/test?auth=v1", "refused"},
		"not a proxy":        {"tester:" + secret + "@" + s.Objects[0].Address + "/test?auth=v1", "auth_url"},
		"another version":    {"tester:" + secret + "@" + s.Host + "/test?auth=v3", "auth=v1"},
		"TLS where none is":  {"tester:" + secret + "@" + s.Host + "/test?auth=v1&tls=true", "HTTP"},
		"no version":         {"tester:" + secret + "@" + s.Host + "/test", "auth=v1"},
		"no such CA file":    {"tester:" + secret + "@" + s.Host + "/test?auth=v1&tls=true&ssl_ca_certs=/nowhere.pem", "/nowhere.pem"},
		"an unescaped slash": {"tester:" + secret + "/2@" + s.Host + "/test?auth=v1", "%2F"},
	} {
		t.Run(name, func(t *testing.T) {
			uri := "swift://" + c.uri + "&request_timeout=5"
			_, err := open(t, uri, storage.Options{Plane: storage.ControlPlane})
			if err == nil {
				t.Fatal("it opens")
			}
			if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, secret) || strings.Contains(text, "guesting") {
				t.Errorf("the error doesn't speak of %q, or of too much: %s", c.says, text)
			}
		})
	}
}

// A dyingIndex is one whose process dies when it is to add messages: nobody knows whether it did.
type dyingIndex struct{ marconi.DataStore }

var errDied = errors.New("the process died")

func (dyingIndex) Post(context.Context, marconi.QueueRef, marconi.Post) ([]marconi.MessageID, error) {
	return nil, errDied
}

// TestOrphansExpire leaves a segment that no index knows, as a crash between the two does. Swift lets go of it at its end, and of
// its name. Stores whose clock is behind by what segments are kept for longer than their messages make that end come soon.
func TestOrphansExpire(t *testing.T) {
	s := newTroubled(t, testservices.SwiftOptions{Daemons: true})
	c := &clock{}
	c.pass(-24 * time.Hour)
	o := indexed.Options{Options: storage.Options{Now: c.now}, Prefix: "orphans", Containers: 1}
	index := memory.New(o.Options)
	defer closeIt(t, index.Control)
	defer closeIt(t, index.Data)
	sound, err := indexed.New(s.account(t, patient), index.Data, o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, sound)
	dying, err := indexed.New(s.account(t, patient), dyingIndex{index.Data}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, dying)

	ctx, q, account := t.Context(), s.queue(), s.account(t, patient)
	if _, err := sound.Post(ctx, q, numbered(0, 1)); err != nil {
		t.Fatal(err)
	}
	kept := onlySegment(t, account)
	orphan := numbered(1, 2)
	for i := range orphan.Messages {
		orphan.Messages[i].TTL = 5
	}
	if _, err := dying.Post(ctx, q, orphan); !errors.Is(err, errDied) {
		t.Fatalf("the post ended with %v", err)
	}
	if got := listed(t, sound, q); !slices.Equal(got, []string{`{"n": 0}`}) {
		t.Errorf("after the crash there are %v", got)
	}
	if n := len(segments(t, account)); n != 2 {
		t.Fatalf("there are %d segments, want one that is an orphan", n)
	}
	for end := time.Now().Add(time.Minute); len(segments(t, account)) > 1; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the orphan stays: %v", segments(t, account))
		}
	}
	if left := onlySegment(t, account); left != kept {
		t.Errorf("%s is left, want %s", left, kept)
	}
	if got := listed(t, sound, q); !slices.Equal(got, []string{`{"n": 0}`}) {
		t.Errorf("in the end there are %v", got)
	}
}

func segments(t *testing.T, a *objects.Account) []objects.Entry {
	t.Helper()
	entries, err := a.List(t.Context(), "orphans-segments-00", objects.Listing{})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func onlySegment(t *testing.T, a *objects.Account) string {
	t.Helper()
	all := segments(t, a)
	if len(all) != 1 {
		t.Fatalf("there are segments %v, want one", all)
	}
	return all[0].Name
}
