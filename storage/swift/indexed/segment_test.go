package indexed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSegmentGivesBackWhatItHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bodies := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 20).Draw(t, "bodies")
		name := rapid.String().Draw(t, "name")
		made := newSegment(name, bodies)
		got, err := parseSegment(name, made.raw)
		if err != nil {
			t.Fatalf("parseSegment of what was laid out: %v", err)
		}
		for _, s := range []*segment{made, got} {
			if !slices.EqualFunc(bodies, s.bodies, bytes.Equal) {
				t.Fatalf("bodies %q, want %q", s.bodies, bodies)
			}
		}
		if cap(made.raw) > len(made.raw)+8*(len(bodies)+1) {
			t.Errorf("a segment of %d bytes takes %d", len(made.raw), cap(made.raw))
		}
	})
}

// Whatever bit is turned and wherever it is cut, a segment is not taken for whole.
func TestTornSegments(t *testing.T) {
	const name = "hash/name"
	whole := newSegment(name, [][]byte{[]byte(`{"a": 1}`), []byte(`2`), []byte(`"three"`)}).raw
	for i := range whole {
		if _, err := parseSegment(name, whole[:i]); !errors.Is(err, errSegment) {
			t.Errorf("the first %d of %d bytes: %v, want %v", i, len(whole), err, errSegment)
		}
		for bit := range 8 {
			turned := bytes.Clone(whole)
			turned[i] ^= 1 << bit
			if _, err := parseSegment(name, turned); !errors.Is(err, errSegment) {
				t.Errorf("bit %d of byte %d turned: %v, want %v", bit, i, err, errSegment)
			}
		}
	}
}

func TestForeignSegments(t *testing.T) {
	raw := newSegment("hash/one", [][]byte{[]byte("1")}).raw
	for _, name := range []string{"hash/two", "", "hash/on", "hash/one\x00"} {
		if _, err := parseSegment(name, raw); !errors.Is(err, errSegment) {
			t.Errorf("a segment under the name %q: %v, want %v", name, err, errSegment)
		}
	}
}

// seal makes content that a segment's sum stands behind, so that the decoder looks at it.
func seal(name string, content []byte) []byte {
	raw := append([]byte(magic), content...)
	return binary.BigEndian.AppendUint32(raw, sumOf(name, raw))
}

func TestSealedNonsense(t *testing.T) {
	for _, row := range []struct {
		what    string
		content []byte
	}{
		{"nothing", nil},
		{"a number cut off", []byte{0x80}},
		{"a number of eleven bytes", bytes.Repeat([]byte{0xff}, 11)},
		{"more bodies than bytes", []byte{3, 1, 'a'}},
		{"very many bodies", binary.AppendUvarint(nil, 1<<62)},
		{"a body longer than all", []byte{1, 5, 'a'}},
		{"a body longer than any", append([]byte{1}, binary.AppendUvarint(nil, 1<<63)...)},
		{"a body too few", []byte{2, 1, 'a'}},
		{"something behind", []byte{1, 1, 'a', 'b'}},
	} {
		if s, err := parseSegment("n", seal("n", row.content)); !errors.Is(err, errSegment) {
			t.Errorf("%s: %v, %v, want %v", row.what, s, err, errSegment)
		}
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(newSegment("n", [][]byte{[]byte("1"), []byte(`"two"`)}).raw[len(magic):])
	f.Add([]byte{2, 0, 1, 'x'})
	f.Fuzz(func(t *testing.T, content []byte) {
		_, _ = parseSegment("n", content) // must not panic
		s, err := parseSegment("n", seal("n", content))
		if err != nil {
			return
		}
		again, err := parseSegment("n", newSegment("n", s.bodies).raw)
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if diff := cmp.Diff(s.bodies, again.bodies); diff != "" {
			t.Errorf("what was read is something else the second time (-first +second):\n%s", diff)
		}
	})
}
