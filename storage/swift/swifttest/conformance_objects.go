package swifttest

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func testRoundTrip(t *testing.T, b *bench) {
	end := b.Now().Add(time.Hour).Truncate(time.Second).UTC()
	for _, body := range []string{"", "hello", strings.Repeat("\x00\xff\r\n", 300_000)} {
		a := objects.Attributes{ContentType: "application/x-marconi-segment; n=3", DeleteAt: end}
		b.put(t, "o", body, a)
		for _, newest := range []bool{false, true} {
			got, err := b.Client.Get(t.Context(), b.at("o"), newest)
			must(t, "Get", err)
			if string(got.Body) != body || got.Attributes != a {
				t.Errorf("Get of %d bytes, %v = %d bytes, %v", len(body), a, len(got.Body), got.Attributes)
			}
			if age := b.Now().Sub(got.Modified).Abs(); age > 10*time.Second || got.Modified.Location() != time.UTC {
				t.Errorf("Get: modified at %v, want now, %v", got.Modified, b.Now().UTC())
			}
			head, err := b.Client.Head(t.Context(), b.at("o"), newest)
			must(t, "Head", err)
			if got.Body = nil; !reflect.DeepEqual(head, got) {
				t.Errorf("Head = %v, want what Get gives, %v", head, got)
			}
		}
	}
}

// oddNames are what the path of a URL, a line of a bulk request or a file in an archive could get wrong.
func oddNames() []string {
	return []string{
		"a", "A", "a b", " a ", "a+b", "a%2Fb", "a%", "a?b=c", "a#b", "a&b", "a;b=c", "a,b", "a:b@c", "a\"b'c", "a\\b", "a<b>",
		"a/b", "a//b", "/a", "//a", "a/", "./a", "../a", "..", ".", "a/./b", "a/../b", "None", "~a", "*", "-a", "a=b", "a\tb", "a\nb",
		"ä/ö", "e\u0301", "日本語", "\U0001F600", "\uFFFD", "\u202e", strings.Repeat("n", 300), strings.Repeat("ü", 256),
		strings.Repeat("x", 1024),
	}
}

func testNames(t *testing.T, b *bench) {
	all := oddNames()
	for _, name := range all {
		b.put(t, name, "body of "+name, objects.Attributes{})
	}
	for _, name := range all {
		got, err := b.Client.Get(t.Context(), b.at(name), false)
		if err != nil || string(got.Body) != "body of "+name {
			t.Errorf("Get(%q) = %q, %v", name, got.Body, err)
		}
	}
	slices.Sort(all)
	if got := names(b.list(t, objects.Listing{})); !slices.Equal(got, all) {
		t.Errorf("List = %q, want %q", got, all)
	}
	for _, name := range all {
		must(t, "Delete", b.Client.Delete(t.Context(), b.at(name)))
	}
	if left := names(b.list(t, objects.Listing{})); len(left) > 0 {
		t.Errorf("after all were deleted: List = %q", left)
	}
	wantUnknown(t, "Put with a name too long", b.Client.Put(t.Context(), b.at(strings.Repeat("x", 1025)), nil, objects.Attributes{}))
	wantUnknown(t, "Put with a name not in UTF-8", b.Client.Put(t.Context(), b.at("a\xffb"), nil, objects.Attributes{}))
	wantUnknown(t, "Put with a NUL", b.Client.Put(t.Context(), b.at("a\x00b"), nil, objects.Attributes{}))
}

func testReplace(t *testing.T, b *bench) {
	b.put(t, "o", "first", objects.Attributes{ContentType: "text/plain", DeleteAt: b.Now().Add(time.Hour)})
	before, err := b.Client.Head(t.Context(), b.at("o"), false)
	must(t, "Head", err)
	b.put(t, "o", "second", objects.Attributes{})
	got, err := b.Client.Get(t.Context(), b.at("o"), false)
	must(t, "Get", err)
	if want := (objects.Attributes{ContentType: "application/octet-stream"}); string(got.Body) != "second" || got.Attributes != want {
		t.Errorf("Get = %q, %v; want the second body and %v", got.Body, got.Attributes, want)
	}
	if !got.Modified.After(before.Modified) {
		t.Errorf("modified at %v, want it behind %v", got.Modified, before.Modified)
	}
}

func testMissing(t *testing.T, b *bench) {
	ctx := t.Context()
	for _, at := range []objects.Path{b.at("none"), {Container: b.container + "-none", Name: "none"}} {
		_, err := b.Client.Get(ctx, at, false)
		wantErr(t, "Get", err, objects.ErrMissing)
		_, err = b.Client.Get(ctx, at, true)
		wantErr(t, "Get of the newest", err, objects.ErrMissing)
		_, err = b.Client.Head(ctx, at, false)
		wantErr(t, "Head", err, objects.ErrMissing)
		wantErr(t, "Post", b.Client.Post(ctx, at, objects.Attributes{ContentType: "a/b"}), objects.ErrMissing)
		must(t, "Delete", b.Client.Delete(ctx, at))
	}
	none := b.container + "-none"
	at := objects.Path{Container: none, Name: "o"}
	wantErr(t, "Put", b.Client.Put(ctx, at, []byte("x"), objects.Attributes{}), objects.ErrContainer)
	wantErr(t, "Put Anew", b.Client.Put(ctx, at, []byte("x"), objects.Attributes{}, objects.Anew), objects.ErrContainer)
	_, err := b.Client.List(ctx, none, objects.Listing{})
	wantErr(t, "List", err, objects.ErrContainer)
	must(t, "DeleteContainer", b.Client.DeleteContainer(ctx, none))
}

func testAnew(t *testing.T, b *bench) {
	end := b.Now().Add(2 * time.Second)
	put := func(body string, a objects.Attributes) error {
		return b.Client.Put(t.Context(), b.at("lock"), []byte(body), a, objects.Anew)
	}
	must(t, "Put of the first", put("first", objects.Attributes{}))
	wantErr(t, "Put of the second", put("second", objects.Attributes{}), objects.ErrExists)
	if o, err := b.Client.Get(t.Context(), b.at("lock"), true); err != nil || string(o.Body) != "first" {
		t.Errorf("Get = %q, %v; want the first", o.Body, err)
	}
	must(t, "Delete", b.Client.Delete(t.Context(), b.at("lock")))
	must(t, "Put after the DELETE", put("third", objects.Attributes{DeleteAt: end}))
	wantErr(t, "Put while it lives", put("fourth", objects.Attributes{}), objects.ErrExists)
	b.passes(end)
	must(t, "Put after its end", put("fifth", objects.Attributes{}))
}

// Two may win at the same moment, but nobody who was told otherwise: what is stored is a winner's.
func testAnewRace(t *testing.T, b *bench) {
	const racers = 8
	var running sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		running.Go(func() {
			errs[i] = b.Client.Put(t.Context(), b.at("lock"), []byte(strconv.Itoa(i)), objects.Attributes{}, objects.Anew)
		})
	}
	running.Wait()
	o, err := b.Client.Get(t.Context(), b.at("lock"), true)
	must(t, "Get", err)
	winner, err := strconv.Atoi(string(o.Body))
	must(t, "Atoi of the body", err)
	if errs[winner] != nil {
		t.Errorf("what %d put is stored, but it was told %v", winner, errs[winner])
	}
	for i, err := range errs {
		if err != nil && !errors.Is(err, objects.ErrExists) && !errors.Is(err, objects.ErrNotStored) {
			t.Errorf("Put of %d = %v, want nil, ErrExists or ErrNotStored", i, err)
		}
	}
}

func testExpiry(t *testing.T, b *bench) {
	end := b.Now().Add(2 * time.Second)
	b.put(t, "goes", "x", objects.Attributes{DeleteAt: end})
	b.put(t, "stays", "x", objects.Attributes{DeleteAt: end.Add(time.Hour)})
	b.put(t, "put off", "x", objects.Attributes{DeleteAt: end})
	must(t, "Post", b.Client.Post(t.Context(), b.at("put off"), objects.Attributes{DeleteAt: end.Add(time.Hour)}))
	b.passes(end)
	_, err := b.Client.Get(t.Context(), b.at("goes"), true)
	wantErr(t, "Get", err, objects.ErrMissing)
	_, err = b.Client.Head(t.Context(), b.at("goes"), false)
	wantErr(t, "Head", err, objects.ErrMissing)
	wantErr(t, "Post", b.Client.Post(t.Context(), b.at("goes"), objects.Attributes{}), objects.ErrMissing)
	for _, name := range []string{"stays", "put off"} {
		_, err := b.Client.Get(t.Context(), b.at(name), false)
		must(t, "Get of what "+name, err)
	}
	if got, want := names(b.list(t, objects.Listing{})), []string{"goes", "put off", "stays"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	must(t, "Delete", b.Client.Delete(t.Context(), b.at("goes")))
	if got, want := names(b.list(t, objects.Listing{})), []string{"put off", "stays"}; !slices.Equal(got, want) {
		t.Errorf("List after Delete = %q, want %q", got, want)
	}
}

func testEnds(t *testing.T, b *bench) {
	whole := b.Now().Add(time.Hour).Truncate(time.Second).UTC()
	b.put(t, "o", "x", objects.Attributes{DeleteAt: whole.Add(time.Nanosecond)})
	o, err := b.Client.Head(t.Context(), b.at("o"), false)
	must(t, "Head", err)
	if want := whole.Add(time.Second); !o.DeleteAt.Equal(want) {
		t.Errorf("an end of %v and a nanosecond became %v, want %v", whole, o.DeleteAt, want)
	}
	past := objects.Attributes{DeleteAt: b.Now().Add(-time.Minute)}
	wantUnknown(t, "Put with an end that has passed", b.Client.Put(t.Context(), b.at("p"), nil, past))
	wantUnknown(t, "Post with an end that has passed", b.Client.Post(t.Context(), b.at("o"), past))
}

func testPost(t *testing.T, b *bench) {
	end := b.Now().Add(time.Hour).Truncate(time.Second).UTC()
	b.put(t, "o", "body", objects.Attributes{ContentType: "a/a", DeleteAt: end})
	before, err := b.Client.Head(t.Context(), b.at("o"), false)
	must(t, "Head", err)
	for _, a := range []objects.Attributes{
		{ContentType: "a/b; x=1", DeleteAt: end.Add(time.Hour)}, {ContentType: "a/c"}, {ContentType: "a/d", DeleteAt: end},
	} {
		must(t, "Post", b.Client.Post(t.Context(), b.at("o"), a))
		got, err := b.Client.Get(t.Context(), b.at("o"), true)
		must(t, "Get", err)
		if string(got.Body) != "body" || got.Attributes != a || !got.Modified.After(before.Modified) {
			t.Errorf("after Post of %v: Get = %q, %v, modified at %v (before it at %v)",
				a, got.Body, got.Attributes, got.Modified, before.Modified)
		}
		before = got
	}
	if e := b.list(t, objects.Listing{}); len(e) != 1 || e[0].ContentType != "a/d" || e[0].Bytes != 4 {
		t.Errorf("List = %v, want the type of the last Post and 4 bytes", e)
	}
}

func testPostType(t *testing.T, b *bench) {
	b.put(t, "o", "body", objects.Attributes{ContentType: "a/a; x=1", DeleteAt: b.Now().Add(time.Hour)})
	must(t, "Post", b.Client.Post(t.Context(), b.at("o"), objects.Attributes{}))
	o, err := b.Client.Head(t.Context(), b.at("o"), true)
	must(t, "Head", err)
	if want := (objects.Attributes{ContentType: "a/a; x=1"}); o.Attributes != want {
		t.Errorf("Head = %v, want %v", o.Attributes, want)
	}
}

func testTypes(t *testing.T, b *bench) {
	types := []string{
		"text/plain", "text/html; charset=latin-1", "application/json", "application/x-marconi-message; e=1800000000; d=0; t=300; c=deadbeef",
		`a/b; c="d; e"; f=g`, `a/b; c="\"q\""`, `a/b; c="ä"`, "a/b;c=d", "a/b; c=" + strings.Repeat("x", 1000),
	}
	for i, contentType := range types {
		name := "o" + strconv.Itoa(i)
		b.put(t, name, "x", objects.Attributes{ContentType: contentType})
		if o, err := b.Client.Head(t.Context(), b.at(name), false); err != nil || o.ContentType != contentType {
			t.Errorf("Head: type %q, %v; want %q", o.ContentType, err, contentType)
		}
	}
	for i, e := range b.list(t, objects.Listing{}) {
		if want := listedType(types[i]); e.ContentType != want {
			t.Errorf("List: type %q, want %q", e.ContentType, want)
		}
	}
	evil := objects.Attributes{ContentType: "a/b\r\nX-Delete-At: 1"}
	wantUnknown(t, "Put with a line break in the type", b.Client.Put(t.Context(), b.at("p"), nil, evil))
}

func testCanceled(t *testing.T, b *bench) {
	ctx := canceled()
	wantUnknown(t, "Put", b.Client.Put(ctx, b.at("o"), nil, objects.Attributes{}))
	_, err := b.Client.Get(ctx, b.at("o"), false)
	wantUnknown(t, "Get", err)
	_, err = b.Client.List(ctx, b.container, objects.Listing{})
	wantUnknown(t, "List", err)
	wantUnknown(t, "Delete", b.Client.Delete(ctx, b.at("o")))
	wantUnknown(t, "PutMany", b.Client.PutMany(ctx, b.container, []objects.Upload{{Name: "a"}, {Name: "b"}}))
	wantUnknown(t, "DeleteMany", b.Client.DeleteMany(ctx, []objects.Path{b.at("a"), b.at("b")}))
	wantUnknown(t, "Ping", b.Client.Ping(ctx))
	must(t, "Ping with a context that goes on", b.Client.Ping(t.Context()))
}
