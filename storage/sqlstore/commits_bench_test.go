package sqlstore

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
)

// A lane is a way to post one message of 1 KiB, by a number of callers at once.
type lane struct {
	name    string
	callers int
	post    func(caller int) error
}

// BenchmarkPost measures ways to post side by side: every iteration gives each a turn, so that -benchtime 10x is ten
// alternating runs. The bare transaction is the same statements without the driver. Medians of posts a second are reported,
// and of what the project holds itself to:
//
//	shared:alone   what 64 callers gain by sharing commits (10 at least)
//	bare:one       how much longer a single caller takes than the bare transaction (1.2 at most),
//	bare:http1     and than that a single client over HTTP (1.7 at most)
//	http64:bare    what 64 clients over HTTP reach of its rate (3 at least)
func BenchmarkPost(b *testing.B) {
	single, off, on := openBench(b, ""), openBench(b, "?group_commit=off"), openBench(b, "")
	stored := func(d *dataStore) func(int) error {
		return func(int) error {
			_, err := d.Post(context.Background(), ref("q"), benchPost(1, 1024))
			return err
		}
	}
	lanes := []lane{
		{"bare", 1, bareTransaction(b)},
		{"one", 1, stored(single)},
		{"alone", 64, stored(off)},
		{"shared", 64, stored(on)},
		{"http1", 1, overHTTP(b, 1)},
		{"http64", 64, overHTTP(b, 64)},
	}
	rates := map[string][]float64{}
	for b.Loop() {
		for _, l := range lanes {
			rates[l.name] = append(rates[l.name], l.turn(b))
		}
	}
	b.ReportMetric(0, "ns/op")
	for name, r := range rates {
		b.ReportMetric(median(r), name+"/s")
	}
	for _, pair := range [][2]string{{"shared", "alone"}, {"bare", "one"}, {"bare", "http1"}, {"http64", "bare"}} {
		ratios := make([]float64, len(rates["bare"]))
		for i := range ratios {
			ratios[i] = rates[pair[0]][i] / rates[pair[1]][i]
		}
		b.ReportMetric(median(ratios), pair[0]+":"+pair[1])
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// turn lets the callers post for a while, and gives posts a second.
func (l lane) turn(b *testing.B) float64 {
	b.Helper()
	var all sync.WaitGroup
	counts, errs := make([]int, l.callers), make([]error, l.callers)
	start := time.Now()
	for i := range l.callers {
		all.Go(func() {
			for time.Since(start) < 400*time.Millisecond && errs[i] == nil {
				errs[i] = l.post(i)
				counts[i]++
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		b.Fatalf("%s: %v", l.name, err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds()
}

// bareTransaction runs the statements of a post on a connection of its own.
func bareTransaction(b *testing.B) func(int) error {
	options := defaultSQLiteOptions()
	options.groupCommit = false // SQLite is to sync each commit itself
	f, err := openSQLiteFile(b.Context(), sqlitePlace{path: filepath.Join(b.TempDir(), "bare.db"), options: options})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.close() })
	if err := f.pragmas(b.Context(), "wal_autocheckpoint = 500"); err != nil {
		b.Fatal(err)
	}
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
	i, seq := int64(0), int64(1700000000000)<<10
	return func(int) error {
		i++
		seq++
		for _, run := range []func() (sql.Result, error){
			func() (sql.Result, error) { return begin.Exec() },
			func() (sql.Result, error) { return body.Exec(i, content, sumOf(content)) },
			func() (sql.Result, error) {
				return message.Exec(1, seq, 0, 3600, seq>>10, seq>>10+3600_000, string(benchClient), "", i)
			},
			func() (sql.Result, error) { return header.Exec(1, seq, 0, i, 0) },
			func() (sql.Result, error) { return commit.Exec() },
		} {
			if _, err := run(); err != nil {
				return err
			}
		}
		return nil
	}
}

// overHTTP posts to a server, each caller on a connection of its own.
func overHTTP(b *testing.B, callers int) func(caller int) error {
	addr := serveBench(b, "sqlite:///"+filepath.Join(b.TempDir(), "http.db"))
	body := `{"messages": [{"ttl": 3600, "body": "` + strings.Repeat("x", 1022) + `"}]}`
	request := fmt.Appendf(nil, "POST /v1.1/queues/q/messages HTTP/1.1\r\nHost: x\r\nClient-ID: %s\r\nX-Project-ID: p\r\nContent-Length: %d\r\n\r\n%s",
		benchClient, len(body), body)
	conns, answers := make([]net.Conn, callers), make([]*bufio.Reader, callers)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		conns[i], answers[i] = conn, bufio.NewReader(conn)
	}
	return func(caller int) error {
		if _, err := conns[caller].Write(request); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers[caller], nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusCreated {
			err = fmt.Errorf("%s: %s", answer.Status, text)
		}
		return err
	}
}

func serveBench(b *testing.B, uri string) (addr string) {
	b.Helper()
	return testserver.Serve(b, server.Options{Drivers: storage.Drivers{"sqlite": OpenSQLite}, DataURI: uri})
}
