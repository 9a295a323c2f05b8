package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

const benchClient = marconi.ClientID("3381af92-2b9e-11e3-b191-71861300734c")

func benchPost(n, size int) marconi.Post {
	p := marconi.Post{Client: benchClient}
	for range n {
		p.Messages = append(p.Messages, marconi.NewMessage{TTL: 3600, Body: bytes.Repeat([]byte("x"), size)})
	}
	return p
}

func openBench(b *testing.B, options string) *dataStore {
	b.Helper()
	s := mustOpen(b, "sqlite:///"+filepath.Join(b.TempDir(), "bench.db")+options, storage.Options{})
	b.Cleanup(func() { mustClose(b, s) })
	return s.Data.(*dataStore)
}

// together shares b.N calls of f among goroutines.
func together(b *testing.B, callers int, f func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := f(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// BenchmarkDepth shows that no operation costs more on a longer queue.
func BenchmarkDepth(b *testing.B) {
	for _, depth := range []int{100, 10_000, 100_000} {
		d := openBench(b, "?synchronous=off")
		fill(b, d, ref("q"), depth)
		ctx := context.Background()
		for name, f := range map[string]func(i int) error{
			"list10": func(int) error {
				_, err := d.List(ctx, ref("q"), marconi.Listing{Limit: 10, Client: "somebody else"})
				return err
			},
			"stats": func(int) error { _, err := d.Stats(ctx, ref("q")); return err },
			"claim10 and release": func(i int) error {
				id := marconi.ClaimID(fmt.Sprintf("claim-%d", i))
				if _, err := d.Claim(ctx, ref("q"), marconi.ClaimRequest{ID: id, TTL: 300, Limit: 10}); err != nil {
					return err
				}
				return d.Release(ctx, ref("q"), id)
			},
		} {
			b.Run(fmt.Sprintf("%s/depth=%d", name, depth), func(b *testing.B) { together(b, 1, f) })
		}
	}
}

func fill(b *testing.B, d *dataStore, ref marconi.QueueRef, n int) {
	b.Helper()
	for n > 0 {
		p := benchPost(min(n, 1000), 1024)
		if _, err := d.Post(context.Background(), ref, p); err != nil {
			b.Fatal(err)
		}
		n -= len(p.Messages)
	}
}
