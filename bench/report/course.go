package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi/bench/result"
)

// A course is how a cell's runs went over time, second by second: medians of its runs. Times are seconds since the measured
// time began.
type course struct {
	metrics map[string][]sample // by name: rate p99 max cpu rss backlog; in the order of time
	phases  []stretch
	faults  []injury
}

// A sample is a value at a time.
type sample struct{ t, v float64 }

// A stretch is a part of the time with a name.
type stretch struct {
	name     string
	from, to float64
}

// An injury is a fault as the cell's runs saw it.
type injury struct {
	result.Fault
	from, to, recovered float64 // recovered: when; not a number: never
}

// The metrics of a course.
const (
	rate    = "rate"
	p99     = "p99"
	slowest = "max"
	cpu     = "cpu"
	rss     = "rss"
	backlog = "backlog"
)

// readCourse reads the series of a cell's runs. A run without one is left out.
func readCourse(folder *result.Folder, c *cell) (*course, error) {
	all, key := []*course{}, result.Driving(c.Config).String()
	for _, r := range c.runs {
		if c.counts() && r.Status == result.Invalid {
			continue
		}
		rows, err := readSeries(folder.RunDir(r.Cell, r.Repeat))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one := trace(rows, key)
		one.suffer(r, rows)
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return merge(all), nil
}

// A row is a line of series.csv.
type row struct {
	t             float64
	metric, value string
}

func readSeries(dir string) ([]row, error) {
	file, err := os.Open(filepath.Join(dir, "series.csv"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	var rows []row
	for _, l := range lines[min(1, len(lines)):] {
		t, err := strconv.ParseFloat(l[1], 64)
		if err != nil || len(l) != 4 {
			return nil, fmt.Errorf("read %s: %q is no time", file.Name(), l[1])
		}
		rows = append(rows, row{t: t, metric: l[2], value: l[3]})
	}
	return rows, nil
}

// seconds are the ends of the seconds of a run with their phases, and when the measured time began.
func seconds(rows []row) (ends []stretch, begin float64) {
	begin, last := math.NaN(), 0.0
	for _, r := range rows {
		if r.metric != "phase" {
			continue
		}
		if len(ends) == 0 {
			last = max(r.t-1, 0)
		}
		if math.IsNaN(begin) && result.Measured(r.value) {
			begin = last
		}
		ends = append(ends, stretch{name: r.value, from: last, to: r.t})
		last = r.t
	}
	if math.IsNaN(begin) {
		begin = 0
	}
	return ends, begin
}

// trace makes a course of the series of one run.
func trace(rows []row, driving string) *course {
	ends, begin := seconds(rows)
	c := &course{metrics: map[string][]sample{}}
	lengths, first := map[float64]float64{}, math.Inf(1)
	for _, e := range ends {
		lengths[e.to] = e.to - e.from
		if e.name == "setup" {
			continue
		}
		first = min(first, e.from-begin)
		if n := len(c.phases); n > 0 && c.phases[n-1].name == e.name {
			c.phases[n-1].to = e.to - begin
		} else {
			c.phases = append(c.phases, stretch{name: e.name, from: e.from - begin, to: e.to - begin})
		}
	}
	use := usage{}
	for _, r := range rows {
		v, err := strconv.ParseFloat(r.value, 64)
		at := math.Round((r.t-begin)*1000) / 1000
		if err != nil || at <= first { // of the setup
			continue
		}
		switch r.metric {
		case driving + ".achieved":
			if l := lengths[r.t]; l > 0.05 {
				c.add(rate, at, v/l)
			}
		case driving + ".p99_ns":
			c.add(p99, at, v)
		case driving + ".max_ns":
			c.add(slowest, at, v)
		case backlog:
			c.add(backlog, at, v)
		default:
			use.take(r.metric, at, v)
		}
	}
	use.put(c)
	return c
}

// measured are the samples of a metric in the time whose figures count.
func (c *course) measured(metric string) (some []sample) {
	for _, s := range c.metrics[metric] {
		for _, p := range c.phases {
			if result.Measured(p.name) && s.t > p.from && s.t <= p.to+0.05 {
				some = append(some, s)
				break
			}
		}
	}
	return some
}

func (c *course) add(metric string, t, v float64) {
	c.metrics[metric] = append(c.metrics[metric], sample{t, v})
}

// usage collects what server and backend use, by the second: CPU as a rate, and memory.
type usage struct {
	before   map[string]sample // the last reading of a process' CPU time
	cpu, rss map[float64]float64
}

func (u *usage) take(metric string, t, v float64) {
	process, what, _ := strings.Cut(metric, ".")
	if process != "server" && process != "backend" {
		return
	}
	if u.cpu == nil {
		u.before, u.cpu, u.rss = map[string]sample{}, map[float64]float64{}, map[float64]float64{}
	}
	switch what {
	case "cpu_s":
		if b, some := u.before[process]; some && v >= b.v && t > b.t+0.05 { // less: it was started anew
			u.cpu[math.Round(10*t)/10] += (v - b.v) / (t - b.t)
		}
		u.before[process] = sample{t, v}
	case "rss_bytes":
		u.rss[math.Round(10*t)/10] += v
	}
}

func (u *usage) put(c *course) {
	for metric, values := range map[string]map[float64]float64{cpu: u.cpu, rss: u.rss} {
		for t, v := range values {
			c.add(metric, t, v)
		}
		slices.SortFunc(c.metrics[metric], func(a, b sample) int { return int(math.Copysign(1, a.t-b.t)) })
	}
}

// suffer notes the faults of a run.
func (c *course) suffer(r *result.Run, rows []row) {
	_, begin := seconds(rows)
	for _, f := range r.Faults {
		at := injury{Fault: f, from: float64(f.FromNS)/1e9 - begin, to: float64(f.ToNS)/1e9 - begin, recovered: math.NaN()}
		if f.RecoveredNS >= 0 {
			at.recovered = at.from + float64(f.RecoveredNS)/1e9
		}
		c.faults = append(c.faults, at)
	}
}

// maxBins bounds how many points a line has: more than that no screen shows.
const maxBins = 600

// merge gives the medians of several courses.
func merge(all []*course) *course {
	sum := &course{metrics: map[string][]sample{}, phases: all[0].phases, faults: all[0].faults}
	length := 0.0
	for _, p := range sum.phases {
		length = max(length, p.to)
	}
	step := 1.0
	switch {
	case length < 3:
		step = 0.1 // too short to have whole seconds
	case length > maxBins:
		step = math.Ceil(length / maxBins)
	}
	for _, metric := range []string{rate, p99, slowest, cpu, rss, backlog} {
		bins := map[float64][]float64{}
		for _, c := range all {
			for at, v := range means(c.metrics[metric], step) {
				bins[at] = append(bins[at], v)
			}
		}
		for _, at := range sortedKeys(bins) {
			if 2*len(bins[at]) > len(all) { // a second that few runs had is no median
				sum.add(metric, at, median(bins[at]))
			}
		}
	}
	return sum
}

// means are those of the samples of one run in each step of time.
func means(samples []sample, step float64) map[float64]float64 {
	sums, counts := map[float64]float64{}, map[float64]float64{}
	for _, s := range samples {
		at := math.Round(math.Round(s.t/step)*step*10) / 10
		sums[at] += s.v
		counts[at]++
	}
	for at := range sums {
		sums[at] /= counts[at]
	}
	return sums
}

func sortedKeys[V any](m map[float64]V) []float64 {
	keys := make([]float64, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}
