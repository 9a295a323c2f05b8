//go:build unix

package flow

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/target"
)

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
	for _, rate := range []int{5000, 10_000, 20_000, 25_000, 30_000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			url := benchtest.Canned(b)
			var offered, achieved, spent float64
			lags := measure.NewHistogram()
			for b.Loop() {
				got, used := generate(b, url, posts(b, "poisson", rate, 64, length))
				offered += float64(got.Offered)
				achieved += float64(got.Achieved)
				spent += float64(used.Microseconds())
				lags.Merge(got.PacerLag)
			}
			lag, _ := lags.Quantile(0.99)
			b.ReportMetric(offered/length.Seconds()/float64(b.N), "offered/s")
			b.ReportMetric(achieved/length.Seconds()/float64(b.N), "achieved/s")
			b.ReportMetric(spent/achieved, "cpu-µs/op")
			b.ReportMetric(float64(lag.Microseconds()), "p99-lag-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
