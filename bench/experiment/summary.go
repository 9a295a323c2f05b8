package experiment

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/stats"
)

// summarize says what the runs of each cell say together, cells in the order of their paths.
func summarize(runs []*result.Run) []result.Summary {
	byCell := map[string][]*result.Run{}
	var cells []string
	for _, r := range runs {
		if byCell[r.Cell] == nil {
			cells = append(cells, r.Cell)
		}
		byCell[r.Cell] = append(byCell[r.Cell], r)
	}
	slices.Sort(cells)
	all := make([]result.Summary, len(cells))
	for i, cell := range cells {
		all[i] = summary(byCell[cell])
	}
	compareDepths(all)
	return all
}

func summary(runs []*result.Run) result.Summary {
	first := runs[0]
	s := result.Summary{
		Cell: first.Cell, Config: first.Config, ConfigHash: first.ConfigHash, Runs: len(runs), Metrics: map[string]result.Figure{},
		Operations: map[string]result.Latency{},
	}
	if start := first.Config.Target.Start; start != nil {
		s.Backend = start.Backend
	}
	var valid []*result.Run
	for _, r := range runs {
		if r.Status == result.Valid {
			valid = append(valid, r)
		}
		for _, why := range r.Reasons {
			if !slices.Contains(s.Reasons, why) {
				s.Reasons = append(s.Reasons, why)
			}
		}
	}
	s.Valid, s.Status = len(valid), statusOf(runs)
	if len(valid) == 0 {
		valid = runs
	}
	metrics(&s, valid)
	together(&s, valid)
	return s
}

// statusOf is the state of most runs; one invalid run makes the cell so.
func statusOf(runs []*result.Run) result.Status {
	counts := map[result.Status]int{}
	for _, r := range runs {
		counts[r.Status]++
	}
	if counts[result.Invalid] > 0 {
		return result.Invalid
	}
	most := result.Valid
	for _, status := range []result.Status{result.Drifting, result.Suspicious, result.Saturated, result.InvalidGenerator} {
		if counts[status] > counts[most] {
			most = status
		}
	}
	return most
}

// metrics are medians over runs.
func metrics(s *result.Summary, runs []*result.Run) {
	put := func(name, unit, says string, of func(*result.Run) (float64, bool)) {
		var values []float64
		for _, r := range runs {
			if v, known := of(r); known {
				values = append(values, v)
			}
		}
		if len(values) < len(runs) {
			return
		}
		f := result.Figure{Value: stats.MiddleOf(values), Unit: unit, Says: says}
		if i := stats.Bootstrap(s.Config.Seed, values, stats.MiddleOf); i.Sure() {
			f.Low, f.High = &i.Low, &i.High
		}
		s.Metrics[name] = f
	}
	quantile := func(of func(*result.Run) *int64) func(*result.Run) (float64, bool) {
		return func(r *result.Run) (float64, bool) {
			ns := of(r)
			if ns == nil {
				return 0, false
			}
			return float64(*ns), true
		}
	}
	put("achieved_per_s", "1/s", "Operations of the driving flow that succeeded.", func(r *result.Run) (float64, bool) {
		return float64(driven(r).Achieved) / time.Duration(r.MeasuredNS).Seconds(), r.MeasuredNS > 0
	})
	put("messages_per_s", "1/s", "Messages that were delivered.", func(r *result.Run) (float64, bool) {
		return float64(r.Messages.Delivered) / time.Duration(r.MeasuredNS).Seconds(), r.MeasuredNS > 0
	})
	for name, of := range map[string]func(*result.Run) *int64{
		"response_p50_ns":         func(r *result.Run) *int64 { return driven(r).Response.P50NS },
		"response_p99_ns":         func(r *result.Run) *int64 { return driven(r).Response.P99NS },
		"response_p99_9_ns":       func(r *result.Run) *int64 { return driven(r).Response.P999NS },
		"service_p99_ns":          func(r *result.Run) *int64 { return driven(r).Service.P99NS },
		"end_to_end_p50_ns":       func(r *result.Run) *int64 { return r.EndToEnd.P50NS },
		"end_to_end_p99_ns":       func(r *result.Run) *int64 { return r.EndToEnd.P99NS },
		"sojourn_p50_ns":          func(r *result.Run) *int64 { return r.Sojourn.P50NS },
		"sojourn_p99_ns":          func(r *result.Run) *int64 { return r.Sojourn.P99NS },
		"round_trip_p50_ns":       func(r *result.Run) *int64 { return of(r.RoundTrip).P50NS },
		"round_trip_p99_ns":       func(r *result.Run) *int64 { return of(r.RoundTrip).P99NS },
		"last_seen_p99_ns":        func(r *result.Run) *int64 { return of(r.LastSeen).P99NS },
		"to_auditor_p99_ns":       func(r *result.Run) *int64 { return of(r.ToAuditor).P99NS },
		"redelivery_delay_p50_ns": func(r *result.Run) *int64 { return of(r.Redelivery).P50NS },
		"redelivery_delay_p99_ns": func(r *result.Run) *int64 { return of(r.Redelivery).P99NS },
		"claim_p50_ns":            func(r *result.Run) *int64 { return r.Operations["worker/claim"].Response.P50NS },
		"claim_p99_ns":            func(r *result.Run) *int64 { return r.Operations["worker/claim"].Response.P99NS },
	} {
		put(name, "ns", says(name), quantile(of))
	}
	put("redelivery_delay_mean_ns", "ns", "The mean of the "+strings.TrimPrefix(says("redelivery_delay_p50_ns"), "The p50 of the "), func(r *result.Run) (float64, bool) {
		return float64(of(r.Redelivery).MeanNS), r.Redelivery != nil
	})
	names := map[string]result.Figure{}
	for _, r := range runs {
		for name, f := range r.Workload {
			names[name] = f
		}
	}
	for name, f := range names {
		put(name, f.Unit, f.Says, func(r *result.Run) (float64, bool) {
			f, known := r.Workload[name]
			return f.Value, known
		})
	}
	for _, process := range []string{"server", "backend"} {
		put(process+"_rss_max_bytes", "bytes", "The most memory that the "+process+" had.", func(r *result.Run) (float64, bool) {
			for _, p := range r.Resources {
				if p.Name == process {
					return float64(p.RSSMaxBytes), true
				}
			}
			return 0, false
		})
	}
}

// says is what a metric is: from a name as response_p99_ns, a sentence.
func says(metric string) string {
	what, rank, _ := strings.Cut(strings.TrimSuffix(metric, "_ns"), "_p")
	times := map[string]string{
		"response": "response times of the driving operation", "service": "service times of the driving operation", "claim": "response times of claims",
		"end_to_end": "times from a message's intended post to its delivery", "sojourn": "times from a message's intended post to its delete",
		"round_trip": "times from an intended call to its answer", "last_seen": "times from a message's intended post until the last observer had it",
		"redelivery_delay": "times from a message's release, or its claim's end, to its next delivery",
		"to_auditor":       "times from a message's intended post until an auditor had it",
	}
	return fmt.Sprintf("The p%s of the %s.", strings.ReplaceAll(rank, "_", "."), times[what])
}

func of(l *result.Latency) result.Latency {
	if l == nil {
		return result.Latency{}
	}
	return *l
}

// together merges the histograms of all runs.
func together(s *result.Summary, runs []*result.Run) {
	names := map[string]bool{}
	for _, r := range runs {
		for name := range r.Operations {
			names[name] = true
		}
	}
	for name := range names {
		s.Operations[name] = merged(runs, func(r *result.Run) result.Latency { return r.Operations[name].Response })
	}
	s.EndToEnd = merged(runs, func(r *result.Run) result.Latency { return r.EndToEnd })
	s.Sojourn = merged(runs, func(r *result.Run) result.Latency { return r.Sojourn })
}

func merged(runs []*result.Run, of func(*result.Run) result.Latency) result.Latency {
	sum := measure.NewHistogram()
	for _, r := range runs {
		h, err := measure.Decode(of(r).Histogram)
		if err != nil {
			panic("experiment: " + err.Error()) // it was encoded by us, or checked when it was read
		}
		sum.Merge(h)
	}
	return result.LatencyOf(sum)
}
