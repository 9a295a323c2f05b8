//go:build unix

package redis

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// BenchmarkSyncAlways compares posts of 64 clients to a server that syncs before it answers with those to one that never does, in turns:
// goal 0.6, for calls that are under way together share a sync.
func BenchmarkSyncAlways(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	posts := func(f *fixture) func() error {
		return func() error {
			_, err := f.Post(context.Background(), f.q, marconi.Post{Client: poster, Messages: []marconi.NewMessage{{TTL: 3600, Body: body}}})
			return err
		}
	}
	always := newRunningFixture(b, "--appendonly", "yes", "--appendfsync", "always")
	never := newRunningFixture(b)
	synced, unsynced := posts(always), posts(never)
	var rates, ratios []float64
	for b.Loop() {
		s, u := rate(b, 64, 400*time.Millisecond, synced), rate(b, 64, 400*time.Millisecond, unsynced)
		rates, ratios = append(rates, s), append(ratios, s/u)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(middle(rates), "posts/s")
	b.ReportMetric(middle(ratios), "ratio")
}
