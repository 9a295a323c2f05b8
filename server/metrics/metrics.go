// Package metrics is the server's figures, as Prometheus reads them. It is the only package that knows Prometheus: the
// rest of the server tells it what happened ([Metrics.Request]), hands it to stores as their recorder and meter
// ([Metrics.Record], [Metrics.Add], [Metrics.Observe]), or lets it read a number at each scrape ([Readings]).
//
// No figure has a label that callers choose: no project, queue, client or message. So a scrape costs the same, however
// much the server holds.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/marconi-mq/marconi/storage/observed"
)

// Spans in seconds. Requests may wait for messages for 20 s; calls of a store in memory take microseconds.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	storeBuckets   = []float64{.00001, .000025, .0001, .00025, .001, .0025, .01, .025, .1, .25, 1, 2.5, 10}
)

// A Metrics collects the figures of one server. Its methods are safe for concurrent use and cheap.
type Metrics struct {
	registry *prometheus.Registry

	requests  *prometheus.CounterVec
	latencies *prometheus.HistogramVec
	bytes     prometheus.Counter
	routes    table[routeKey, route]

	calls  *prometheus.HistogramVec
	series [observed.Operations][observed.Outcomes]lazy

	counters      table[string, prometheus.Counter]
	distributions table[string, prometheus.Observer]
}

// New makes the figures of a server of that version.
func New(version string, r Readings) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "marconi_requests_total",
			Help: "Requests answered, by version of the API, route and status.",
		}, []string{"version", "route", "status"}),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "marconi_request_duration_seconds",
			Help:    "How long requests took from their headers to their answer, with what they waited for messages.",
			Buckets: requestBuckets,
		}, []string{"version", "route"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "marconi_answer_body_bytes_total",
			Help: "Bytes of the bodies of answers.",
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "marconi_store_call_duration_seconds",
			Help:    "How long calls of the stores took, by plane, operation and outcome.",
			Buckets: storeBuckets,
		}, []string{"plane", "operation", "outcome"}),
	}
	m.registry.MustRegister(m.requests, m.latencies, m.bytes, m.calls, buildInfo(version),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(r.collectors()...)
	return m
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "marconi_build_info",
		Help:        "Always 1; its labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	info.Set(1)
	return info
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

type routeKey struct {
	version, route string
	status         int
}

// A route is where requests to it are counted.
type route struct {
	count   prometheus.Counter
	latency prometheus.Observer
}

// Request counts a request that has been answered: the API's version and the route, both "" where there is none, the
// status, the bytes of the answer's body, and how long it took.
func (m *Metrics) Request(version, path string, status, bytes int, took time.Duration) {
	r := m.routes.get(routeKey{version, path, status}, m.route)
	r.count.Inc()
	r.latency.Observe(took.Seconds())
	m.bytes.Add(float64(bytes))
}

func (m *Metrics) route(k routeKey) route {
	if k.version == "" {
		k.version = "none"
	}
	if k.route == "" {
		k.route = "none"
	}
	return route{
		count:   m.requests.WithLabelValues(k.version, k.route, strconv.Itoa(k.status)),
		latency: m.latencies.WithLabelValues(k.version, k.route),
	}
}

// Record implements [observed.Recorder].
func (m *Metrics) Record(op observed.Operation, came observed.Outcome, took time.Duration) {
	m.series[op][came].get(func() prometheus.Observer {
		return m.calls.WithLabelValues(op.Plane(), op.Name(), came.String())
	}).Observe(took.Seconds())
}
