package swifttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// listed are names whose order differs by bytes, by UTF-16 and by locale.
func listed() []string {
	return []string{"B", "a", "a/1", "a/2", "a/2.L001", "a0", "b", "z", "ä", "\uFFFD", "\U0001F600"}
}

func testListing(t *testing.T, b *bench) {
	all := listed()
	for _, i := range []int{5, 2, 9, 0, 7, 10, 1, 4, 8, 3, 6} {
		b.put(t, all[i], "", objects.Attributes{})
	}
	for _, prefix := range []string{"", "a", "a/", "ä", "none"} {
		for _, marker := range []string{"", "a/1", "a/15", "ä", "\U0001F600"} {
			for _, end := range []string{"", "b", "a/2"} {
				for _, reverse := range []bool{false, true} {
					l := objects.Listing{Prefix: prefix, Marker: marker, End: end, Reverse: reverse}
					checkListing(t, b, all, l)
				}
			}
		}
	}
}

func checkListing(t *testing.T, b *bench, all []string, l objects.Listing) {
	t.Helper()
	want := []string{}
	for _, name := range all {
		behind, before := name > l.Marker, name < l.End
		if l.Reverse {
			behind, before = name < l.Marker, name > l.End
		}
		if strings.HasPrefix(name, l.Prefix) && (l.Marker == "" || behind) && (l.End == "" || before) {
			want = append(want, name)
		}
	}
	if l.Reverse {
		slices.Reverse(want)
	}
	if got := names(b.list(t, l)); !slices.Equal(got, want) {
		t.Errorf("List(%+v) = %q, want %q", l, got, want)
	}
	l.Limit = 2
	if got := names(b.list(t, l)); !slices.Equal(got, want[:min(2, len(want))]) {
		t.Errorf("List(%+v) = %q, want the first two of %q", l, got, want)
	}
}

func testEntries(t *testing.T, b *bench) {
	b.put(t, "a", "12345", objects.Attributes{ContentType: "a/b; c=d", DeleteAt: b.Now().Add(time.Hour)})
	b.put(t, "b", "", objects.Attributes{})
	got := b.list(t, objects.Listing{})
	for i, e := range got {
		o, err := b.Client.Head(t.Context(), b.at(e.Name), false)
		must(t, "Head", err)
		if !e.Modified.Equal(o.Modified) || e.Modified.Location() != time.UTC || e.Modified.IsZero() {
			t.Errorf("List: %s was modified at %v, by Head at %v", e.Name, e.Modified, o.Modified)
		}
		got[i].Modified = time.Time{}
	}
	want := []objects.Entry{{Name: "a", ContentType: "a/b;c=d", Bytes: 5}, {Name: "b", ContentType: "application/octet-stream"}}
	if !slices.Equal(got, want) {
		t.Errorf("List = %+v, want %+v", got, want)
	}
}

func testLimit(t *testing.T, b *bench) {
	for _, name := range listed() {
		b.put(t, name, "", objects.Attributes{})
	}
	paged := []string{}
	for l := (objects.Listing{Limit: 3}); ; {
		page := names(b.list(t, l))
		paged = append(paged, page...)
		if len(page) < 3 {
			break
		}
		l.Marker = page[2]
	}
	if !slices.Equal(paged, listed()) {
		t.Errorf("in pages of three: %q, want %q", paged, listed())
	}
	if got := b.list(t, objects.Listing{Limit: b.Client.Abilities().Page + 1}); len(got) != len(listed()) {
		t.Errorf("List with a limit larger than the server's = %d entries, want %d", len(got), len(listed()))
	}
}

// uploads are of all names, each with a body and attributes of its own.
func uploads(b *bench) []objects.Upload {
	end := b.Now().Add(time.Hour).Truncate(time.Second).UTC()
	var all []objects.Upload
	for i, name := range oddNames() {
		u := objects.Upload{Name: name, Body: []byte(strings.Repeat("b", 100*i))}
		u.ContentType = fmt.Sprintf("a/b; i=%d; c=\"ä\"", i)
		u.DeleteAt = []time.Time{end, end.Add(time.Minute), {}}[i%3]
		all = append(all, u)
	}
	return all
}

func checkUploads(t *testing.T, b *bench, container string, all []objects.Upload) {
	t.Helper()
	for _, u := range all {
		got, err := b.Client.Get(t.Context(), objects.Path{Container: container, Name: u.Name}, true)
		if err != nil || string(got.Body) != string(u.Body) || got.Attributes != u.Attributes {
			t.Errorf("Get(%q) = %d bytes, %v, %v; want %d bytes, %v", u.Name, len(got.Body), got.Attributes, err, len(u.Body), u.Attributes)
		}
	}
}

func testPutMany(t *testing.T, b *bench) {
	must(t, "PutMany of nothing", b.Client.PutMany(t.Context(), b.container, nil))
	all := uploads(b)
	must(t, "PutMany", b.Client.PutMany(t.Context(), b.container, all))
	checkUploads(t, b, b.container, all)
	all[0].Body, all[1].Body = []byte("again"), []byte("again")
	must(t, "PutMany again", b.Client.PutMany(t.Context(), b.container, all[:2]))
	checkUploads(t, b, b.container, all)
	if got := b.list(t, objects.Listing{}); len(got) != len(all) {
		t.Errorf("List = %d entries, want %d", len(got), len(all))
	}
	one := []objects.Upload{{Name: "one", Attributes: objects.Attributes{ContentType: "application/octet-stream"}}}
	must(t, "PutMany of one", b.Client.PutMany(t.Context(), b.container, one))
	checkUploads(t, b, b.container, one)

	long := []objects.Upload{{Name: "fine"}, {Name: strings.Repeat("x", 1025)}}
	err := b.Client.PutMany(t.Context(), b.container, long)
	wantUnknown(t, "PutMany with a name too long", err)
	var part *objects.PartError
	if !errors.As(err, &part) || !slices.Equal(part.Failed, []string{long[1].Name}) {
		t.Errorf("PutMany of two, of which one has a name too long, does not say that it was that: %v", err)
	}
	past := []objects.Upload{{Name: "p"}, {Name: "q"}}
	past[0].DeleteAt = b.Now().Add(-time.Minute)
	past[1].DeleteAt = past[0].DeleteAt
	wantUnknown(t, "PutMany with an end that has passed", b.Client.PutMany(t.Context(), b.container, past))
}

func testPutManyContainer(t *testing.T, b *bench) {
	for _, n := range []int{1, 5} {
		container := fmt.Sprintf("%s-%d", b.container, n)
		t.Cleanup(func() { empty(b.Client, container) })
		all := uploads(b)[:n]
		must(t, "PutMany", b.Client.PutMany(t.Context(), container, all))
		checkUploads(t, b, container, all)
	}
}

func testDeleteMany(t *testing.T, b *bench) {
	must(t, "DeleteMany of nothing", b.Client.DeleteMany(t.Context(), nil))
	paths := []objects.Path{b.at("none"), {Container: b.container + "-none", Name: "none"}}
	must(t, "DeleteMany of what isn't there", b.Client.DeleteMany(t.Context(), paths))
	for _, name := range oddNames() {
		b.put(t, name, "x", objects.Attributes{})
		paths = append(paths, b.at(name))
	}
	b.put(t, "stays", "x", objects.Attributes{})
	must(t, "DeleteMany", b.Client.DeleteMany(t.Context(), paths))
	if got, want := names(b.list(t, objects.Listing{})), []string{"stays"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	must(t, "DeleteMany of one", b.Client.DeleteMany(t.Context(), []objects.Path{b.at("stays")}))
	if got := names(b.list(t, objects.Listing{})); len(got) != 0 {
		t.Errorf("List = %q, want nothing", got)
	}
}

// To Swift a path without an object's name is the container.
func testNameless(t *testing.T, b *bench) {
	ctx := t.Context()
	at := b.at("")
	_, err := b.Client.Get(ctx, at, false)
	wantUnknown(t, "Get", err)
	wantUnknown(t, "Put", b.Client.Put(ctx, at, []byte("x"), objects.Attributes{}))
	wantUnknown(t, "Post", b.Client.Post(ctx, at, objects.Attributes{}))
	wantUnknown(t, "Delete", b.Client.Delete(ctx, at))
	wantUnknown(t, "Delete without a container", b.Client.Delete(ctx, objects.Path{Name: b.container}))
	wantUnknown(t, "DeleteMany", b.Client.DeleteMany(ctx, []objects.Path{at, b.at("b")}))
	wantUnknown(t, "PutMany", b.Client.PutMany(ctx, b.container, []objects.Upload{{Name: "a"}, {}}))
	if got := names(b.list(t, objects.Listing{})); len(got) != 0 {
		t.Errorf("List = %q, want the container to be there, and empty", got)
	}
}

func testContainers(t *testing.T, b *bench) {
	ctx := t.Context()
	made := []string{b.container + "-1", b.container + "-2 ä%?+", b.container + "-3.."}
	for _, name := range made {
		must(t, "MakeContainer", b.Client.MakeContainer(ctx, name))
		must(t, "MakeContainer again", b.Client.MakeContainer(ctx, name))
		t.Cleanup(func() { empty(b.Client, name) })
	}
	checkContainers(t, b, objects.Listing{Prefix: b.container + "-"}, made)
	checkContainers(t, b, objects.Listing{Prefix: b.container + "-", Limit: 2}, made[:2])
	checkContainers(t, b, objects.Listing{Prefix: b.container + "-", Marker: made[0]}, made[1:])

	at := objects.Path{Container: made[1], Name: "o/ä"}
	must(t, "Put", b.Client.Put(ctx, at, nil, objects.Attributes{}))
	wantErr(t, "DeleteContainer of one with an object", b.Client.DeleteContainer(ctx, made[1]), objects.ErrConflict)
	must(t, "Delete", b.Client.Delete(ctx, at))
	must(t, "DeleteContainer", b.Client.DeleteContainer(ctx, made[1]))
	checkContainers(t, b, objects.Listing{Prefix: b.container + "-"}, []string{made[0], made[2]})

	wantUnknown(t, "MakeContainer with a slash", b.Client.MakeContainer(ctx, b.container+"/a"))
	wantUnknown(t, "MakeContainer without a name", b.Client.MakeContainer(ctx, ""))
	wantUnknown(t, "MakeContainer with a name too long", b.Client.MakeContainer(ctx, strings.Repeat("x", 257)))
	wantUnknown(t, "DeleteContainer without a name", b.Client.DeleteContainer(ctx, ""))
	_, err := b.Client.List(ctx, "", objects.Listing{})
	wantUnknown(t, "List without a container", err)
}

// checkContainers waits for the account's listing, which lags.
func checkContainers(t *testing.T, b *bench, l objects.Listing, want []string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var err error
		got, err = b.Client.Containers(t.Context(), l)
		must(t, "Containers", err)
		if slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("Containers(%+v) = %q, want %q", l, got, want)
}
