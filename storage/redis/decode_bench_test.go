package redis

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/marconi-mq/marconi"
)

// BenchmarkDecode reads replies of ten messages of 1 KiB: of one client, under one claim or none.
func BenchmarkDecode(b *testing.B) {
	held := packNumber(1<<47, endBytes) + packNumber(1<<47, endBytes) + packNumber(60, ttlBytes) + packNumber(1, 2) +
		packClaim("2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e")
	for name, state := range map[string]string{"listed": "", "claimed": held} {
		b.Run(name, func(b *testing.B) {
			m := tenMessages(b, state)
			b.ReportAllocs()
			for b.Loop() {
				r := parseReply(m)
				if got := r.messages(0, 7); len(got) != 10 || r.err != nil {
					b.Fatalf("%d messages, %v", len(got), r.err)
				}
			}
		})
	}
}

// tenMessages is a script's reply, as the library keeps it.
func tenMessages(tb testing.TB, state string) (m rueidis.RedisMessage) {
	tb.Helper()
	packed := make([]byte, 7)
	head := func(kind byte, n int) { packed = binary.BigEndian.AppendUint64(append(packed, kind), uint64(n)) }
	envelope := packNumber(1<<47, endBytes) + packClient(poster).pack(&marconi.NewMessage{TTL: 3600})
	head('*', 3)
	head(':', 1_786_000_000_000)
	head(':', int(codeDone))
	head('*', 40)
	for i := range 10 {
		for _, text := range []string{strconv.Itoa(1_786_000_000_000<<10 + i), envelope, strings.Repeat("x", 1024), state} {
			head('$', len(text))
			packed = append(packed, text...)
		}
	}
	if err := m.CacheUnmarshalView(packed); err != nil {
		tb.Fatal(err)
	}
	return m
}
