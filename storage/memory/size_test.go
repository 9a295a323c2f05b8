package memory

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/marconi-mq/marconi"
)

// What a message may take beside its body, all that belongs to it counted, its share of segments and rows and the client's ID; and
// what a claim may take, which its messages share.
const (
	maxOverhead = 300
	maxClaim    = 200
)

// TestSizeOfAMessage measures what the heap holds after a collection, for bodies of two sizes, free and claimed.
func TestSizeOfAMessage(t *testing.T) {
	const n = 50_000
	for _, body := range []int{100, 1026} {
		for _, claimed := range []int{0, 1, 10, 20} {
			before := heapSize()
			d := benchStore(t)
			fillAsServer(t, d, n, body)
			if claimed > 0 {
				claimAsServer(t, d, n, claimed)
			}
			size := float64(heapSize()-before) / n
			t.Logf("a message of %4d bytes in a claim of %2d takes %6.1f bytes, %5.1f beside its body", body, claimed, size, size-float64(body))
			most := body + maxOverhead
			if claimed > 0 {
				most += maxClaim / claimed
			}
			if size > float64(most) {
				t.Errorf("a message of %d bytes in a claim of %d takes %.1f bytes, want at most %d", body, claimed, size, most)
			}
			runtime.KeepAlive(d)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// fillAsServer posts as the server does: each request has brought a client ID of its own.
func fillAsServer(t *testing.T, d *dataStore, n, body int) {
	t.Helper()
	for n > 0 {
		p := marconi.Post{Client: marconi.ClientID([]byte("30387f00-39a0-11e2-be4b-a9f5ae9ae2fb"))}
		for range min(n, 10) {
			p.Messages = append(p.Messages, marconi.NewMessage{TTL: 3600, Body: make([]byte, body)})
		}
		if _, err := d.Post(t.Context(), benchRef, p); err != nil {
			t.Fatal(err)
		}
		n -= len(p.Messages)
	}
}

func claimAsServer(t *testing.T, d *dataStore, n, size int) {
	t.Helper()
	for i := 0; i < n; i += size {
		id := fmt.Sprintf("%08x-39a0-41e2-be4b-a9f5ae9ae2fb", i)
		got, err := d.Claim(t.Context(), benchRef, marconi.ClaimRequest{ID: marconi.ClaimID(id), TTL: 600, Grace: 60, Limit: size})
		if err != nil || len(got.Messages) != size {
			t.Fatalf("claim of %d: %d, %v", size, len(got.Messages), err)
		}
	}
}
