//go:build unix

package rest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// BenchmarkPost posts messages of 1 KiB one by one over connections that stay, through the whole API to a store in
// memory ("api"), and to a handler that only decodes them and answers as much ("bare"). The goal is 0.9 of the bare one's rate.
func BenchmarkPost(b *testing.B) {
	opened := memory.New(storage.Options{})
	broker := broker.New(broker.Config{Control: opened.Control, Data: opened.Data})
	api, err := New(Config{Broker: broker, Versions: dialect.All, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		broker.Close()
		_ = opened.Data.Close()
		_ = opened.Control.Close()
	})
	body := `{"messages": [{"ttl": 300, "body": "` + strings.Repeat("x", 1000) + `"}]}`
	request := fmt.Sprintf("POST /v1.1/queues/demo/messages HTTP/1.1\r\nHost: h\r\nClient-ID: %s\r\nX-Project-ID: p\r\nContent-Length: %d\r\n\r\n%s",
		testClient, len(body), body)
	b.Run("api", func(b *testing.B) { benchmarkHandler(b, api, request) })
	b.Run("bare", func(b *testing.B) { benchmarkHandler(b, bare200(b), request) })
}

// bare200 decodes messages and answers with as much as the API does.
func bare200(b *testing.B) http.Handler {
	d := dialect.New(dialect.V11)[0]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		if _, err := d.DecodeMessages(dialect.Document{Text: text, MaxDepth: 100}); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/v1.1/queues/demo/messages?ids=3c94e5f74c06884df7412800")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"resources":["/v1.1/queues/demo/messages/3c94e5f74c06884df7412800"]}`)
	})
}

func benchmarkHandler(b *testing.B, h http.Handler, request string) {
	server := httptest.NewServer(h)
	defer server.Close()
	b.ReportAllocs()
	b.SetParallelism(8)
	before := cpuTime(b)
	defer func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answers := bufio.NewReader(conn)
		for pb.Next() {
			if _, err := io.WriteString(conn, request); err != nil {
				b.Error(err)
				return
			}
			if status, err := skipAnswer(answers); status != "201" || err != nil {
				b.Errorf("status %s, %v", status, err)
				return
			}
		}
	})
}

// cpuTime is what the process has used so far, both ends of the connections: a measure that others on the machine don't
// disturb much.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// skipAnswer reads one answer as cheaply as can be, and gives its status.
func skipAnswer(r *bufio.Reader) (status string, err error) {
	for length := 0; ; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if status == "" && len(line) > 12 {
			status = string(line[9:12])
		}
		if len(line) == 2 {
			_, err := r.Discard(length)
			return status, err
		}
		if digits, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(digits))); err != nil {
				return "", err
			}
		}
	}
}
