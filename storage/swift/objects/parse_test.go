package objects

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParseStamp(t *testing.T) {
	for _, row := range []struct {
		in   string
		want time.Time
	}{
		{"1795656612.09765", time.UnixMicro(1795656612097650).UTC()},
		{"1795656612", time.Unix(1795656612, 0).UTC()},
		{"1795656612.1234567", time.UnixMicro(1795656612123456).UTC()},
		{"", time.Time{}}, {"x", time.Time{}}, {"1.-5", time.Time{}}, {"1.2e5", time.Time{}}, {"1e400000000", time.Time{}},
	} {
		if got := parseStamp(row.in); !got.Equal(row.want) {
			t.Errorf("parseStamp(%q) = %v, want %v", row.in, got, row.want)
		}
	}
}

func TestParseObjectWithoutAStamp(t *testing.T) {
	got := parseObject(http.Header{"Last-Modified": {"Thu, 26 Nov 2026 01:30:13 GMT"}, "X-Delete-At": {"soon"}})
	if want := time.Date(2026, 11, 26, 1, 30, 13, 0, time.UTC); !got.Modified.Equal(want) || !got.DeleteAt.IsZero() {
		t.Errorf("parseObject = %+v, want it modified at %v", got, want)
	}
}

func TestParseISO(t *testing.T) {
	want := time.Date(2026, 11, 26, 1, 27, 14, 50_050_000, time.UTC)
	for _, in := range []string{"2026-11-26T01:27:14.050050", "2026-11-26T01:27:14.05005Z", "2026-11-26T01:27:14.050050999Z"} {
		if got, err := parseISO(in); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("parseISO(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := parseISO("2026-11-26T01:27:14"); err != nil || !got.Equal(want.Truncate(time.Second)) {
		t.Errorf("parseISO of whole seconds = %v, %v", got, err)
	}
}

func TestDeleteAtIsRoundedUp(t *testing.T) {
	for _, row := range []struct{ nanos, want int64 }{{0, 10}, {1, 11}, {999_999_999, 11}} {
		if got := deleteAt(time.Unix(10, row.nanos)); got != row.want {
			t.Errorf("deleteAt(10 s and %d ns) = %d, want %d", row.nanos, got, row.want)
		}
	}
}

// Whatever a server answers, it is an entry for each name, or an error.
func FuzzParseListing(f *testing.F) {
	f.Add([]byte(`[{"bytes": 2, "hash": "49", "name": "a.html", "content_type": "text/html", "last_modified": "2026-11-26T01:27:14.050050"}]`))
	f.Add([]byte(`[{"subdir": "a/"}]`))
	f.Add([]byte(`[{"name": "\ud83d\ude00", "last_modified": "2026-11-26T01:27:14Z"}, null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		entries, err := parseListing(body)
		if err != nil && entries != nil {
			t.Errorf("parseListing(%q) = %v and %v", body, entries, err)
		}
		for _, e := range entries {
			if !utf8.ValidString(e.Name) || e.Modified.Location() != time.UTC || e.Modified.Nanosecond()%1000 != 0 {
				t.Errorf("parseListing(%q) has %+v", body, e)
			}
		}
		names, err := parseContainers(body)
		if err != nil && names != nil {
			t.Errorf("parseContainers(%q) = %v and %v", body, names, err)
		}
	})
}

// An answer counts as success only if it says so, and lists no error.
func FuzzParseBulk(f *testing.F) {
	f.Add([]byte(`  {"Response Status": "200 OK", "Response Body": "", "Number Deleted": 1, "Number Not Found": 2, "Errors": []}`))
	f.Add([]byte(`{"Response Status": "400 Bad Request", "Number Files Created": 0, "Errors": [["a", "409 Conflict"], [], ["b"]]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ans := answer{status: http.StatusOK, body: body}
		r, ok := parseBulk(ans)
		if err := r.err(); ok && err == nil && (len(r.Errors) > 0 || r.Status[0] != '2') {
			t.Errorf("%q counts as success", body)
		}
		if bulkRefused(ans) && !strings.Contains(string(body), "401") && !strings.Contains(string(body), `\u`) {
			t.Errorf("%q counts as a token refused", body)
		}
	})
}

func FuzzParseInfo(f *testing.F) {
	f.Add([]byte(`{"swift": {"version": "2.30.1", "container_listing_limit": 10000}, "bulk_delete": {}}`))
	f.Add([]byte(`{"swift": null}`))
	f.Add([]byte(`{"swift": {}}`)) // which is silent about pages
	f.Fuzz(func(t *testing.T, body []byte) {
		a, ok := parseInfo(body)
		if !ok && a != (Abilities{}) || ok && (a.Page < 0 || a.Name < 1 || a.Container < 1) || a.BulkDelete > mostBulk || a.BulkUpload > mostBulk {
			t.Errorf("parseInfo(%q) = %+v, %v", body, a, ok)
		}
	})
}

// A name that was escaped is read by the server as it was, and stays behind its container.
func FuzzPath(f *testing.F) {
	account, err := url.Parse("https://host:8080/v1/AUTH_t%C3%A4st")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"a", "/a//b/", "..", "a?b#c%2F", "ä b+c;d", "\x7f\n"} {
		f.Add("c", name)
	}
	f.Fuzz(func(t *testing.T, container, name string) {
		if checkPath(Path{container, name}) != nil {
			return
		}
		u, err := url.ParseRequestURI(request{container: container, name: name}.url(account).RequestURI())
		if err != nil {
			t.Fatalf("%q, %q: %v", container, name, err)
		}
		if want := "/v1/AUTH_täst/" + container + "/" + name; u.Path != want || u.RawQuery != "" {
			t.Errorf("%q, %q is sent as %q, want %q", container, name, u.Path, want)
		}
		if line := string(bulkDeleteRequest([]Path{{container, name}}).body); strings.Count(line, "\n") != 1 || strings.ContainsAny(line, " \t\r?#") {
			t.Errorf("%q, %q is the line %q of a bulk request", container, name, line)
		}
	})
}
