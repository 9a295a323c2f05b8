package flow

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/cores"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/target"
)

// cannedCore is the variable of the environment by which this program is a canned target, on the core that it names; empty:
// on any.
const cannedCore = "MARCONI_TEST_CANNED_CORE"

func TestMain(m *testing.M) {
	if core, canned := os.LookupEnv(cannedCore); canned {
		serveCanned(core)
	}
	os.Exit(m.Run())
}

// serveCanned says where it listens, and answers every request as a server of API v1.1 would that does nothing, until its
// standard input ends. It reads no more of a request than where it ends: what a generator is measured against should cost
// next to nothing.
func serveCanned(core string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if n, err := strconv.Atoi(core); err == nil {
		_, _ = cores.Set{n}.Hold() // where it can't be, it shares
	}
	go func() {
		var posts atomic.Int64
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answerCanned(c, &posts)
		}
	}()
	fmt.Println("http://" + l.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// answerCanned answers the requests of a connection.
func answerCanned(c net.Conn, posts *atomic.Int64) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 16<<10)
	var answer []byte
	for {
		post, length := false, 0
		for first := true; ; first = false {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if first {
				post = bytes.HasPrefix(line, []byte("POST "))
			}
			if text, is := bytes.CutPrefix(line, []byte("Content-Length: ")); is {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(text)))
			}
			if len(line) == 2 {
				break
			}
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		answer = append(answer[:0], "HTTP/1.1 204 No Content\r\n\r\n"...)
		if post {
			const body = `{"resources": ["/v1.1/queues/q/messages/%024x"]}`
			answer = fmt.Appendf(answer[:0], "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"+
				"Content-Length: %d\r\nLocation: /v1.1/queues/q/messages\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"+body,
				len(body)-len("%024x")+24, posts.Add(1))
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// startCanned begins a canned target in a process of its own and, if there are two cores, keeps it to one and this process to
// another.
func startCanned(t testing.TB) (url string) {
	t.Helper()
	mine, others := "", ""
	if usable := cores.Usable(); len(usable) > 1 {
		release, err := usable[len(usable)-1:].Hold()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		mine, others = usable[len(usable)-1:].String(), usable[:1].String()
		t.Logf("the generator is on core %s, the target on core %s", mine, others)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), cannedCore+"="+others)
	c.Stderr = os.Stderr
	life, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		life.Close()
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// generate runs a cell of producers against a canned target, as an experiment would.
func generate(b *testing.B, url string, c plan.Cell) (got *measure.Totals, used time.Duration) {
	b.Helper()
	i, err := target.Start(b.Context(), plan.Target{Name: "canned", URL: url}, target.Options{})
	if err != nil {
		b.Fatal(err)
	}
	connections, err := i.Connect(c.API, c.Load.Connections)
	if err != nil {
		b.Fatal(err)
	}
	defer connections.Close()
	run := prepareOver(b, connections.Client, c, 1)
	before := cpu(b)
	if err := run.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	used = cpu(b) - before
	run.stop()
	return run.Recorder.Totals()[measure.Key{Flow: "producer", Operation: "post"}], used
}

// cpu is what this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkGenerator is what the generator can offer and keep on one core, with all its accounts, of messages of 1 KiB, against
// a target in a process of its own that does next to nothing.
func BenchmarkGenerator(b *testing.B) {
	const length = 2 * time.Second
	for _, rate := range []int{5000, 10_000, 20_000, 30_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			url := startCanned(b)
			var achieved, spent float64
			lags := measure.NewHistogram()
			for b.Loop() {
				got, used := generate(b, url, posts(b, "poisson", rate, 64, length))
				achieved += float64(got.Achieved)
				spent += float64(used.Microseconds())
				lags.Merge(got.PacerLag)
			}
			lag, _ := lags.Quantile(0.99)
			b.ReportMetric(achieved/length.Seconds()/float64(b.N), "achieved/s")
			b.ReportMetric(spent/achieved, "cpu-µs/op")
			b.ReportMetric(float64(lag.Microseconds()), "p99-lag-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
