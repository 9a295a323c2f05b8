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

// BenchmarkSyncAlways compares posts of 64 clients to a server that syncs before it answers (appendfsync always) with those to one
// that writes the same file and never syncs (appendfsync no), in turns, over one and several connections: goal 0.6, for calls
// that are under way together share a sync. Beside it stand the ratio to a server that has no such file, and the ceiling: what would
// be reached if all 64 shared a sync, on the disk of the moment.
func BenchmarkSyncAlways(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	posts := func(opened storage.Opened) func() error {
		q := newQueue("p", "q")
		return func() error {
			_, err := opened.Data.Post(context.Background(), q, marconi.Post{Client: poster, Messages: []marconi.NewMessage{{TTL: 3600, Body: body}}})
			return err
		}
	}
	start := func(sync string) *testservices.Redis {
		return testservices.StartRedis(b, "--appendonly", "yes", "--appendfsync", sync, "--auto-aof-rewrite-percentage", "0")
	}
	always, no, without := start("always"), start("no"), testservices.StartRedis(b)
	for _, connections := range []string{"1", "2", "4", "8"} {
		b.Run("connections="+connections, func(b *testing.B) {
			at := func(server *testservices.Redis) func() error {
				opened := mustOpenAt(b, "redis://"+server.Address+"?connections="+connections, storage.Options{})
				b.Cleanup(func() { mustClose(b, opened) })
				return posts(opened)
			}
			synced, unsynced, unwritten := at(always), at(no), at(without)
			const turn = 400 * time.Millisecond
			var rates, ratios, bare, ceilings []float64
			for b.Loop() {
				s, n, w := rate(b, clients, turn, synced), rate(b, clients, turn, unsynced), rate(b, clients, turn, unwritten)
				rates, ratios, bare = append(rates, s), append(ratios, s/n), append(bare, s/w)
				ceilings = append(ceilings, 1/(1+syncOf(b, clients)*n/clients))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(middle(rates), "posts/s")
			b.ReportMetric(middle(ratios), "always:no")
			b.ReportMetric(middle(bare), "always:without")
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
