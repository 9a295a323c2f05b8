package ledger

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func drawBody(t *rapid.T) Body {
	return Body{
		Run:      rapid.String().Draw(t, "run"),
		Producer: rapid.Uint32().Draw(t, "producer"),
		Queue:    rapid.Uint64().Draw(t, "queue"),
		Number:   rapid.Uint32Max(maxNumber).Draw(t, "number"),
		Batch:    rapid.Uint32Max(maxNumber).Draw(t, "batch"),
		Index:    rapid.IntRange(0, maxBatch).Draw(t, "index"),
		Size:     rapid.IntRange(0, maxBatch).Draw(t, "size"),
		Intended: time.Duration(rapid.Int64Range(0, math.MaxInt64).Draw(t, "intended")),
		Filler:   []byte(rapid.String().Draw(t, "filler")),
	}
}

func TestBodyReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawBody(t)
		text := want.Append(nil)
		got, err := ParseBody(text)
		if err != nil {
			t.Fatalf("ParseBody(%s): %v", text, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("ParseBody(%s): %s", text, diff)
		}
	})
}

func TestBodyMayBeSpelledAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawBody(t)
		var values map[string]json.RawMessage
		if err := json.Unmarshal(want.Append(nil), &values); err != nil {
			t.Fatalf("%s is not JSON: %v", want.Append(nil), err)
		}
		text, err := json.MarshalIndent(values, " ", "\t") // sorted, with blanks
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseBody(append(text, "\r\n"...))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("ParseBody(%s): %v %s", text, err, diff)
		}
	})
}

func TestNoChangeOfAByteGoesUnseen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawBody(t)
		text := want.Append(nil)
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if got, err := ParseBody(text); err == nil && !cmp.Equal(want, got, cmpopts.EquateEmpty()) {
			t.Fatalf("ParseBody(%s) = %+v, and it was %+v", text, got, want)
		}
	})
}

func TestPadded(t *testing.T) {
	b := Body{Run: "r", Producer: 3, Number: 77, Size: 1}
	shortest := len(b.Append(nil))
	for _, size := range []int{0, shortest, shortest + 1, 1024, 245760} {
		text := b.AppendPadded([]byte("before"), size, 0)[len("before"):]
		if want := max(size, shortest); len(text) != want || !json.Valid(text) {
			t.Errorf("AppendPadded(%d) has %d bytes of JSON (valid: %v), want %d", size, len(text), json.Valid(text), want)
		}
		got, err := ParseBody(text)
		if again := got.Append(nil); err != nil || !bytes.Equal(again, text) {
			t.Errorf("AppendPadded(%d) reads back as %s (%v), not as %s", size, again, err, text)
		}
	}
	filler := func(b Body, compressible float64) []byte {
		got, err := ParseBody(b.AppendPadded(nil, 1024, compressible))
		if err != nil {
			t.Fatal(err)
		}
		return got.Filler
	}
	first := filler(b, 0)
	if !bytes.Equal(first, filler(b, 0)) {
		t.Error("the same message has two fillers")
	}
	other := b
	other.Number++
	if bytes.Equal(first, filler(other, 0)) {
		t.Error("two messages have one filler")
	}
	letters := map[byte]int{}
	for _, c := range first {
		letters[c]++
	}
	if len(letters) != 64 {
		t.Errorf("a filler of %d bytes has %d letters, want 64", len(first), len(letters))
	}
	same := bytes.Repeat([]byte{'x'}, len(first)/2)
	if half := filler(b, 0.5); !bytes.HasPrefix(half, same) || bytes.Count(half[len(same):], []byte{'x'}) > 30 {
		t.Errorf("half of a filler should be one letter: %s", half)
	}
	if all := filler(b, 1); len(bytes.Trim(all, "x")) != 0 {
		t.Errorf("all of a filler should be one letter: %s", all)
	}
}

func TestParseBodyRefuses(t *testing.T) {
	good := string(Body{Run: "r", Producer: 1, Queue: 2, Number: 4, Batch: 4, Size: 1, Intended: 5, Filler: []byte("ff")}.Append(nil))
	for _, test := range []struct{ name, from, to string }{
		{"another checksum", `"x":"`, `"x":"0`},
		{"a checksum in capitals", `"q":"0000000000000002"`, `"q":"000000000000000A"`},
		{"a member twice", `"p":1`, `"p":1,"p":1`},
		{"a member too few", `"p":1,`, ``},
		{"a member too many", `"p":1`, `"z":1,"p":1`},
		{"a long name", `"p":1`, `"pp":1`},
		{"a number as a text", `"n":4`, `"n":"4"`},
		{"a number with a sign", `"n":4`, `"n":-4`},
		{"a number with a leading zero", `"n":4`, `"n":04`},
		{"a fraction", `"n":4`, `"n":4.0`},
		{"a number that is too large", `"k":1`, `"k":65536`},
		{"a number that is far too large", `"t":5`, `"t":9223372036854775808`},
		{"a text as a number", `"r":"r"`, `"r":1`},
		{"another value", `"n":4`, `"n":5`},
		{"another filler", `"ff"`, `"fg"`},
		{"a text without an end", `"ff"}`, `"ff`},
		{"an escape without an end", `"ff"}`, `"f\`},
		{"a wrong escape", `"ff"`, `"f\x66"`},
		{"a list", `{`, `[{`},
		{"more behind it", `"ff"}`, `"ff"}}`},
		{"nothing", good, ``},
		{"an empty object", good, `{}`},
	} {
		text := strings.Replace(good, test.from, test.to, 1)
		if got, err := ParseBody([]byte(text)); err == nil {
			t.Errorf("ParseBody of %s: %s = %+v, want an error", test.name, text, got)
		}
	}
	if _, err := ParseBody([]byte(strings.Replace(good, `"ff"`, `"f\u0066"`, 1))); err != nil {
		t.Errorf("ParseBody of a text with an escape: %v", err)
	}
}

func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`{"r":"run","p":1}`))
	f.Add(Body{Run: "run", Size: 1}.Append(nil))
	f.Add(Body{Run: "ü\"", Size: 1, Filler: []byte("\\\n")}.Append(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := ParseBody(text)
		if err != nil {
			return
		}
		again, err := ParseBody(body.Append(nil))
		if diff := cmp.Diff(body, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("%s reads as %+v, and that as %+v: %v", text, body, again, err)
		}
	})
}

func TestQueueHash(t *testing.T) {
	seen := map[uint64][2]string{}
	for _, name := range [][2]string{{"", ""}, {"a", "b"}, {"ab", ""}, {"", "ab"}, {"a", "c"}, {"b", "b"}, {"a.b", "c"}, {"a", "b.c"}} {
		h := QueueHash(name[0], name[1])
		if other, found := seen[h]; found {
			t.Errorf("%q and %q have the same hash", name, other)
		}
		seen[h] = name
	}
	want := fnv.New64a()
	want.Write([]byte("p\x00q"))
	if got := QueueHash("p", "q"); got != want.Sum64() {
		t.Errorf("QueueHash(p, q) = %#x, want %#x, the same in every process", got, want.Sum64())
	}
}
