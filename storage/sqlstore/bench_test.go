package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
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

// BenchmarkPost is one message of 1 KiB a post. The bare transaction is the same statements without the driver: what a
// single caller pays beyond it is the price of the writer's goroutine. What many callers gain by sharing commits is the
// ratio of the last two.
func BenchmarkPost(b *testing.B) {
	b.Run("bare transaction", benchBareTransaction)
	for _, c := range []struct {
		name    string
		options string
		callers int
	}{
		{"1 caller", "", 1},
		{"1 caller, no group commit", "?group_commit=off", 1},
		{"64 callers, no group commit", "?group_commit=off", 64},
		{"64 callers", "", 64},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := openBench(b, c.options)
			together(b, c.callers, func(int) error {
				_, err := d.Post(context.Background(), ref("q"), benchPost(1, 1024))
				return err
			})
		})
	}
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

func benchBareTransaction(b *testing.B) {
	f, err := openSQLiteFile(b.Context(), sqlitePlace{path: filepath.Join(b.TempDir(), "bare.db"), options: defaultSQLiteOptions()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.close() })
	s := sqliteStatements()
	var begin, body, message, header, commit *sql.Stmt
	for to, query := range map[**sql.Stmt]string{
		&begin: "BEGIN IMMEDIATE", &body: s.insertBody, &message: s.insertMessage, &header: s.saveHeader, &commit: "COMMIT",
	} {
		if *to, err = f.conn.PrepareContext(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := f.conn.ExecContext(b.Context(), s.makeHeader, "p", "q", 7, 0); err != nil {
		b.Fatal(err)
	}
	content := bytes.Repeat([]byte("x"), 1024)
	seq := int64(1700000000000) << 10
	b.ResetTimer()
	for i := range b.N {
		seq++
		for _, run := range []func() error{
			func() error { _, err := begin.Exec(); return err },
			func() error { _, err := body.Exec(i+1, content); return err },
			func() error {
				_, err := message.Exec(1, seq, 0, 3600, seq>>10, seq>>10+3600_000, string(benchClient), "", i+1)
				return err
			},
			func() error { _, err := header.Exec(1, seq, 0, i+1, 0); return err },
			func() error { _, err := commit.Exec(); return err },
		} {
			if err := run(); err != nil {
				b.Fatal(err)
			}
		}
	}
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
