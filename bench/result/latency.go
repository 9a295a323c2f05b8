package result

import "github.com/marconi-mq/marconi/bench/measure"

// LatencyOf sums up a histogram; nil has nothing in it.
func LatencyOf(h *measure.Histogram) Latency {
	if h.Count() == 0 {
		return Latency{}
	}
	quantile := func(q float64) *int64 {
		d, enough := h.Quantile(q)
		if !enough {
			return nil
		}
		ns := int64(d)
		return &ns
	}
	return Latency{
		Count: h.Count(), MeanNS: int64(h.Mean()), SDNS: int64(h.SD()),
		P50NS: quantile(0.5), P75NS: quantile(0.75), P90NS: quantile(0.9), P95NS: quantile(0.95), P99NS: quantile(0.99),
		P999NS: quantile(0.999), P9999NS: quantile(0.9999), MaxNS: int64(h.Max()), Histogram: h.Encode(),
	}
}

// check reports whether the histogram can be read.
func (l Latency) check() error {
	_, err := measure.Decode(l.Histogram)
	return err
}
