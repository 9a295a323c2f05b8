package seqid

import (
	"testing"

	"pgregory.net/rapid"
)

func TestIdentifiersReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epoch := rapid.Int64Range(1, 1<<53-1).Draw(t, "epoch")
		seq := rapid.Int64Range(0, 1<<56-1).Draw(t, "seq")
		got, ok := Parse(epoch, Format(epoch, seq))
		if !ok || got != seq {
			t.Fatalf("Parse(%d, Format(…, %d)) = %d, %v", epoch, seq, got, ok)
		}
		if _, ok := Parse(epoch+1, Format(epoch, seq)); ok {
			t.Fatalf("an identifier of epoch %d was taken for one of %d", epoch, epoch+1)
		}
	})
}

func TestNextNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last := rapid.Int64Range(0, 1<<53).Draw(t, "last")
		now := rapid.Int64Range(0, 1<<42).Draw(t, "now")
		if next := Next(last, now); next <= last || next < now*1024 {
			t.Fatalf("Next(%d, %d) = %d", last, now, next)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(int64(7), "0000000007000000000000ff")
	f.Add(int64(7), "")
	f.Add(int64(-1), "ffffffffffFFFFFFFFFFFFFF")
	f.Fuzz(func(t *testing.T, epoch int64, id string) {
		if seq, ok := Parse(epoch, id); ok && Format(epoch, seq) != id {
			t.Errorf("Parse(%d, %q) = %d, which is written %q", epoch, id, seq, Format(epoch, seq))
		}
	})
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"", "0", "12", "-1", "+1", "01", "9223372036854775808", "zzz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if seq, ok := ParsePosition(text); ok && text != "" && Position(seq) != text {
			t.Errorf("ParsePosition(%q) = %d", text, seq)
		}
	})
}
