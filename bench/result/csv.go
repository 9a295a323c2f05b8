package result

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
)

// writeCells writes a line for each operation of each run, with the names of run.json.
func writeCells(w io.Writer, runs []*Run) error {
	table := csv.NewWriter(w)
	head := []string{
		"cell", "workload", "target", "api", "level", "repeat", "block", "status", "operation", "measured_ns", "offered", "sent", "achieved",
		"messages", "bytes", "errors",
	}
	for _, prefix := range []string{"service", "response"} {
		for _, c := range latencyColumns(Latency{}) {
			head = append(head, prefix+"_"+c.name)
		}
	}
	rows := [][]string{head}
	for _, r := range runs {
		for _, name := range slices.Sorted(maps.Keys(r.Operations)) {
			rows = append(rows, r.row(name))
		}
	}
	return table.WriteAll(rows)
}

func (r *Run) row(operation string) []string {
	o, c := r.Operations[operation], r.Config
	failed := int64(0)
	for _, n := range o.Errors {
		failed += n
	}
	row := []string{
		r.Cell, c.Workload.Name, c.Target.Name, c.API, c.Level.String(), strconv.Itoa(r.Repeat), strconv.Itoa(r.Block), string(r.Status), operation,
		integer(r.MeasuredNS), integer(o.Offered), integer(o.Sent), integer(o.Achieved), integer(o.Messages), integer(o.Bytes), integer(failed),
	}
	for _, l := range []Latency{o.Service, o.Response} {
		for _, c := range latencyColumns(l) {
			row = append(row, c.value)
		}
	}
	return row
}

type column struct{ name, value string }

// latencyColumns are those of a distribution; what is not told is empty.
func latencyColumns(l Latency) []column {
	maybe := func(ns *int64) string {
		if ns == nil {
			return ""
		}
		return integer(*ns)
	}
	return []column{
		{"count", integer(l.Count)}, {"mean_ns", integer(l.MeanNS)}, {"sd_ns", integer(l.SDNS)}, {"p50_ns", maybe(l.P50NS)}, {"p75_ns", maybe(l.P75NS)},
		{"p90_ns", maybe(l.P90NS)}, {"p95_ns", maybe(l.P95NS)}, {"p99_ns", maybe(l.P99NS)}, {"p99_9_ns", maybe(l.P999NS)},
		{"p99_99_ns", maybe(l.P9999NS)}, {"max_ns", integer(l.MaxNS)},
	}
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// writeErrors writes a line for each class of failures.
func writeErrors(w io.Writer, runs []*Run) error {
	rows := [][]string{{"cell", "repeat", "operation", "class", "count"}}
	for _, r := range runs {
		for _, name := range slices.Sorted(maps.Keys(r.Operations)) {
			failed := r.Operations[name].Errors
			for _, class := range slices.Sorted(maps.Keys(failed)) {
				rows = append(rows, []string{r.Cell, strconv.Itoa(r.Repeat), name, class, integer(failed[class])})
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

var seriesHead = []string{"run", "t_s", "metric", "value"}

// writeSeries writes what happened in each second, in long form. Times are the ends of seconds.
func writeSeries(w io.Writer, r *Run, d *Details) error {
	name := fmt.Sprintf("%s/run-%d", r.Cell, r.Repeat)
	rows := [][]string{seriesHead}
	put := func(at time.Duration, metric, value string) {
		rows = append(rows, []string{name, seconds(at), metric, value})
	}
	for _, s := range d.Seconds {
		put(s.To, "phase", s.Phase)
		for _, k := range sorted(s.By) {
			c := s.By[k]
			put(s.To, k.String()+".offered", integer(c.Offered))
			put(s.To, k.String()+".sent", integer(c.Sent))
			put(s.To, k.String()+".achieved", integer(c.Achieved))
			if measure.Enough(c.Achieved, 0.5) {
				put(s.To, k.String()+".p50_ns", integer(int64(c.P50)))
			}
			if measure.Enough(c.Achieved, 0.99) {
				put(s.To, k.String()+".p99_ns", integer(int64(c.P99)))
			}
			if c.Achieved > 0 {
				put(s.To, k.String()+".max_ns", integer(int64(c.Max)))
			}
			for _, class := range slices.Sorted(maps.Keys(c.Errors)) {
				put(s.To, k.String()+".errors."+string(class), integer(c.Errors[class]))
			}
		}
	}
	for _, p := range d.Backlog {
		put(p.At, "backlog", number(p.Value))
	}
	for _, process := range slices.Sorted(maps.Keys(d.Readings)) {
		for _, m := range d.Readings[process] {
			if m.Gone {
				continue
			}
			put(m.At, process+".cpu_s", number(m.CPU))
			put(m.At, process+".rss_bytes", integer(m.RSS))
			for _, extra := range slices.Sorted(maps.Keys(m.Extra)) {
				put(m.At, process+"."+extra, number(m.Extra[extra]))
			}
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// joinSeries writes the series of all runs into one table.
func (f *Folder) joinSeries(runs []*Run) error {
	return f.writeWith("series.csv", func(w io.Writer) error {
		table := csv.NewWriter(w)
		if err := table.Write(seriesHead); err != nil {
			return err
		}
		for _, r := range runs {
			if err := f.copySeries(table, r); err != nil {
				return err
			}
		}
		table.Flush()
		return table.Error()
	})
}

func (f *Folder) copySeries(table *csv.Writer, r *Run) error {
	file, err := os.Open(filepath.Join(f.RunDir(r.Cell, r.Repeat), "series.csv"))
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows[min(1, len(rows)):] {
		if err := table.Write(row); err != nil {
			return err
		}
	}
	return nil
}
