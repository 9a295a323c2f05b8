//go:build unix

package redis

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

// BenchmarkSyncAlways compares posts of 64 clients to a server that syncs before it answers with those to one that never does,
// in turns, over one and several connections: goal 0.6, for calls that are under way together share a sync. The ceiling is what
// would be reached if all 64 shared one, on the disk of the moment.
func BenchmarkSyncAlways(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	posts := func(opened storage.Opened) func() error {
		q := newQueue("p", "q")
		return func() error {
			_, err := opened.Data.Post(context.Background(), q, marconi.Post{Client: poster, Messages: []marconi.NewMessage{{TTL: 3600, Body: body}}})
			return err
		}
	}
	always := testservices.StartRedis(b, "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
	never := testservices.StartRedis(b)
	for _, connections := range []string{"1", "2", "4", "8"} {
		b.Run("connections="+connections, func(b *testing.B) {
			opened := mustOpenAt(b, "redis://"+always.Address+"?connections="+connections, storage.Options{})
			other := mustOpen(b, never, storage.Options{})
			defer mustClose(b, opened)
			defer mustClose(b, other)
			synced, unsynced := posts(opened), posts(other)
			var rates, ratios, ceilings []float64
			for b.Loop() {
				s, u := rate(b, clients, 400*time.Millisecond, synced), rate(b, clients, 400*time.Millisecond, unsynced)
				rates, ratios = append(rates, s), append(ratios, s/u)
				ceilings = append(ceilings, 1/(1+syncOf(b, clients)*u/clients))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(rates), "posts/s")
			b.ReportMetric(middle(ratios), "ratio")
			b.ReportMetric(middle(ceilings), "ceiling")
		})
	}
}

const clients = 64

// syncOf is how long, in seconds, the disk takes to append and sync what so many posts of 1 KiB put into the append-only file.
func syncOf(b *testing.B, posts int) float64 {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const times, bytesOfPost = 100, 1300
	text := bytes.Repeat([]byte("x"), posts*bytesOfPost)
	from := time.Now()
	for range times {
		if _, err := f.Write(text); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(from).Seconds() / times
}
