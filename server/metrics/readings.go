package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Readings are numbers that the server keeps itself. They are read at each scrape.
type Readings struct {
	Connections Level // to the API
	BodyBytes   Level // announced by requests under way
	StoreCalls  Level // under way
	Running     func() int64
	Waiting     func() int64 // requests that wait for messages

	Refused      map[string]func() int64 // by reason
	SlowRequests func() int64
	// CertificateEnds is when the certificate is no longer valid. nil: there is none.
	CertificateEnds func() time.Time
}

// A Level is a number that goes up and down, and the most that it may be.
type Level struct {
	Now  func() int64
	Most int64
}

func (r Readings) collectors() []prometheus.Collector {
	all := []prometheus.Collector{
		gauge("marconi_requests_running", "Requests under way, but for those that wait for messages.", r.Running),
		gauge("marconi_requests_waiting", "Requests that wait for messages at this moment: none is there for them.", r.Waiting),
		counter("marconi_slow_requests_total", "Requests that the log calls slow.", nil, r.SlowRequests),
	}
	all = append(all, r.Connections.gauges("marconi_connections", "Connections to the API.")...)
	all = append(all, r.BodyBytes.gauges("marconi_body_bytes", "Bytes of bodies that requests under way have announced.")...)
	all = append(all, r.StoreCalls.gauges("marconi_store_calls", "Calls of the stores under way.")...)
	for reason, n := range r.Refused {
		all = append(all, counter("marconi_refused_total", "What was refused for want of room, by reason.", prometheus.Labels{"reason": reason}, n))
	}
	if r.CertificateEnds != nil {
		all = append(all, gauge("marconi_certificate_end_timestamp_seconds", "When the certificate of the API is no longer valid.",
			func() int64 { return r.CertificateEnds().Unix() }))
	}
	return all
}

func (l Level) gauges(name, help string) []prometheus.Collector {
	return []prometheus.Collector{
		gauge(name, help, l.Now),
		gauge(name+"_limit", "The most that "+name+" may be.", func() int64 { return l.Most }),
	}
}

func gauge(name, help string, n func() int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(n()) })
}

func counter(name, help string, labels prometheus.Labels, n func() int64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
		func() float64 { return float64(n()) })
}
