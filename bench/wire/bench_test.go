//go:build unix

package wire_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/wire"
	"github.com/marconi-mq/marconi/client"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkFloor(b *testing.B) {
	url := benchtest.Canned(b)
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	body := strings.Repeat("x", 1024)
	request := fmt.Appendf(nil, "POST /v1.1/queues/q/messages HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	room := make([]byte, 4096)
	before := cpu()
	for b.Loop() {
		c.Write(request)
		c.Read(room)
	}
	b.ReportMetric(float64((cpu()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
}

func BenchmarkTransport(b *testing.B) {
	url := benchtest.Canned(b)
	for name, tr := range map[string]http.RoundTripper{"net/http": client.NewTransport(), "wire": wire.New(strings.TrimPrefix(url, "http://"), 1)} {
		b.Run(name, func(b *testing.B) {
			c, err := client.New(url, client.Config{Project: "p", Transport: tr})
			if err != nil {
				b.Fatal(err)
			}
			q := c.Queue("q")
			body := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 1024)...), '"')
			before := cpu()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Post(b.Context(), client.NewMessage{Body: body}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}
