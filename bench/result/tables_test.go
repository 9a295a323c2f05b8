package result

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
)

// read reads a CSV file: a map from columns to values for each line.
func read(t *testing.T, file string) (lines []map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		line := map[string]string{}
		for i, name := range rows[0] {
			line[name] = row[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// Each number of cells.csv is the one of run.json, digit by digit, under the same name.
func TestTablesAgreeWithRuns(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	lines := read(t, filepath.Join(folder.Dir, "cells.csv"))
	if len(lines) != 4 {
		t.Errorf("%d lines, want one for each of 2 operations of 2 runs", len(lines))
	}
	for _, line := range lines {
		repeat, err := strconv.Atoi(line["repeat"])
		if err != nil {
			t.Fatal(err)
		}
		run := numbers(t, filepath.Join(folder.RunDir(line["cell"], repeat), runFile))
		operation := run["operations"].(map[string]any)[line["operation"]].(map[string]any)
		compared := 0
		for name, got := range line {
			var want any
			switch prefix, rest, _ := strings.Cut(name, "_"); {
			case prefix == "service" || prefix == "response":
				want = operation[prefix].(map[string]any)[rest]
			case name == "measured_ns" || name == "status" || name == "block":
				want = run[name]
			case name == "errors":
				failed := int64(0)
				for _, n := range asMap(operation["errors"]) {
					one, err := n.(json.Number).Int64()
					if err != nil {
						t.Fatal(err)
					}
					failed += one
				}
				want = failed
			case operation[name] != nil:
				want = operation[name]
			default:
				continue
			}
			compared++
			if want == nil {
				want = "" // a percentile that is not told
			}
			if got != fmt.Sprint(want) {
				t.Errorf("%s of %s: %s in the table, %v in the run", name, line["operation"], got, want)
			}
		}
		if compared != 31 {
			t.Errorf("%d numbers were compared, want 31", compared)
		}
	}
}

// numbers reads a JSON file with its numbers as they are written.
func numbers(t *testing.T, file string) (document map[string]any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func TestErrorsAreListedByClass(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	lines := read(t, filepath.Join(folder.Dir, "errors.csv"))
	if len(lines) != 2 {
		t.Fatalf("%d lines of errors, want a class of each run", len(lines))
	}
	if got := lines[0]; got["operation"] != "producer/post" || got["class"] != "503" || got["count"] != "15" {
		t.Errorf("the errors are %v, want 15 of 503", got)
	}
}

// What the seconds of the series say adds up to what the run says.
func TestTheSeriesAddsUp(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	phase, sums := "", map[string]int64{}
	values := map[string]string{}
	for _, line := range read(t, filepath.Join(folder.Dir, "series.csv")) {
		if !strings.HasPrefix(line["run"], f.runs[0].Cell+"/") {
			continue
		}
		values[line["metric"]] = line["value"]
		if line["metric"] == "phase" {
			phase = line["value"]
		} else if n, err := strconv.ParseInt(line["value"], 10, 64); err == nil && phase == "measure" {
			sums[line["metric"]] += n
		}
	}
	o := f.runs[0].Operations["producer/post"]
	for metric, want := range map[string]int64{"offered": o.Offered, "sent": o.Sent, "achieved": o.Achieved, "errors.503": o.Errors["503"]} {
		if got := sums["producer/post."+metric]; got != want || want == 0 {
			t.Errorf("the seconds have %d %s, the run %d", got, metric, want)
		}
	}
	for metric, want := range map[string]string{"server.cpu_s": "0.123456789", "server.heap_bytes": "12345.5", "server.rss_bytes": "1048576", "backlog": "1e+07"} {
		if values[metric] != want {
			t.Errorf("%s is %q, want %q", metric, values[metric], want)
		}
	}
}

// A percentile of a second is in the series if ten samples lie above it; the longest is always.
func TestTheSeriesHasNoPercentilesOfFew(t *testing.T) {
	d, k := &Details{}, measure.Key{Flow: "producer", Operation: "post"}
	wanted := map[int64]string{0: "", 1: "max", 19: "max", 20: "p50 max", 999: "p50 max", 1000: "p50 p99 max"}
	for n := range wanted {
		d.Seconds = append(d.Seconds, measure.Second{
			Phase: "measure", To: time.Duration(n+1) * time.Second, By: map[measure.Key]measure.Counts{k: {Achieved: n, P50: 1000, P99: 2000, Max: 3000}},
		})
	}
	var text bytes.Buffer
	if err := writeSeries(&text, &Run{}, d); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range wanted {
		var got []string
		for _, row := range rows {
			if name, is := strings.CutPrefix(row[2], "producer/post."); is && strings.HasSuffix(name, "_ns") && row[1] == fmt.Sprintf("%d.000", n+1) {
				got = append(got, strings.TrimSuffix(name, "_ns"))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("of a second with %d operations the series has %v, want %v", n, got, want)
		}
	}
}

// A histogram in run.json has the percentiles that stand beside it.
func TestHistogramsHaveTheirPercentiles(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	runs, err := folder.Runs()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		all := map[string]Latency{"end_to_end": r.EndToEnd, "sojourn": r.Sojourn, "to_auditor": *r.ToAuditor, "generator": r.Generator.PacerLag}
		for name, o := range r.Operations {
			all[name+" service"], all[name+" response"], all[name+" all"], all[name+" pacer"], all[name+" queue"] = o.Service, o.Response, o.All, o.PacerLag, o.QueueLag
		}
		for name, l := range all {
			h, err := measure.Decode(l.Histogram)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, want := must(json.Marshal(LatencyOf(h))), must(json.Marshal(l)); !bytes.Equal(got, want) {
				t.Errorf("%s: the histogram says\n%s\nand beside it stands\n%s", name, got, want)
			}
		}
	}
	if p := runs[0].Operations["producer/post"].Response; p.P99NS == nil || p.P9999NS != nil {
		t.Errorf("of 1 500 times the p99 is %v and the p99.99 %v; want one and none", p.P99NS, p.P9999NS)
	}
}

// The log of a run is read back by the library's reader, and has as many as were achieved.
func TestTheLogOfARunIsReadBack(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	for _, r := range f.runs {
		file, err := os.Open(filepath.Join(folder.RunDir(r.Cell, r.Repeat), "run.hlog"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		sums, err := measure.ReadLog(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(sums) != len(r.Operations) {
			t.Errorf("the log has %d operations, want %d", len(sums), len(r.Operations))
		}
		for name, o := range r.Operations {
			if got := sums[name].Count(); got != o.Achieved || got == 0 {
				t.Errorf("%s: %d in the log, %d achieved", name, got, o.Achieved)
			}
		}
	}
}

func TestPercentilesAreFiles(t *testing.T) {
	f := newFixture(t)
	folder := f.write(t, t.TempDir())
	files := tree(t, folder.RunDir(f.runs[0].Cell, 1))
	for _, name := range []string{"producer.post.response", "producer.post.service", "worker.claim.empty.response", "end_to_end", "sojourn"} {
		if text := files[name+".hgrm"]; !strings.Contains(text, "Percentile") || !strings.Contains(text, "Total count") {
			t.Errorf("%s.hgrm is %q", name, text)
		}
	}
}

// The columns have autobench's names and order, so that scripts for it work.
func TestSweepsAreWrittenAsAutobenchDoes(t *testing.T) {
	folder := newFixture(t).write(t, t.TempDir())
	lines := strings.Split(strings.TrimSuffix(tree(t, folder.Dir)["autobench.tsv"], "\n"), "\n")
	const host = "_work-queue_memory_v1_1_p1"
	want := []string{"dem_req_rate"}
	for _, name := range []string{"req_rate", "con_rate", "min_rep_rate", "avg_rep_rate", "max_rep_rate", "stddev_rep_rate", "resp_time", "net_io", "errors"} {
		want = append(want, name+host)
	}
	if lines[0] != strings.Join(want, "\t") || len(want) != 10 {
		t.Errorf("the columns are\n%s\nwant\n%s", lines[0], strings.Join(want, "\t"))
	}
	for i, want := range []string{
		"100\t99.5\t0.0\t98.0\t99.5\t101.0\t0.7\t1.2\t100.0\t0.00",
		"400\t99.5\t0.0\t98.0\t99.5\t101.0\t0.7\t1.2\t100.0\t25.00", // a fifth failed: a quarter of the replies
		"800\t0.0\t0.0\t98.0\t0.0\t101.0\t0.7\t1.2\t100.0\t101.00",  // no reply at all
	} {
		if got := lines[i+1]; got != want {
			t.Errorf("level %d is\n%s\nwant\n%s", i, got, want)
		}
	}
}

// results.bench has the form that benchstat reads, of valid runs alone, in the same order each time.
func TestRunsAreWrittenAsBenchmarks(t *testing.T) {
	f := newFixture(t)
	f.runs[1].Status = Valid
	var first string
	for range 20 { // of maps
		var out bytes.Buffer
		if err := writeBench(&out, f.experiment, f.runs); err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = out.String()
		}
		if out.String() != first {
			t.Fatalf("written twice it is\n%s\nand\n%s", first, out.String())
		}
	}
	form := regexp.MustCompile(`^Benchmark\S+ \d+( [0-9.e+]+ \S+)+$`)
	lines := strings.Split(strings.TrimSpace(first), "\n")
	if len(lines) != 2+4 {
		t.Fatalf("%d lines, want 2 of what it is and 4 of operations:\n%s", len(lines), first)
	}
	for _, line := range lines[2:] {
		if !form.MatchString(line) {
			t.Errorf("no line of a benchmark: %s", line)
		}
	}
	o := f.runs[0].Operations["producer/post"]
	rate := float64(o.Achieved) / time.Duration(f.runs[0].MeasuredNS).Seconds()
	want := fmt.Sprintf("/target=memory/api=1.1/pools=1/level=rate-100/op=producer.post %d %d ns/op %d p99-ns %.6g op/s", o.Response.Count, o.Response.MeanNS, *o.Response.P99NS, rate)
	if !strings.HasSuffix(lines[2], want) {
		t.Errorf("a line is\n%s\nwant at its end\n%s", lines[2], want)
	}
	f.runs[0].Status, f.runs[1].Status = Saturated, InvalidGenerator
	var out bytes.Buffer
	if err := writeBench(&out, f.experiment, f.runs); err != nil || strings.Contains(out.String(), "Benchmark") {
		t.Errorf("runs that don't count are compared: %v\n%s", err, out.String())
	}
}
