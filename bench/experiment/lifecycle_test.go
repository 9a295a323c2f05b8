package experiment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/flow"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/bench/target"
	"github.com/marconi-mq/marconi/client"
)

// attempts try to see something on a machine that others use, too, which is too busy if the generator was not fit.
func attempts(t *testing.T, try func() (problem string)) {
	t.Helper()
	benchtest.Attempts(t, func() (string, bool) {
		problem := try()
		return problem, strings.Contains(problem, "The generator was not fit")
	})
}

// needsTime skips what measures how fast something is, under the race detector and whatever else is tested beside it.
func needsTime(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("measures how fast something is; make depth runs it without the race detector")
	}
}

// carry carries a plan out and fails the test if that is an error.
func carry(t *testing.T, p *plan.Plan, o Options) (*result.Experiment, []*result.Run) {
	t.Helper()
	report, runs, err := Run(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return report, runs
}

// three is a plan of three short runs on a server of its own.
const three = `plan: three
targets: [{name: memory, start: {backend: memory}, api: [1.1]}]
workloads: [{use: work-queue, producers: 2, workers: 2}]
load: {rates: [50], connections: 8, timeout: 2s}
time: {warmup: 50ms, duration: 300ms, drain: 2s, cooldown: 0s, repeats: 3}
`

// children are the processes that this one has started and that still run.
func children(t *testing.T) (pids []int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skipf("children can't be listed here: %v", err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// What is stopped after a run goes on with those that are missing.
func TestAStoppedExperimentGoesOn(t *testing.T) {
	p := parse(t, three)
	o := options(t, p)
	stop := make(chan struct{})
	o.Stop = stop
	o.Events = func(e Event) {
		if e.Kind == RunEnded {
			close(stop)
		}
	}
	report, runs := carry(t, p, o)
	if len(runs) != 1 || !report.Partial {
		t.Fatalf("%d runs, partial %v; want one, cut short", len(runs), report.Partial)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	var began, total int
	o.Stop, o.Events = nil, func(e Event) {
		switch e.Kind {
		case Began:
			total = e.Progress.Total
		case RunBegan:
			began++
			if e.Repeat == runs[0].Repeat {
				t.Errorf("run %d is repeated", e.Repeat)
			}
		}
	}
	var err error
	if o.Folder, err = result.Open(o.Folder.Dir); err != nil {
		t.Fatal(err)
	}
	if p, err = o.Folder.Plan(); err != nil {
		t.Fatal(err)
	}
	report, runs = carry(t, p, o)
	if len(runs) != 3 || report.Partial || began != 2 || total != 2 {
		t.Errorf("%d runs, %d of them new of %d that were expected, partial %v; want 3, 2 of 2, complete", len(runs), began, total, report.Partial)
	}
	if report, runs = carry(t, p, o); len(runs) != 3 || began != 2 || report.Partial {
		t.Errorf("complete, and gone on with: %d runs, %d new", len(runs), began-2)
	}
}

// On another machine it does not: the figures of one experiment are of one environment. Nothing of the results is touched.
func TestResultsOfAnotherMachineAreNotGoneOnWith(t *testing.T) {
	p := parse(t, strings.Replace(three, "repeats: 3", "repeats: 1", 1))
	o := options(t, p)
	carry(t, p, o)
	here, err := o.Folder.Environment()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := here
	elsewhere.Kernel, elsewhere.Cores = "0.99", 100
	if _, err := o.Folder.WriteEnvironment(elsewhere); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, o.Folder.Dir)
	_, runs, err := Run(t.Context(), p, o)
	if !errors.Is(err, ErrElsewhere) || len(runs) != 0 {
		t.Fatalf("%d runs, %v; want that it was begun elsewhere", len(runs), err)
	}
	for _, want := range []string{`the kernel was "0.99" and is `, `the number of cores was "100" and is `} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want it to say that %s…", err, want)
		}
	}
	if after := snapshot(t, o.Folder.Dir); !maps.Equal(before, after) {
		t.Error("the results have changed")
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// snapshot gives all files of a folder.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Stopped before its first run, it has a report all the same.
func TestAnExperimentIsStoppedBeforeItBegins(t *testing.T) {
	p := parse(t, three+"sweep: {low: 50, high: 100, duration: 300ms}\n")
	o := options(t, p)
	stop := make(chan struct{})
	close(stop)
	o.Stop = stop
	report, runs := carry(t, p, o)
	if len(runs) != 0 || !report.Partial || len(report.Sweeps) != 0 {
		t.Errorf("%d runs, %d sweeps, partial %v; want none, cut short", len(runs), len(report.Sweeps), report.Partial)
	}
	if _, err := o.Folder.Experiment(); err != nil {
		t.Error(err)
	}
}

// A plan that takes longer than it may ends with what there is.
func TestAPlanEndsWhenItsTimeIsOver(t *testing.T) {
	p := parse(t, three+"max_wall: 1ms\n")
	report, runs := carry(t, p, options(t, p))
	if len(runs) != 0 || !report.Partial || len(report.Absent) != 1 || !strings.Contains(report.Absent[0].Because, "max_wall") {
		t.Errorf("%d runs, partial %v, absent %v; want none, because of max_wall", len(runs), report.Partial, report.Absent)
	}
}

// What is broken off in the middle of a run leaves no queue and no process, and a report of what there is.
func TestAnExperimentIsBrokenOff(t *testing.T) {
	i, err := target.Start(t.Context(), plan.Target{Start: &plan.Start{Backend: "memory"}}, target.Options{Dir: t.TempDir(), Server: benchtest.Server(t)})
	if err != nil {
		t.Fatal(err)
	}
	stopped := sync.OnceValue(i.Stop)
	defer stopped()
	p := parse(t, fmt.Sprintf(`plan: broken-off
targets:
  - {name: there, url: %q, api: [1.1]}
  - {name: memory, start: {backend: memory}, api: [1.1]}
workloads: [{use: work-queue, producers: 2, workers: 2}]
load: {rates: [50], connections: 8}
time: {warmup: 0s, duration: 12s, drain: 12s, cooldown: 12s, repeats: 2}
`, i.URL))
	for _, when := range []string{"a run", "a pause"} {
		o := options(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		o.Events = func(e Event) {
			if e.Kind == Ticked && e.Tick.Achieved > 0 && when == "a run" || e.Kind == RunBegan && when == "a pause" {
				cancel()
			}
		}
		begun := time.Now()
		report, runs, err := Run(ctx, p, o)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("in %s: it took %v to break off", when, took)
		}
		if len(runs) != 1 || !runs[0].Partial || !report.Partial {
			t.Errorf("in %s: %d runs, partial %v, %v; want one, cut short", when, len(runs), report.Partial, err)
		}
		if read, err := o.Folder.Experiment(); err != nil || !read.Partial {
			t.Errorf("in %s: the report says %+v, %v", when, read, err)
		}
		if left := children(t); len(left) != 1 {
			t.Errorf("in %s: processes %v are left, want the test's own server alone", when, left)
		}
		if left := queues(t, i.URL); len(left) > 0 {
			t.Errorf("in %s: queues %v are left", when, left)
		}
	}
	if err := stopped(); err != nil {
		t.Error(err)
	}
}

// queues are those that a load run has left on a server.
func queues(t *testing.T, url string) (left []string) {
	t.Helper()
	for project := range 4 {
		c, err := client.New(url, client.Config{Version: client.V11, Project: fmt.Sprintf("bench-%d", project)})
		if err != nil {
			t.Fatal(err)
		}
		page, err := c.QueuePage(t.Context(), client.QueueListing{})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page.Items {
			if strings.HasPrefix(q.Name, flow.Prefix) {
				left = append(left, q.Name)
			}
		}
	}
	return left
}

// A server that dies in the middle of a run costs that run, and not the next.
func TestATargetThatDiesCostsOneRun(t *testing.T) {
	p := parse(t, three)
	o := options(t, p)
	var once sync.Once
	var failed []string
	o.Events = func(e Event) {
		switch {
		case e.Kind == RunFailed:
			failed = append(failed, e.Text)
		case e.Kind == Ticked && e.Tick.Posted > 0:
			once.Do(func() {
				for _, pid := range children(t) {
					if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	report, runs := carry(t, p, o)
	if len(runs) != 3 || len(failed) != 1 {
		t.Fatalf("%d runs, %v failed; want three, and that one failed", len(runs), failed)
	}
	for i, r := range runs {
		switch dead := i == 0; {
		case r.Partial != dead, dead && (r.Status != result.Invalid || !strings.Contains(strings.Join(r.Reasons, " "), "broke off")):
			t.Errorf("run %d is %s, partial %v: %v", i, r.Status, r.Partial, r.Reasons)
		case !dead && (!r.Ledger.OK || r.Messages.Posted == 0):
			t.Errorf("run %d after that: %s %v", i, r.Status, r.Reasons)
		}
	}
	if len(report.Cells) != 1 || report.Cells[0].Runs != 3 {
		t.Errorf("the report has %+v", report.Cells)
	}
}

func TestABackendThatIsAbsentIsRecorded(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := parse(t, strings.Replace(strings.Replace(three, "repeats: 3", "repeats: 1", 1), "targets: [", "targets: [{name: cache, start: {backend: redis}, api: [1.1]}, ", 1))
	o := options(t, p)
	var told []string
	o.Events = func(e Event) {
		if e.Kind == NotRun {
			told = append(told, e.Cell+": "+e.Text)
		}
	}
	report, runs := carry(t, p, o)
	if len(runs) != 1 || len(report.Absent) != 1 || report.Absent[0].What != "cache" || !strings.Contains(report.Absent[0].Because, "redis-server is not installed") {
		t.Errorf("%d runs, absent %v; want one, and cache, because redis-server is not installed", len(runs), report.Absent)
	}
	if len(told) != 1 || report.Partial {
		t.Errorf("told of %v, partial %v", told, report.Partial)
	}
}

func TestAnUnreachableTargetIsToldWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // and nobody accepts: it does not even refuse
	p := parse(t, strings.Replace(three, "targets: [", fmt.Sprintf("targets: [{name: gone, url: \"http://%s\", api: [1.1]}, ", l.Addr()), 1))
	begun := time.Now()
	_, runs, err := Run(t.Context(), p, options(t, p))
	if took := time.Since(begun); !errors.Is(err, target.ErrUnreachable) || len(runs) > 0 || took > 5*time.Second {
		t.Errorf("after %v: %d runs, %v; want ErrUnreachable within five seconds", took, len(runs), err)
	}
}

// A pacer that is slow makes figures of its own. They don't count.
func TestASlowPacerIsNotFit(t *testing.T) {
	p := parse(t, strings.Replace(three, "repeats: 3", "repeats: 1", 1))
	o := options(t, p)
	o.Late = func(schedule.Due) { time.Sleep(30 * time.Millisecond) }
	_, runs := carry(t, p, o)
	r := runs[0]
	if r.Status != result.InvalidGenerator || r.Generator.Healthy || !strings.Contains(r.Generator.Why, "the pacer woke up to") || !r.Ledger.OK {
		t.Errorf("the run is %s: %v", r.Status, r.Reasons)
	}
}

// The same seed offers the same; another one, something else. That holds for repeats as well, each of which has its own.
func TestASeedOffersTheSame(t *testing.T) {
	t.Parallel()
	hashes := func(seed int) (all []string) {
		p := parse(t, strings.Replace(three, "repeats: 3", "repeats: 2", 1)+fmt.Sprintf("seed: %d\n", seed))
		o := options(t, p)
		_, runs := carry(t, p, o)
		slices.SortFunc(runs, func(a, b *result.Run) int { return a.Repeat - b.Repeat })
		for _, r := range runs {
			all = append(all, r.Sequence)
		}
		return all
	}
	first, again, other := hashes(1), hashes(1), hashes(2)
	if !slices.Equal(first, again) {
		t.Errorf("one seed offered %v and %v", first, again)
	}
	if first[0] == first[1] || first[0] == other[0] {
		t.Errorf("repeats offered %v, and another seed %v", first, other)
	}
}

// capped puts a server that takes so many posts a second before another one.
func capped(t *testing.T, behind string, rate int) string {
	t.Helper()
	u, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	proxy.Transport = transport
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) } // who asked has gone
	var mu sync.Mutex
	var free time.Time
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/messages") {
			mu.Lock()
			free = later(free, time.Now().Add(-5*time.Millisecond)).Add(time.Second / time.Duration(rate)) // it makes up for short pauses
			turn := free
			mu.Unlock()
			time.Sleep(time.Until(turn))
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Close()
		transport.CloseIdleConnections()
	})
	return s.URL
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// startMemory starts a server of the test's own.
func startMemory(t *testing.T) string {
	t.Helper()
	i, err := target.Start(t.Context(), plan.Target{Start: &plan.Start{Backend: "memory"}}, target.Options{Dir: t.TempDir(), Server: benchtest.Server(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	return i.URL
}

// sweepOf finds the limit of a server that has one.
func sweepOf(t *testing.T, capacity int, length time.Duration) *result.Experiment {
	t.Helper()
	p := parse(t, fmt.Sprintf(`plan: capped
targets: [{name: capped, url: %q, api: [1.1]}]
workloads: [{use: pub-sub, producers: 4, observers: 0, messages: {size: 100B}}]
load: {arrivals: even, connections: 64}
time: {warmup: 100ms, drain: 3s, cooldown: 0s}
sweep: {low: %d, high: %d, factor: 2, duration: %s, repeats: 1}
`, capped(t, startMemory(t), capacity), capacity*3/8, capacity*6, length))
	report, _ := carry(t, p, options(t, p))
	return report
}

// A sweep finds the limit of a server, and goes beyond it.
func TestASweepFindsTheLimit(t *testing.T) {
	needsTime(t)
	capacity, length := 400, 800*time.Millisecond
	if os.Getenv("MARCONI_TEST_SOAK") == "1" {
		capacity, length = 1000, 2*time.Second
	}
	attempts(t, func() string {
		report := sweepOf(t, capacity, length)
		if len(report.Sweeps) != 1 {
			return fmt.Sprintf("%d sweeps", len(report.Sweeps))
		}
		s := report.Sweeps[0]
		highest := s.Levels[len(s.Levels)-1]
		switch low := 0.95 * float64(capacity); {
		case s.Saturation.Value < low || s.Saturation.Value > float64(capacity) || s.Open:
			return fmt.Sprintf("saturation at %v/s, want %v to %d: %s", s.Saturation.Value, low, capacity, told(s))
		case !highest.Beyond || highest.Carried || highest.Rate < 2*float64(capacity):
			return "it did not go beyond: " + told(s)
		}
		return ""
	})
}

func told(s result.Sweep) string {
	var b bytes.Buffer
	for _, l := range s.Levels {
		fmt.Fprintf(&b, "\n%v/s: %.1f/s, carried %v %v", l.Rate, l.Achieved, l.Carried, l.Why)
	}
	return b.String()
}

// An overload is told from a level that is carried; it ends in time.
func TestAnOverloadIsSaturated(t *testing.T) {
	p := parse(t, fmt.Sprintf(`plan: overload
targets: [{name: capped, url: %q, api: [1.1]}]
workloads: [{use: pub-sub, producers: 4, observers: 0, messages: {size: 100B}}]
load: {rates: [400], arrivals: even, connections: 16}
time: {warmup: 0s, duration: 2s, drain: 2s, cooldown: 0s, repeats: 1}
`, capped(t, startMemory(t), 200)))
	attempts(t, func() string {
		begun := time.Now()
		_, runs := carry(t, p, options(t, p))
		r := runs[0]
		o := r.Operations["producer/post"]
		switch rate := float64(o.Achieved) / 2; {
		case time.Since(begun) > 15*time.Second:
			return fmt.Sprintf("it took %v", time.Since(begun))
		case r.Status == result.InvalidGenerator:
			return fmt.Sprint(r.Reasons) // the machine's doing
		case r.Status != result.Saturated || !strings.Contains(r.Reasons[0], "were done in time"):
			return fmt.Sprintf("the run is %s: %v", r.Status, r.Reasons)
		case rate < 190 || rate > 210:
			return fmt.Sprintf("%v/s were achieved of a server that does 200/s", rate)
		}
		return ""
	})
}

// The end is where it was expected after a quarter of the plan, within a fifth.
func TestTheEndIsWhereItWasExpected(t *testing.T) {
	needsTime(t)
	attempts(t, func() string {
		p := parse(t, strings.Replace(strings.Replace(three, "repeats: 3", "repeats: 6", 1), "duration: 300ms", "duration: 200ms", 1))
		return wrongEnd(t, p)
	})
}

// wrongEnd carries out a plan, and tells if its end was not where it was expected after a quarter of it, within a fifth.
func wrongEnd(t *testing.T, p *plan.Plan) (problem string) {
	t.Helper()
	o := options(t, p)
	var expected, end time.Duration
	o.Events = func(e Event) {
		end = e.Progress.Elapsed
		if e.Kind == RunEnded && expected == 0 && e.Progress.Share >= 0.25 {
			expected = end + e.Progress.Left
		}
	}
	carry(t, p, o)
	if expected < end*8/10 || expected > end*12/10 {
		return fmt.Sprintf("the end was expected after %v and came after %v", expected, end)
	}
	return ""
}
