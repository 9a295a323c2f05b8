package result

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// writeAutobench writes sweeps as autobench would: a table a sweep, whose columns have the names of autobench 2.1.1 with the
// target's name behind them. Errors are in percent of the replies; 101 says that there were none.
func writeAutobench(w io.Writer, sweeps []Sweep) error {
	for i, s := range sweeps {
		if i > 0 {
			fmt.Fprintln(w)
		}
		host := strings.NewReplacer("/", "_", ".", "_").Replace(s.Cell)
		columns := []string{"dem_req_rate"}
		for _, c := range []string{"req_rate", "con_rate", "min_rep_rate", "avg_rep_rate", "max_rep_rate", "stddev_rep_rate", "resp_time", "net_io", "errors"} {
			columns = append(columns, c+"_"+host)
		}
		if _, err := fmt.Fprintln(w, strings.Join(columns, "\t")); err != nil {
			return err
		}
		for _, l := range s.Levels {
			errors := 101.0
			if l.Achieved > 0 {
				errors = math.Min(100*l.Errors/(1-math.Min(l.Errors, 0.999)), 100)
			}
			_, err := fmt.Fprintf(w, "%.0f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\n", l.Rate, l.Achieved, 0.0, l.MinRate, l.Achieved,
				l.MaxRate, l.SDRate, float64(l.ResponseMeanNS)/1e6, l.BytesPerS/1024, errors)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// writeBench writes the runs in the format of Go's benchmarks, so that benchstat compares them.
func writeBench(w io.Writer, e *Experiment, runs []*Run) error {
	if _, err := fmt.Fprintf(w, "experiment: %s\nplan: %s\n", e.Name, e.Plan); err != nil {
		return err
	}
	for _, r := range runs {
		if r.Status != Valid {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(r.Operations)) {
			o := r.Operations[name]
			if o.Response.Count == 0 || r.MeasuredNS <= 0 {
				continue
			}
			line := fmt.Sprintf("Benchmark%s/op=%s %d %d ns/op", benchName(r.Cell), strings.ReplaceAll(name, "/", "."), o.Response.Count, o.Response.MeanNS)
			if p99 := o.Response.P99NS; p99 != nil {
				line += fmt.Sprintf(" %d p99-ns", *p99)
			}
			line += fmt.Sprintf(" %.6g op/s", float64(o.Achieved)/time.Duration(r.MeasuredNS).Seconds())
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// benchName is a cell as benchmarks are named: its workload first, then what varies.
func benchName(cell string) string {
	parts := strings.Split(cell, "/")
	if len(parts) != 5 {
		return strings.ReplaceAll(cell, "/", "_")
	}
	return fmt.Sprintf("%s/target=%s/api=%s/pools=%s/level=%s", strings.ReplaceAll(parts[0], "-", "_"), parts[1], strings.TrimPrefix(parts[2], "v"), strings.TrimPrefix(parts[3], "p"), parts[4])
}
