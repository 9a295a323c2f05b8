package redis

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"pgregory.net/rapid"

	"github.com/marconi-mq/marconi"
)

// packNumber packs a number of n bytes as the scripts do.
func packNumber(v int64, n int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(v)))[8-n:]
}

// TestEnvelopes brings any client and checksum back as they were.
func TestEnvelopes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		client := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), rapid.StringMatching(`[0-9A-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`))
		sum := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringMatching(`MD5:[0-9a-f]{32}`), rapid.StringMatching(`MD5:[0-9A-F]{32}`), rapid.StringMatching(`MD5:[0-9a-f]{0,40}`))
		id := marconi.ClientID(client.Draw(t, "client"))
		want := envelope{
			ttl: marconi.Seconds(rapid.Int64Range(1, 1<<32-1).Draw(t, "ttl")), client: packClient(id), checksum: sum.Draw(t, "checksum"),
		}
		m := marconi.NewMessage{TTL: want.ttl, Delay: marconi.Seconds(rapid.Int64Range(0, 1).Draw(t, "delay")), Checksum: want.checksum}
		packed := packNumber(1, endBytes) + want.client.pack(&m)
		if m.Delay > 0 { // its length is replaced by its end
			packed = packed[:len(packed)-ttlBytes] + packNumber(2, endBytes)
		}
		got, err := parseEnvelope(packed)
		if err != nil || got != want {
			t.Fatalf("parseEnvelope(%q) = %+v, %v; want %+v", packed, got, err, want)
		}
		if got := got.client.unpack(); got != id {
			t.Fatalf("client %q comes back as %q", id, got)
		}
	})
}

func TestStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := marconi.ClaimID(rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), rapid.StringMatching(`dlq:[0-9a-f]{32}`)).Draw(t, "claim"))
		other := marconi.ClaimID(rapid.String().Draw(t, "other"))
		if id != other && packClaim(id) == packClaim(other) {
			t.Fatalf("claims %q and %q are packed alike", id, other)
		}
		want := state{
			known: true, claim: packClaim(id), claimEnd: rapid.Int64Range(0, 1<<48-1).Draw(t, "end"),
			ttl: marconi.Seconds(rapid.Int64Range(0, 1<<32-1).Draw(t, "ttl")), claims: rapid.IntRange(0, 1<<16-1).Draw(t, "claims"),
		}
		loose := packNumber(9, endBytes) + packNumber(int64(want.ttl), 4) + packNumber(int64(want.claims), 2)
		packed := packNumber(want.claimEnd, endBytes) + loose + packClaim(id)
		got, err := parseState(packed)
		if err != nil || got != want {
			t.Fatalf("parseState(%q) = %+v, %v; want %+v", packed, got, err, want)
		}
		if got, err := unpackClaim(got.claim); err != nil || got != id {
			t.Fatalf("claim %q comes back as %q, %v", id, got, err)
		}
		want.claim, want.claimEnd = "", 0
		if got, err := parseState(loose); err != nil || got != want {
			t.Fatalf("parseState(%q) = %+v, %v; want %+v", loose, got, err, want)
		}
	})
}

// TestALeaseIsNoClaim that a client can name by what it is made of.
func TestALeaseIsNoClaim(t *testing.T) {
	lease := newLease()
	if !isLease(packClaim(lease)) {
		t.Errorf("%q is packed as no lease", lease)
	}
	for _, id := range []marconi.ClaimID{"", "dlq:", "dlq:0", marconi.ClaimID(packClaim(lease)), "\x02aaaaaaaaaaaaaaaa", marconi.ClaimID(strings.ToUpper(string(lease)))} {
		if isLease(packClaim(id)) {
			t.Errorf("%q is packed as a lease", id)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("1829384756473728", packNumber(1, 6)+packNumber(60, 4)+"\x02"+strings.Repeat("u", 16), "")
	f.Add("1", packNumber(1, 6)+packNumber(60, 4)+"\x01\x00\x02ab"+packNumber(2, 6), packNumber(3, 6)+packNumber(60, 4)+"\x00\x01")
	f.Add("1", packNumber(1, 6)+packNumber(60, 4)+"\x06"+strings.Repeat("u", 32), packNumber(3, 6)+packNumber(9, 6)+packNumber(60, 4)+"\x00\x01\x00claim")
	f.Add("-1", "", "\x00")
	f.Fuzz(func(t *testing.T, number, packed, packedState string) {
		d := decoder{ids: identifiers{of: 1}, now: time.Now().UnixMilli()}
		first, err := d.message(number, packed, packedState)
		if err == nil && (first.Age < 0 || len(first.ID) != 24 || first.ClaimCount < 0) {
			t.Errorf("message(%q, %q, %q) = %+v", number, packed, packedState, first)
		}
		again, errAgain := d.message(number, packed, packedState)
		if !cmp.Equal(again, first) || (errAgain == nil) != (err == nil) {
			t.Errorf("message(%q, %q, %q) = %+v, %v, and after that %+v, %v", number, packed, packedState, first, err, again, errAgain)
		}
	})
}

// FuzzReply reads replies of any shape in all the ways there are.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"", "a5i\x05i\x00i\x07a0a0", "a2i\x05i\x02", "a3i\x05i\x00a4s\x01a", "a2s\x01ai\x63", "a3i\x00i\x00n", "i\x05"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		packed, _ := build(make([]byte, 7), program, 4) // behind the time at which it ends
		var m rueidis.RedisMessage
		if err := m.CacheUnmarshalView(packed); err != nil {
			t.Fatalf("the test builds no message of %q: %v", program, err)
		}
		r := parseReply(m)
		for i := range 4 {
			got, n := r.messages(i, 1), r.number(i)
			if r.err == nil && len(r.fields) <= i {
				t.Errorf("field %d of %d was read: %v, %d", i, len(r.fields), got, n)
			}
		}
	})
}

// build makes a message as the library keeps one, of a program: a and a digit for an array, i and a byte for a number, s, a length and bytes
// for a text, anything else for nothing.
func build(packed, program []byte, depth int) (message, rest []byte) {
	next := func() byte {
		if len(program) == 0 {
			return 0
		}
		b := program[0]
		program = program[1:]
		return b
	}
	kind, size := next(), int(next())
	number := func(typ byte, n int) { packed = binary.BigEndian.AppendUint64(append(packed, typ), uint64(n)) }
	switch {
	case kind == 'a' && depth > 0:
		number('*', size%10)
		for range size % 10 {
			packed, program = build(packed, program, depth-1)
		}
	case kind == 'i':
		number(':', size)
	case kind == 's':
		size = min(size, len(program))
		number('$', size)
		packed, program = append(packed, program[:size]...), program[size:]
	default:
		number('_', 0)
	}
	return packed, program
}

func FuzzNews(f *testing.F) {
	for _, seed := range []string{"p3 mq1:{p/q/7}:h \x00\x00\x02ab", "p3 mq1:{p/q/7}:h \x0216 bytes of UUID!", "n-5 mq1:{p/q/7}:h", "f1 ", "x1 a", "p a b", "p9223372036854775807 a  b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		n, ok := parseNews(payload)
		if ok && strings.Contains(n.header, " ") {
			t.Errorf("parseNews(%q) = %+v", payload, n)
		}
	})
}

func TestNews(t *testing.T) {
	for _, client := range []marconi.ClientID{"a client with blanks", "", "2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e"} {
		envelope := packClient(client).pack(&marconi.NewMessage{TTL: 60, Delay: 1, Checksum: "sum"})
		n, ok := parseNews("p3 mq1:{p/q/7}:h " + envelope[ttlBytes:])
		if want := (news{newsPosted, 3, "mq1:{p/q/7}:h", client}); !ok || n != want {
			t.Errorf("news = %+v, %v; want %+v", n, ok, want)
		}
	}
	if n, ok := parseNews("p3 mq1:{p/q/7}:h \x00\x00\x09short"); ok {
		t.Errorf("news that are cut off = %+v", n)
	}
}

func FuzzRecord(f *testing.F) {
	for _, seed := range []string{"7 {}", "7", "7 ", " {}", "0 {}", "-1 {}", "07 {}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := parseRecord(marconi.QueueKey{Name: "q"}, text)
		if err == nil && (q.Incarnation <= 0 || len(q.Metadata) == 0) {
			t.Errorf("parseRecord(%q) = %+v", text, q)
		}
	})
}
