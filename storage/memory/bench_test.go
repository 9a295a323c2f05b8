package memory

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

var benchRef = marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "q"}, Incarnation: 77}

var benchBody = make([]byte, 100)

func benchStore(b testing.TB) *dataStore {
	d := newDataStore(storage.Options{}.WithDefaults(), nil)
	b.Cleanup(func() { d.Close() })
	return d
}

// fill posts n messages, a hundred at a time.
func fill(b testing.TB, d *dataStore, n int) {
	b.Helper()
	for n > 0 {
		size := min(n, 100)
		post(b, d, size)
		n -= size
	}
}

func post(b testing.TB, d *dataStore, n int) {
	b.Helper()
	p := marconi.Post{Client: "30387f00-39a0-11e2-be4b-a9f5ae9ae2fb", Messages: make([]marconi.NewMessage, n)}
	for i := range p.Messages {
		p.Messages[i] = marconi.NewMessage{TTL: 3600, Body: benchBody}
	}
	if _, err := d.Post(b.Context(), benchRef, p); err != nil {
		b.Fatal(err)
	}
}

func claimAll(b testing.TB, d *dataStore, size int) {
	b.Helper()
	for n := 0; ; n++ {
		r := marconi.ClaimRequest{ID: marconi.ClaimID("c" + strconv.Itoa(n)), TTL: 600, Grace: 60, Limit: size}
		got, err := d.Claim(b.Context(), benchRef, r)
		if err != nil {
			b.Fatal(err)
		}
		if len(got.Messages) == 0 {
			return
		}
	}
}

// eachDepth runs f on queues of different lengths: with free messages before what f works on, or claimed ones. What
// f measures must not depend on it.
func eachDepth(b *testing.B, f func(b *testing.B, d *dataStore)) {
	for _, depth := range []int{100, 10_000, 1_000_000} {
		for _, claimed := range []bool{false, true} {
			name := fmt.Sprintf("free=%d", depth)
			if claimed {
				name = fmt.Sprintf("claimed=%d", depth)
			}
			b.Run(name, func(b *testing.B) {
				d := benchStore(b)
				fill(b, d, depth)
				if claimed {
					claimAll(b, d, 20)
					fill(b, d, 100)
				}
				runtime.GC()
				b.ReportAllocs()
				f(b, d)
			})
		}
	}
}

func BenchmarkPost1(b *testing.B) {
	eachDepth(b, func(b *testing.B, d *dataStore) {
		p := marconi.Post{Client: "30387f00-39a0-11e2-be4b-a9f5ae9ae2fb", Messages: []marconi.NewMessage{{TTL: 3600, Body: benchBody}}}
		for b.Loop() {
			ids, _ := d.Post(b.Context(), benchRef, p)
			_ = d.Delete(b.Context(), benchRef, ids[0], "")
		}
	})
}

func BenchmarkClaim10AndRelease(b *testing.B) {
	eachDepth(b, func(b *testing.B, d *dataStore) {
		for b.Loop() {
			got, _ := d.Claim(b.Context(), benchRef, marconi.ClaimRequest{ID: "bench", TTL: 600, Grace: 60, Limit: 10})
			if len(got.Messages) != 10 {
				b.Fatalf("claimed %d messages", len(got.Messages))
			}
			_ = d.Release(b.Context(), benchRef, "bench")
		}
	})
}

func BenchmarkList10(b *testing.B) {
	eachDepth(b, func(b *testing.B, d *dataStore) {
		for b.Loop() {
			page, _ := d.List(b.Context(), benchRef, marconi.Listing{Limit: 10, Echo: true})
			if len(page.Items) != 10 {
				b.Fatalf("listed %d messages", len(page.Items))
			}
		}
	})
}

func BenchmarkStats(b *testing.B) {
	eachDepth(b, func(b *testing.B, d *dataStore) {
		for b.Loop() {
			_, _ = d.Stats(b.Context(), benchRef)
		}
	})
}

func BenchmarkPop10AndPost(b *testing.B) {
	eachDepth(b, func(b *testing.B, d *dataStore) {
		p := marconi.Post{Client: "c", Messages: make([]marconi.NewMessage, 10)}
		for i := range p.Messages {
			p.Messages[i] = marconi.NewMessage{TTL: 3600, Body: benchBody}
		}
		for b.Loop() {
			got, _ := d.Pop(b.Context(), benchRef, 10)
			if len(got) != 10 {
				b.Fatalf("popped %d messages", len(got))
			}
			_, _ = d.Post(b.Context(), benchRef, p)
		}
	})
}

// What it costs the first call after 100 000 claims have ended, or as many messages expired.
func BenchmarkAfterAHundredThousandEnds(b *testing.B) {
	const n = 100_000
	for _, size := range []int{1, 20} {
		b.Run(fmt.Sprintf("claims of %d", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				d, now := turnedStore(b)
				fill(b, d, n)
				claimAll(b, d, size)
				now.pass(600 * time.Second)
				b.StartTimer()
				_, _ = d.Stats(b.Context(), benchRef)
			}
		})
	}
	b.Run("messages", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d, now := turnedStore(b)
			fill(b, d, n)
			now.pass(time.Hour)
			b.StartTimer()
			_, _ = d.Stats(b.Context(), benchRef)
		}
	})
}

func BenchmarkMemoryOfAMessage(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		d := benchStore(b)
		before := heapSize()
		for range n / 10 {
			p := marconi.Post{Client: marconi.ClientID([]byte("30387f00-39a0-11e2-be4b-a9f5ae9ae2fb")), Messages: make([]marconi.NewMessage, 10)}
			for i := range p.Messages {
				p.Messages[i] = marconi.NewMessage{TTL: 3600, Body: make([]byte, 100)}
			}
			_, _ = d.Post(b.Context(), benchRef, p)
		}
		b.ReportMetric(float64(heapSize()-before)/n, "B/message")
		runtime.KeepAlive(d)
	}
}

func heapSize() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
