package measure

import (
	"fmt"
	"time"
)

// The bounds of a generator that was fit to measure.
const (
	maxPacerLag    = 2 * time.Millisecond
	maxLagShare    = 0.1 // of the response time
	maxCPUShare    = 0.85
	minSentShare   = 0.99
	healthQuantile = 0.99
)

// Health is the generator's own account of a run.
type Health struct {
	PacerLag *Histogram
	Response *Histogram    // of the driving operation
	CPU      float64       // seconds in the measured time
	Cores    float64       // that it may use; 0: not known
	Measured time.Duration // how long that was

	Offered, Sent   int64
	FreeConnections bool // at all times: then what was not sent is the generator's fault
}

// quantile is the 99th percentile, or the highest that is no chance.
func (h Health) quantile() float64 {
	n := float64(h.PacerLag.Count())
	return max(min(healthQuantile, 1-samplesAbove/n), 0)
}

// Fit says whether the figures are the server's and not the generator's; if not, why.
func (h Health) Fit() (fit bool, why string) {
	q := h.quantile()
	lag, _ := h.PacerLag.Quantile(q)
	response, _ := h.Response.Quantile(q)
	share := h.CPU / (h.Cores * h.Measured.Seconds())
	switch {
	case lag > maxPacerLag && float64(lag) > maxLagShare*float64(response):
		return false, fmt.Sprintf("the pacer woke up to %v late (p%.3g), with response times of %v", lag.Round(time.Microsecond), 100*q, response.Round(time.Microsecond))
	case h.Cores > 0 && h.Measured > 0 && share > maxCPUShare:
		return false, fmt.Sprintf("the generator used %.0f %% of its CPU", 100*share)
	case h.FreeConnections && float64(h.Sent) < minSentShare*float64(h.Offered):
		return false, fmt.Sprintf("only %d of %d operations were sent, though connections were free", h.Sent, h.Offered)
	}
	return true, ""
}
