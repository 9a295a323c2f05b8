package report

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/bench/measure"
)

// rowsOf is a run with a setup of 0.25 s, a warm-up of a second, two measured ones and a drain.
func rowsOf() []row {
	return []row{
		{0.25, "phase", "setup"}, {0.25, "producer/post.achieved", "99"},
		{1.25, "phase", "warmup"}, {1.25, "producer/post.achieved", "10"},
		{2.25, "phase", "measure"}, {2.25, "producer/post.achieved", "20"}, {2.25, "producer/post.p99_ns", "1500"}, {2.25, "producer/post.max_ns", "1700"},
		{3.25, "phase", "measure"}, {3.25, "producer/post.achieved", "30"}, {3.25, "worker/claim.achieved", "7"},
		{3.75, "phase", "drain"}, {3.75, "producer/post.achieved", "5"},
		{2.1, "backlog", "4"}, {0.1, "backlog", "1"},
		{1.3, "server.cpu_s", "1"}, {2.3, "server.cpu_s", "1.5"}, {3.25, "server.cpu_s", "0.25"}, {3.25, "backend.rss_bytes", "7"}, {3.25, "server.rss_bytes", "3"},
	}
}

// The p99 is drawn of cells whose seconds tell it, the longest of others.
func TestWhatIsDrawnOfResponseTimes(t *testing.T) {
	made := func(seconds, told int) *cell {
		c := &cell{course: &course{metrics: map[string][]sample{slowest: make([]sample, seconds)}}}
		c.course.metrics[p99] = make([]sample, told)
		return c
	}
	for name, test := range map[string]struct {
		cells []*cell
		want  string
	}{
		"all tell it":       {[]*cell{made(8, 8), made(8, 5)}, p99},
		"one does not":      {[]*cell{made(8, 8), made(8, 4)}, slowest},
		"none":              {[]*cell{made(8, 0)}, slowest},
		"nothing was timed": {[]*cell{made(0, 0)}, slowest},
	} {
		var got []string
		for _, tr := range tracksOf(test.cells) {
			got = append(got, tr.metric)
		}
		if want := []string{rate, test.want, cpu, rss, backlog}; !cmp.Equal(want, got) {
			t.Errorf("%s: %v are drawn, want %v", name, got, want)
		}
	}
}

func TestCourse(t *testing.T) {
	c := trace(rowsOf(), "producer/post")
	for metric, want := range map[string][]sample{
		rate:    {{0, 10}, {1, 20}, {2, 30}, {2.5, 10}},
		p99:     {{1, 1500}},
		slowest: {{1, 1700}},
		backlog: {{0.85, 4}},
		cpu:     {{1.1, 0.5}}, // the server was started anew after that
		rss:     {{2, 10}},
	} {
		if diff := cmp.Diff(want, c.metrics[metric], cmp.AllowUnexported(sample{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", metric, diff)
		}
	}
	if want := []stretch{{"warmup", -1, 0}, {"measure", 0, 2}, {"drain", 2, 2.5}}; !cmp.Equal(want, c.phases, cmp.AllowUnexported(stretch{})) {
		t.Errorf("phases are %v, want %v", c.phases, want)
	}
	if got := c.measured(rate); len(got) != 2 || got[0].v != 20 {
		t.Errorf("measured are %v, want the two seconds", got)
	}
}

func TestCoursesAreMerged(t *testing.T) {
	one := func(values ...float64) *course {
		c := &course{metrics: map[string][]sample{}, phases: []stretch{{"measure", 0, 10}}}
		for i, v := range values {
			c.add(rate, float64(i+1)+0.04*v/v, v)
		}
		return c
	}
	got := merge([]*course{one(1, 10, 5), one(3, 20), one(2, 60)}).metrics[rate]
	if want := []sample{{1, 2}, {2, 20}}; !cmp.Equal(want, got, cmp.AllowUnexported(sample{})) {
		t.Errorf("the medians are %v, want %v", got, want)
	}
}

func TestHeatOfALog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run.hlog")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	log, err := measure.NewLogWriter(file, time.Unix(1000, 0), "test")
	if err != nil {
		t.Fatal(err)
	}
	for second := range 3 {
		h := measure.NewHistogram()
		for range second + 1 {
			h.Record(1500 * time.Microsecond)
		}
		h.Record(40 * time.Millisecond)
		from := 2250*time.Millisecond + time.Duration(second)*time.Second
		for _, tag := range []string{"producer/post", "worker/claim"} {
			if err := log.Interval(tag, from, from+time.Second, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	h := &heatMap{step: 1, counts: map[int]map[int]int64{}}
	if err := h.read(name, "producer/post"); err != nil {
		t.Fatal(err)
	}
	fast, slow := bandOf(1500*time.Microsecond), bandOf(40*time.Millisecond)
	want := map[int]map[int]int64{0: {fast: 1, slow: 1}, 1: {fast: 2, slow: 1}, 2: {fast: 3, slow: 1}}
	if diff := cmp.Diff(want, h.counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if start := bandStart(fast); start > 1.5e6 || bandStart(fast+1) <= 1.5e6 {
		t.Errorf("the band of 1.5 ms begins at %v ns", start)
	}
}

func TestHeatOfNothing(t *testing.T) {
	h := &heatMap{step: 1, counts: map[int]map[int]int64{}}
	if _, _, some := h.bands(); some || h.columns() != 0 {
		t.Error("a heat map of nothing has something")
	}
}

func TestAxes(t *testing.T) {
	labels := func(a axis) (all []string) {
		for _, tick := range a.ticks {
			all = append(all, plainBlanks(tick.Label))
		}
		return all
	}
	for _, c := range []struct {
		name string
		axis axis
		want []string
	}{
		{"linear", linear(9, digits), []string{"0", "2", "4", "6", "8"}},
		{"of nothing", linear(math.NaN(), digits), []string{"0", "0.50", "1"}},
		{"a short logarithmic one", logarithmic([]float64{1.2e6, 8e6, math.NaN(), 0}, duration), []string{"1 ms", "2 ms", "5 ms", "10 ms"}},
		{"a long one", logarithmic([]float64{2e5, 3e9}, duration), []string{"1 ms", "10 ms", "100 ms", "1 s"}},
		{"rows", named([]string{"a", "b"}), []string{"a", "b"}},
	} {
		if got := labels(c.axis); !cmp.Equal(got, c.want) {
			t.Errorf("%s has the ticks %q, want %q", c.name, got, c.want)
		}
	}
}
