package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// driverPrefix stands before the names that drivers give their figures.
const driverPrefix = "marconi_store_"

// Add implements a driver's meter: the counter of that name grows. Drivers of one kind share their figures.
func (m *Metrics) Add(name string, n float64) { m.counters.get(name, m.counter).Add(n) }

// Observe implements a driver's meter: the distribution of that name gets a value.
func (m *Metrics) Observe(name string, v float64) {
	m.distributions.get(name, m.distribution).Observe(v)
}

func (m *Metrics) counter(name string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{
		Name: driverPrefix + name + "_total",
		Help: "Counted by the store: " + words(name) + ".",
	})
	// A name that can't be one is the driver's mistake, and costs its figure alone.
	_ = m.registry.Register(c)
	return c
}

func (m *Metrics) distribution(name string) prometheus.Observer {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    driverPrefix + name,
		Help:    "Measured by the store: " + words(name) + ".",
		Buckets: bucketsFor(name),
	})
	_ = m.registry.Register(h)
	return h
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// bucketsFor goes by the unit at the end of a name.
func bucketsFor(name string) []float64 {
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return storeBuckets
	case strings.HasSuffix(name, "_bytes"):
		return prometheus.ExponentialBuckets(256, 4, 10) // to 64 MiB
	}
	return prometheus.ExponentialBuckets(1, 2, 12) // to 2048
}
