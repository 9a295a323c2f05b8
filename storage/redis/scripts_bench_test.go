//go:build unix

package redis

import (
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
)

// BenchmarkScripts reports how many µs of the server's time the usual scripts take, each of ten messages of 1 KiB: the least of several
// rounds, for what other programs do to times is added to them.
func BenchmarkScripts(b *testing.B) {
	f := newRunningFixture(b)
	ctx, body := b.Context(), []byte(`"`+strings.Repeat("x", 1022)+`"`)
	post := func(q marconi.QueueRef, n int) {
		batch := make([]marconi.NewMessage, n)
		for i := range batch {
			batch[i] = marconi.NewMessage{TTL: 3600, Body: body}
		}
		if _, err := f.Post(ctx, q, marconi.Post{Client: poster, Messages: batch}); err != nil {
			b.Fatal(err)
		}
	}
	const each = 100 // calls of a round
	costs := map[string][]float64{}
	measure := func(name string, do func(i int)) {
		f.server.Do("CONFIG", "RESETSTAT")
		for i := range each {
			do(i)
		}
		costs[name] = append(costs[name], f.spent())
	}
	for b.Loop() {
		f.server.Do("FLUSHALL")
		f.q = newQueue("p", "q")
		post(f.q, 1)
		measure("post1", func(int) { post(f.q, 1) })
		measure("post10", func(int) { post(f.q, 10) })
		measure("list10", func(int) {
			if err := wantMessages(f.listed(10)); err != nil {
				b.Fatal(err)
			}
		})
		claimed := make([][]marconi.MessageID, each)
		measure("claim10", func(i int) {
			_, got := f.claim(300, 10)
			for _, m := range got {
				claimed[i] = append(claimed[i], m.ID)
			}
		})
		measure("delete10", func(i int) {
			if err := f.DeleteMessages(ctx, f.q, claimed[i], nil); err != nil {
				b.Fatal(err)
			}
		})
		f.claim(300, 1)
		post(f.q, 10*each)
		measure("pop10", func(int) { f.pop(10) })
	}
	b.ReportMetric(0, "ns/op")
	for name, us := range costs {
		b.ReportMetric(slices.Min(us), name+"-us")
	}
}
