package indexed

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const someHash = "abcdefghijklmnopqrstuvwxyz"

func someReference() reference {
	return reference{
		at:     objects.Path{Container: "marconi-segments-07", Name: someHash + "/0123456789abcdef0123456"},
		number: 2, count: 3, end: time.Unix(1_950_000_000, 0),
	}
}

func TestReferenceIsReadAsItWasWritten(t *testing.T) {
	r := someReference()
	kept := r.encode()
	body, got, err := unwrap(kept)
	if err != nil || body != nil {
		t.Fatalf("unwrap(%s) = %q, %v", kept, body, err)
	}
	if diff := cmp.Diff(r, got, cmp.AllowUnexported(reference{})); diff != "" {
		t.Errorf("unwrap(%s) (-want +got):\n%s", kept, diff)
	}
	if !json.Valid(kept) {
		t.Errorf("%s is no JSON", kept)
	}
}

// Whatever a client sends comes back as a body, also what looks like a reference.
func TestBodyIsNeverAReference(t *testing.T) {
	for _, body := range []string{
		`1`, `null`, `""`, `[]`, `[1, 2]`, `{"a": [1]}`, " [ ] ", string(someReference().encode()), `[` + string(someReference().encode()) + `]`,
	} {
		kept := wrap([]byte(body))
		got, r, err := unwrap(kept)
		if err != nil || string(got) != body || r != (reference{}) {
			t.Errorf("unwrap(wrap(%s)) = %q, %+v, %v", body, got, r, err)
		}
		if !json.Valid(kept) {
			t.Errorf("%s is kept as %s, which is no JSON", body, kept)
		}
	}
}

func TestWrapProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		if got, r, err := unwrap(wrap(body)); err != nil || !bytes.Equal(got, body) || got == nil || r.count != 0 {
			t.Fatalf("unwrap(wrap(%q)) = %q, %+v, %v", body, got, r, err)
		}
	})
}

func TestWhatIsNoReference(t *testing.T) {
	good := string(someReference().encode())
	for _, row := range []struct{ what, kept string }{
		{"nothing", ``},
		{"a quote", `"`},
		{"a bracket", `[`},
		{"unlike brackets", `[1"`},
		{"an object", `{"a": 1}`},
		{"an empty text", `""`},
		{"another version", strings.Replace(good, `"1/`, `"2/`, 1)},
		{"a part too few", strings.Replace(good, "/2/3/", "/2/", 1)},
		{"a part too many", strings.Replace(good, "/2/3/", "/2/3/4/", 1)},
		{"no container", strings.Replace(good, "marconi-segments-07", "", 1)},
		{"a short hash", strings.Replace(good, someHash, someHash[1:], 1)},
		{"no name", strings.Replace(good, "0123456789abcdef0123456", "", 1)},
		{"a number as large as the count", strings.Replace(good, "/2/3/", "/3/3/", 1)},
		{"a negative number", strings.Replace(good, "/2/3/", "/-2/3/", 1)},
		{"no bodies", strings.Replace(good, "/2/3/", "/0/0/", 1)},
		{"an end that is no number", strings.Replace(good, "1950000000", "soon", 1)},
	} {
		if body, r, err := unwrap([]byte(row.kept)); !errors.Is(err, errReference) {
			t.Errorf("%s: unwrap(%s) = %q, %+v, %v, want %v", row.what, row.kept, body, r, err, errReference)
		}
	}
}

func FuzzReference(f *testing.F) {
	f.Add(someReference().encode())
	f.Add([]byte(`[{"a": 1}]`))
	f.Add([]byte(`"1/c/` + someHash + `/n/0/1/0"`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		body, r, err := unwrap(kept)
		switch {
		case err != nil:
		case r.count > 0:
			_, again, err := unwrap(r.encode())
			if err != nil || again != r {
				t.Errorf("%q is %+v, which is written as %q and read as %+v, %v", kept, r, r.encode(), again, err)
			}
		case !bytes.Equal(wrap(body), kept):
			t.Errorf("%q is body %q, which is wrapped as %q", kept, body, wrap(body))
		}
	})
}
