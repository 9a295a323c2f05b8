package objects_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func TestBadBodies(t *testing.T) {
	right := md5.Sum([]byte("body"))
	for name, answer := range map[string]http.HandlerFunc{
		"shorter than it says": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "body")
		},
		"larger than allowed": text(200, "a/b", strings.Repeat("x", 1001)),
		"larger than allowed, in chunks": func(w http.ResponseWriter, _ *http.Request) {
			for range 1001 {
				_, _ = io.WriteString(w, "x")
			}
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "x")
		},
		"with the MD5 of another": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", hex.EncodeToString(right[:]))
			_, _ = io.WriteString(w, "bodY")
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "bo")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t)
			o := f.options()
			o.MaxBody = 1000
			a := f.openWith(o)
			f.setAnswer(answer)
			got, err := a.Get(t.Context(), objects.Path{Container: "c", Name: "o"}, false)
			if !isUnknown(err) || got.Body != nil {
				t.Errorf("Get = %q, %v; want an error that says nothing known", got.Body, err)
			}
		})
	}
}

func TestGoodBodies(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.MaxBody = 4
	a := f.openWith(o)
	for name, etag := range map[string]string{
		"no MD5": "", "that of a large object": "d41d8cd98f00b204e9800998ecf8427e-2",
		"right": "841a2d689ad86bd1611447453c22c6fc", "right, quoted": `"841a2d689ad86bd1611447453c22c6fc"`,
	} {
		f.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", etag)
			_, _ = io.WriteString(w, "body")
		})
		if got, err := a.Get(t.Context(), objects.Path{Container: "c", Name: "o"}, false); err != nil || string(got.Body) != "body" {
			t.Errorf("%s: Get = %q, %v", name, got.Body, err)
		}
	}
}

// TestWhatCannotBeReadIsNotStored puts a body that no get would take.
func TestWhatCannotBeReadIsNotStored(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.MaxBody = 4
	a := f.openWith(o)
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || len(body) > 4 {
			t.Errorf("%d bytes are stored", len(body))
		}
		w.WriteHeader(http.StatusCreated)
	})
	for body, stored := range map[string]bool{"four": true, "more!": false} {
		if err := a.Put(t.Context(), objects.Path{Container: "c", Name: "o"}, []byte(body), objects.Attributes{}); (err == nil) != stored {
			t.Errorf("Put of %q: %v", body, err)
		}
	}
}

func TestBadListings(t *testing.T) {
	f := startFake(t)
	a := f.open()
	const entry = `{"name": "a", "bytes": 1, "content_type": "a/b", "last_modified": "2026-11-26T01:27:14.050050"}`
	for name, answer := range map[string]http.HandlerFunc{
		"cut off in the middle":   text(200, "application/json", "["+entry+`, {"name"`),
		"cut off between entries": text(200, "application/json", "["+entry+","),
		"empty":                   text(200, "application/json", ""),
		"text":                    text(200, "text/plain", "a\nb\n"),
		"an error as an object":   text(200, "application/json", `{"error": "x"}`),
		"an entry without a name": text(200, "application/json", `[{"subdir": "a/"}]`),
		"an entry without a time": text(200, "application/json", `[{"name": "a"}]`),
		"a time of another kind":  text(200, "application/json", `[{"name": "a", "last_modified": "yesterday"}]`),
		"shorter than it says": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000")
			_, _ = io.WriteString(w, "["+entry+"]")
		},
	} {
		f.setAnswer(answer)
		if got, err := a.List(t.Context(), "c", objects.Listing{}); !isUnknown(err) || got != nil {
			t.Errorf("%s: List = %v, %v; want an error that says nothing known", name, got, err)
		}
	}
	f.setAnswer(text(200, "application/json", "["+entry+"]"))
	if got, err := a.List(t.Context(), "c", objects.Listing{}); err != nil || len(got) != 1 {
		t.Errorf("List = %v, %v; want one entry", got, err)
	}
}

func TestListingAsksForNoMoreThanAPage(t *testing.T) {
	f := startFake(t)
	a := f.open()
	for _, row := range []struct {
		listing objects.Listing
		want    string
	}{
		{objects.Listing{}, "format=json"},
		{objects.Listing{Limit: 100}, "format=json&limit=100"},
		{objects.Listing{Limit: 101}, "format=json&limit=100"}, // the fake's /info says 100
		{objects.Listing{Prefix: "m/ä", Marker: "a+b", End: "z&", Limit: 1, Reverse: true},
			"end_marker=z%26&format=json&limit=1&marker=a%2Bb&prefix=m%2F%C3%A4&reverse=on"},
	} {
		if _, err := a.List(t.Context(), "c", row.listing); err != nil {
			t.Errorf("List: %v", err)
		}
		if got := f.requests(); len(got) != 1 || got[0].URL.RawQuery != row.want {
			t.Errorf("List(%+v) asks for %v, want %s", row.listing, got, row.want)
		}
	}
}

func TestInfo(t *testing.T) {
	inFull := objects.Abilities{BulkDelete: 1000, BulkUpload: 1000, Page: 10_000, Name: 1024, Container: 256}
	inNone := objects.Abilities{Page: 10_000, Name: 1024, Container: 256}
	bulk := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Has("bulk-delete"):
			bulkJSON(`{"Response Status": "200 OK", "Number Deleted": 0, "Number Not Found": 1, "Errors": []}`)(w, r)
		case r.URL.Query().Has("extract-archive"):
			bulkJSON(`{"Response Status": "400 Bad Request", "Response Body": "Invalid Tar File", "Number Files Created": 0}`)(w, r)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
	shortPages := func(w http.ResponseWriter, r *http.Request) {
		if n, _ := strconv.Atoi(r.URL.Query().Get("limit")); n > 250 {
			text(http.StatusPreconditionFailed, "text/plain", "Maximum limit is 250")(w, r)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}
	for _, row := range []struct {
		name   string
		info   http.HandlerFunc
		answer http.HandlerFunc
		want   objects.Abilities
	}{
		{"all is said", text(200, "application/json", infoJSON), status(204),
			objects.Abilities{BulkDelete: 1000, BulkUpload: 1000, Page: 100, Name: 500, Container: 256, Version: "2.30.1"}},
		{"few names at once", text(200, "application/json", `{"swift": {}, "bulk_delete": {"max_deletes_per_request": 7}}`), bulk,
			objects.Abilities{BulkDelete: 7, Page: 10_000, Name: 1024, Container: 256}},
		{"no bulk requests", text(200, "application/json", `{"swift": {"version": "1"}}`), bulk,
			objects.Abilities{Page: 10_000, Name: 1024, Container: 256, Version: "1"}},
		{"nonsense in it", text(200, "application/json", `{"swift": {"container_listing_limit": -1}, "bulk_upload": {"max_failed_extractions": 0}}`), bulk,
			objects.Abilities{BulkUpload: 1000, Page: 10_000, Name: 1024, Container: 256}},
		{"none, but bulk requests", status(404), bulk, inFull},
		{"none, and no bulk requests", status(404), status(204), inNone},
		{"none, and short pages", status(404), shortPages, objects.Abilities{Page: 100, Name: 1024, Container: 256}},
		{"nothing about pages, and they are short", text(200, "application/json", `{"swift": {"version": "1"}}`), shortPages,
			objects.Abilities{Page: 100, Name: 1024, Container: 256, Version: "1"}},
		{"garbage", text(200, "text/html", "<html>welcome"), bulk, inFull},
		{"another's JSON", text(200, "application/json", `{"name": "ceph"}`), status(201), inNone},
		{"too large", text(200, "application/json", strings.Repeat(" ", 2<<20)+infoJSON), bulk, inFull},
		{"an error", status(500), bulk, inFull},
	} {
		f := startFake(t)
		f.info, f.answer = row.info, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			row.answer(w, r)
		}
		if got := f.open().Abilities(); got != row.want {
			t.Errorf("%s: Abilities() = %+v, want %+v", row.name, got, row.want)
		}
	}
}

// To take a server that is starting for one without bulk requests would cost a request an object for as long as this one runs.
func TestInfoOfAServerThatIsStarting(t *testing.T) {
	for _, broken := range []string{"bulk-delete", "extract-archive", "limit"} {
		f := startFake(t)
		f.info = status(503)
		f.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has(broken) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}
		var known *objects.StatusError
		if a, err := objects.Open(t.Context(), f.options()); !errors.As(err, &known) || !known.Passing() {
			t.Errorf("%s: Open = %v, want a 503 that will pass", broken, err)
			if err == nil {
				_ = a.Close()
			}
		}
	}
}

func TestInfoStandsBesideTheAccount(t *testing.T) {
	f := startFake(t)
	f.auth = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Storage-Url", f.URL+"/swift/v1/AUTH_test")
		w.Header().Set("X-Auth-Token", "t")
	}
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/swift/info" {
			_, _ = fmt.Fprint(w, infoJSON)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	if got := f.open().Abilities(); got.Version != "2.30.1" {
		t.Errorf("Abilities() = %+v, want those of /swift/info", got)
	}
}
