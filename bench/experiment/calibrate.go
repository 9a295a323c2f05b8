package experiment

import (
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
)

// What calibrates: a handler that echoes, at a rate that any machine carries.
const (
	calibrationRate   = 500
	calibrationLength = 3 * time.Second
	shortCalibration  = 200 * time.Millisecond
)

// calibrate tells how noisy the machine is right now. One that stands out from those before it is repeated once.
func (x *experimenter) calibrate(ctx context.Context) result.Calibration {
	length := calibrationLength
	if x.plan.Estimate().Wall < 2*time.Minute {
		length = shortCalibration
	}
	for try := range 2 {
		x.blocks = append(x.blocks, calibration(ctx, length))
		marked(x.blocks)
		if last := len(x.blocks) - 1; x.blocks[last].Marked && try == 0 {
			x.blocks = x.blocks[:last]
			continue
		}
		break
	}
	return x.blocks[len(x.blocks)-1]
}

func calibration(ctx context.Context, length time.Duration) result.Calibration {
	c := result.Calibration{HashPerS: hashRate(length / 10)}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return c
	}
	echo := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = echo.Serve(l)
	}()
	h := echoTimes(ctx, "http://"+l.Addr().String(), length)
	_ = echo.Close()
	<-done
	p50, _ := h.Quantile(0.5)
	c.EchoP50NS = int64(p50)
	if p99, enough := h.Quantile(0.99); enough { // a short one has too few
		c.EchoP99NS = int64(p99)
	}
	return c
}

func echoTimes(ctx context.Context, url string, length time.Duration) *measure.Histogram {
	h, clock, due := measure.NewHistogram(), schedule.NewReal(), make(chan schedule.Due, calibrationRate)
	s, err := schedule.New(schedule.Pacing{Arrivals: plan.Arrivals{Kind: "even"}, Rate: calibrationRate, Length: length})
	if err != nil {
		panic("experiment: " + err.Error()) // a bug: all of it is constant
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Second}
	go schedule.Pacer{Clock: clock, Sequence: s, Rate: calibrationRate, Out: due, Offered: func(time.Duration) {}}.Run(ctx)
	for d := range due {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			panic("experiment: " + err.Error()) // a bug: the URL is our own
		}
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		h.Record(clock.Now() - d.Intended)
	}
	return h
}

// hashRate is how many blocks of 64 kB one core hashes in a second.
func hashRate(length time.Duration) float64 {
	block, n, begun := make([]byte, 64<<10), 0, time.Now()
	for time.Since(begun) < length {
		sha256.Sum256(block)
		n++
	}
	return float64(n) / time.Since(begun).Seconds()
}

// Calibrate tells how noisy the machine is right now.
func Calibrate(length time.Duration) result.Calibration {
	return calibration(context.Background(), length)
}

// Lateness is how late a pacer wakes on this machine, in 99 of 100 cases, at 1 000 operations/s.
func Lateness(length time.Duration) time.Duration {
	const rate = 1000
	h, due := measure.NewHistogram(), make(chan schedule.Due, rate)
	s, err := schedule.New(schedule.Pacing{Arrivals: plan.Arrivals{Kind: "even"}, Rate: rate, Length: length})
	if err != nil {
		panic("experiment: " + err.Error()) // a bug: all of it is constant
	}
	go schedule.Pacer{Clock: schedule.NewReal(), Sequence: s, Rate: rate, Out: due, Offered: func(time.Duration) {}}.Run(context.Background())
	for d := range due {
		h.Record(d.Woke - d.Intended)
	}
	p99, _ := h.Quantile(0.99)
	return p99
}
