package measure

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What histograms hold: at three digits an hour of samples takes as much room as a second.
const (
	lowest  = time.Microsecond
	highest = 120 * time.Second
	digits  = 3
)

// samplesAbove is how many samples have to lie above a percentile for it to be told.
const samplesAbove = 10

// A Histogram counts durations, from a microsecond to two minutes, to three digits; longer ones count as two minutes. It is
// not safe for concurrent use.
type Histogram struct {
	h *hdrhistogram.Histogram
}

// NewHistogram makes an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(int64(lowest), int64(highest), digits)}
}

// Record counts one duration.
func (h *Histogram) Record(d time.Duration) {
	if err := h.h.RecordValue(int64(min(max(d, 0), highest))); err != nil {
		panic("measure: histogram: " + err.Error()) // our own bounds
	}
}

// Merge adds what another histogram has counted; nil adds nothing.
func (h *Histogram) Merge(o *Histogram) {
	if o != nil {
		h.h.Merge(o.h)
	}
}

// Reset empties the histogram.
func (h *Histogram) Reset() { h.h.Reset() }

// Count is how many durations were recorded. A nil histogram has none.
func (h *Histogram) Count() int64 {
	if h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Mean of the durations; 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(math.Round(h.h.Mean()))
}

// SD is the standard deviation of the durations; 0 if there are none.
func (h *Histogram) SD() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(math.Round(h.h.StdDev()))
}

// Max is the longest duration, rounded up to where its bucket ends; 0 if there are none.
func (h *Histogram) Max() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.Max())
}

// Quantile is the duration that a share q of all, from 0 to 1, doesn't exceed. Enough is what [Enough] says
// of it: if it isn't, the figure is chance, and is not to be told.
func (h *Histogram) Quantile(q float64) (d time.Duration, enough bool) {
	n := h.Count()
	if n == 0 {
		return 0, false
	}
	return time.Duration(h.h.ValueAtQuantile(100 * q)), Enough(n, q)
}

// Enough reports whether at least ten of n samples lie above a share q of them, so that the quantile can be told.
func Enough(n int64, q float64) bool { return float64(n)*(1-q) >= samplesAbove-1e-9 }

// Buckets goes through what was counted, from short to long: each bucket's upper end and its count, without empty ones.
func (h *Histogram) Buckets() iter.Seq2[time.Duration, int64] {
	return func(yield func(time.Duration, int64) bool) {
		if h == nil {
			return
		}
		for _, bar := range h.h.Distribution() {
			if bar.Count > 0 && !yield(time.Duration(bar.To), bar.Count) {
				return
			}
		}
	}
}

// WriteHGRM writes the percentiles as text, in milliseconds, in the form that plotters of HdrHistograms take.
func (h *Histogram) WriteHGRM(w io.Writer) error {
	const ticksPerHalving = 5
	if _, err := h.h.PercentilesPrint(w, ticksPerHalving, float64(time.Millisecond)); err != nil {
		return fmt.Errorf("write percentiles: %w", err)
	}
	return nil
}

// Encoded is a histogram as text: HdrHistogram V2, deflated, in base64. Empty: nothing was counted.
type Encoded string

// Encode writes the histogram as text.
func (h *Histogram) Encode() Encoded {
	if h.Count() == 0 {
		return ""
	}
	data, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		panic("measure: histogram: " + err.Error()) // it was made by us
	}
	return Encoded(data)
}

// Decode reads a histogram that Encode wrote, or another program in the same form.
func Decode(e Encoded) (*Histogram, error) {
	if e == "" {
		return NewHistogram(), nil
	}
	h, err := hdrhistogram.Decode([]byte(e))
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	return &Histogram{h: h}, nil
}

// A LogWriter writes a histogram for each second, in the form of HdrHistogram's logs, version 1.3.
type LogWriter struct {
	w     *hdrhistogram.HistogramLogWriter
	start time.Time
}

// NewLogWriter begins a log of what started at start.
func NewLogWriter(w io.Writer, start time.Time, comment string) (*LogWriter, error) {
	l := &LogWriter{w: hdrhistogram.NewHistogramLogWriter(w), start: start}
	for _, write := range []func() error{
		func() error { return l.w.OutputComment("#[" + strings.ReplaceAll(comment, "\n", " ") + "]") },
		l.w.OutputLogFormatVersion,
		func() error { return l.w.OutputStartTime(start.UnixMilli()) },
		func() error { return l.w.OutputBaseTime(start.UnixMilli()) },
		l.w.OutputLegend,
	} {
		if err := write(); err != nil {
			return nil, fmt.Errorf("write histogram log: %w", err)
		}
	}
	l.w.SetBaseTime(start.UnixMilli())
	return l, nil
}

// Interval writes what was counted from one time of the run to another. The tag names the operation and has no commas.
func (l *LogWriter) Interval(tag string, from, to time.Duration, h *Histogram) error {
	h.h.SetTag(tag)
	h.h.SetStartTimeMs(l.start.Add(from).UnixMilli())
	h.h.SetEndTimeMs(l.start.Add(to).UnixMilli())
	if err := l.w.OutputIntervalHistogram(h.h); err != nil {
		return fmt.Errorf("write histogram log: %w", err)
	}
	return nil
}

// ReadLog reads a log back: the sum of all intervals, by their tags.
func ReadLog(r io.Reader) (map[string]*Histogram, error) {
	reader := hdrhistogram.NewHistogramLogReader(r)
	sums := map[string]*Histogram{}
	for {
		next, err := reader.NextIntervalHistogram()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read histogram log: %w", err)
		}
		if next == nil {
			return sums, nil
		}
		if sums[next.Tag()] == nil {
			sums[next.Tag()] = NewHistogram()
		}
		sums[next.Tag()].h.Merge(next)
	}
}
