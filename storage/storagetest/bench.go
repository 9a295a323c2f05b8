package storagetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/marconi-mq/marconi"
)

// Benchmarks measures what a driver costs, so that drivers can be put side by side. Those with a depth show by the
// difference what a queue's length costs: laws S3 and C2 want next to nothing.
func Benchmarks(b *testing.B, h Harness) {
	r := openRunning(b, h)
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("post messages=%d", n), func(b *testing.B) { benchPost(b, r, n) })
		b.Run(fmt.Sprintf("post messages=%d parallel", n), func(b *testing.B) { benchPostParallel(b, r, n) })
		b.Run(fmt.Sprintf("post, claim and delete messages=%d", n), func(b *testing.B) { benchThroughput(b, r, n) })
	}
	for _, depth := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("claim 10 behind claimed depth=%d", depth), func(b *testing.B) { benchClaimBehind(b, r, depth) })
		b.Run(fmt.Sprintf("list 20 behind claimed depth=%d", depth), func(b *testing.B) { benchListBehind(b, r, depth) })
		b.Run(fmt.Sprintf("stats depth=%d", depth), func(b *testing.B) { benchStats(b, r, depth) })
		b.Run(fmt.Sprintf("get depth=%d", depth), func(b *testing.B) { benchGet(b, r, depth) })
	}
	b.Run("watch, look and close", func(b *testing.B) { benchWatch(b, r) })
}

// batchOf is n messages of 100 bytes.
func batchOf(n int) []marconi.NewMessage {
	batch := make([]marconi.NewMessage, n)
	for i := range batch {
		batch[i] = marconi.NewMessage{TTL: longTTL, Body: fmt.Appendf(nil, `{"n": %090d}`, i)}
	}
	return batch
}

// deep is a queue of that many messages under claims, and 1000 free ones behind them.
func deep(b *testing.B, r *rig, depth int) *queue {
	b.Helper()
	q := r.queue(b)
	const step = 100
	for range (depth + 1000) / step {
		q.postMessages(batchOf(step)...)
	}
	for range depth / step {
		q.claim(43200, step)
	}
	return q
}

func benchPost(b *testing.B, r *rig, n int) {
	q, batch := r.queue(b), batchOf(n)
	for b.Loop() {
		q.postMessages(batch...)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "messages/s")
}

// benchPostParallel posts to four queues from four goroutines a core: what a server with some clients does.
func benchPostParallel(b *testing.B, r *rig, n int) {
	queues := []*queue{r.queue(b), r.queue(b), r.queue(b), r.queue(b)}
	batch := batchOf(n)
	var next atomic.Int64
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		q := queues[next.Add(1)%int64(len(queues))]
		for pb.Next() {
			if _, err := q.ds.Post(b.Context(), q.QueueRef, marconi.Post{Client: producer, Messages: batch}); err != nil {
				b.Errorf("Post: %v", err)
				return
			}
		}
	})
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "messages/s")
}

func benchThroughput(b *testing.B, r *rig, n int) {
	q, batch := r.queue(b), batchOf(n)
	for b.Loop() {
		q.postMessages(batch...)
		id, got := q.claim(60, n)
		q.deleteMessages(idsOf(got), id)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "messages/s")
}

func benchClaimBehind(b *testing.B, r *rig, depth int) {
	q := deep(b, r, depth)
	for b.Loop() {
		id, got := q.claim(60, 10)
		if len(got) != 10 {
			b.Fatalf("Claim of 10 gave %d", len(got))
		}
		q.release(id)
	}
}

func benchListBehind(b *testing.B, r *rig, depth int) {
	q := deep(b, r, depth)
	for b.Loop() {
		if page := q.list(marconi.Listing{Limit: 20}); len(page.Items) != 20 {
			b.Fatalf("List of 20 gave %d", len(page.Items))
		}
	}
}

func benchStats(b *testing.B, r *rig, depth int) {
	q := deep(b, r, depth)
	for b.Loop() {
		q.stats()
	}
}

func benchGet(b *testing.B, r *rig, depth int) {
	q := deep(b, r, depth)
	id := q.list(marconi.Listing{Limit: 1}).Items[0].ID
	for b.Loop() {
		q.message(id)
	}
}

func benchWatch(b *testing.B, r *rig) {
	q := r.queue(b)
	for b.Loop() {
		w := q.ds.Watch(q.QueueRef, marconi.Interest{Take: true})
		q.pop(1)
		w.Close()
	}
}
