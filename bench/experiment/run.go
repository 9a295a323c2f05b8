package experiment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/flow"
	"github.com/marconi-mq/marconi/bench/measure"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/bench/target"
	"github.com/marconi-mq/marconi/ledger"
)

// A run is one repeat of a cell, under way.
type run struct {
	*experimenter
	cell          plan.Cell
	repeat, block int
	instance      *target.Instance
	seed          uint64

	began       time.Time
	clock       schedule.Clock
	book        *ledger.Ledger
	recorder    *measure.Recorder
	pulse       *measure.Pulse // of the driving operation, in a run with faults
	watch       *measure.Watch
	connections *target.Connections
	traffic     *flow.Traffic
	redelivery  *measure.Histogram // from when a message was free again to its next delivery

	mu     sync.Mutex // guards what follows
	faults []result.Fault
	failed error          // of a fault that could not be done, or whose process did not come back
	points []result.Point // of the backlog
	done   []result.Point // what the driving flow had achieved
}

// generator is the name of this process among those watched.
const generator = "generator"

// carryOut carries the run out. With an error it may still give what there is: a partial run.
func (r *run) carryOut(ctx context.Context) (*result.Run, *result.Details, error) {
	if err := r.setUp(); err != nil {
		return nil, nil, err
	}
	defer r.connections.Close()
	r.began = time.Now().Round(0)
	sequence, err := r.traffic.Sequence()
	if err != nil {
		return nil, nil, err
	}
	debug.FreeOSMemory() // the last run's garbage is not this one's pause
	drained, err := r.flow(ctx)
	if cleaned := r.clean(); err == nil && cleaned != nil {
		err = cleaned
	}
	got, details := r.assess(sequence, drained)
	if err != nil {
		got.Partial = true
		got.Status, got.Reasons = result.Invalid, append(got.Reasons, "The run broke off: "+brief(err)+".")
	}
	return got, details, err
}

// brief is an error in a line: of those of many queues, the first.
func brief(err error) string {
	first, rest, more := strings.Cut(err.Error(), "\n")
	if !more {
		return first
	}
	return fmt.Sprintf("%s, and %d more", first, strings.Count(rest, "\n")+1)
}

func (r *run) setUp() (err error) {
	real := schedule.NewReal()
	traits, forgets := r.instance.Traits, r.instance.Forgets(r.cell.Faults)
	r.clock, r.recorder = real, measure.NewRecorder()
	r.redelivery = measure.NewHistogram()
	r.book = ledger.New(ledger.Options{
		Run: r.name(), NotFIFO: !traits.FIFO, NotAllOrNone: !traits.AllOrNone, Forgets: forgets,
		Redelivered: r.redelivery.Record,
	})
	processes := append(r.instance.Processes(), measure.Process{Name: generator, PID: os.Getpid()})
	r.watch = measure.NewWatch(real.Now, processes...)
	if r.connections, err = r.instance.Connect(r.cell.API, r.cell.Load.Connections); err != nil {
		return err
	}
	r.traffic, err = flow.New(flow.Setup{
		Cell: r.cell, Seed: r.seed, Run: r.name(), Clock: real, Ledger: r.book, Recorder: r.recorder,
		Connect: r.connections.Client, Log: r.Log, Loose: !traits.FIFO || forgets, Late: r.Late,
	})
	return err
}

// name tells the run from all others on a target, in the names of its queues.
func (r *run) name() string {
	return strconv.FormatInt(r.report.Started.Unix(), 36) + "-" + strconv.Itoa(len(r.runs)) + "-" + strconv.Itoa(r.repeat)
}

// flow makes the traffic, with all that happens beside it.
func (r *run) flow(ctx context.Context) (drained bool, err error) {
	if err := r.traffic.Prepare(ctx); err != nil {
		return false, err
	}
	if len(r.cell.Faults) > 0 {
		const slack = time.Second // until the first is sent
		length := time.Duration(r.cell.Load.Ramp + r.cell.Time.Warmup + r.cell.Time.Duration)
		r.pulse = r.recorder.Meter(r.driving(), runtime.GOMAXPROCS(0)).Pulse(r.clock.Now() + length + slack)
	}
	beside, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	defer others.Wait()
	defer stop()
	others.Go(func() { r.tick(beside) })
	others.Go(func() { r.suffer(beside) })
	if err := r.traffic.Run(ctx); err != nil {
		return false, err
	}
	r.watch.Read(ctx)
	drained, err = r.traffic.Drain(ctx)
	return drained, errors.Join(r.suffered(), err)
}

// cleanWithin is how long it may take to delete the queues, also when everything else has been broken off.
const cleanWithin = 10 * time.Second

func (r *run) clean() error {
	ctx, done := context.WithTimeout(context.Background(), cleanWithin)
	defer done()
	return r.traffic.Clean(ctx)
}

// tickEvery is how often the screen is told; every fourth time processes are read.
const tickEvery = 250 * time.Millisecond

func (r *run) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for n := 0; ; n++ {
		if n%4 == 0 {
			r.watch.Read(ctx)
		}
		r.recorder.Harvest()
		r.note()
		r.tell(Event{Kind: Ticked, Cell: r.cell.Path(), Repeat: r.repeat, Repeats: r.cell.Time.Repeats, Block: r.block, Tick: r.now()})
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// note takes down the backlog, and what is done.
func (r *run) note() {
	p, done, at := r.book.Progress(), r.recorder.Achieved(r.driving()), r.clock.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, result.Point{At: at, Value: float64(p.Confirmed - p.TakenAway)})
	r.done = append(r.done, result.Point{At: at, Value: float64(done)})
}

// now is the present moment of the run.
func (r *run) now() *Tick {
	p, seconds := r.book.Progress(), r.recorder.Seconds()
	t := &Tick{At: r.clock.Now(), Posted: p.Confirmed, Delivered: p.Delivered, Deleted: p.TakenAway, Faults: p.Faults, Usage: r.usage()}
	k := r.driving()
	for i, s := range seconds {
		c := s.By[k]
		for _, of := range s.By {
			for _, n := range of.Errors {
				t.Errors += n
			}
		}
		t.Phase, t.Max = s.Phase, max(t.Max, int64(c.Max))
		if i == len(seconds)-1 && i > 0 {
			continue // it isn't over
		}
		length := (s.To - s.From).Seconds()
		t.Offered, t.Sent, t.Achieved = float64(c.Offered)/length, float64(c.Sent)/length, float64(c.Achieved)/length
		t.Longest = append(t.Longest, float64(c.Max))
	}
	response := r.recorder.Response(k)
	t.P50, t.P99, t.P999 = percentile(response, 0.5), percentile(response, 0.99), percentile(response, 0.999)
	t.Lag = percentile(r.recorder.PacerLag(k), 0.99)
	if n := len(t.Longest); n > 20 {
		t.Longest = t.Longest[n-20:]
	}
	return t
}

// percentile is one in nanoseconds; nil: too few samples tell it.
func percentile(h *measure.Histogram, q float64) *int64 {
	d, enough := h.Quantile(q)
	if !enough {
		return nil
	}
	ns := int64(d)
	return &ns
}

// usage is what the processes used between the last two readings.
func (r *run) usage() map[string]Usage {
	all := map[string]Usage{}
	for _, p := range r.watch.Processes() {
		readings := r.watch.Readings(p.Name)
		n := len(readings)
		if n == 0 || readings[n-1].Gone || p.PID == 0 {
			continue
		}
		u := Usage{RSS: readings[n-1].RSS}
		if n > 1 && readings[n-2].PID == readings[n-1].PID {
			if span := (readings[n-1].At - readings[n-2].At).Seconds(); span > 0 {
				u.CPU = (readings[n-1].CPU - readings[n-2].CPU) / span
			}
		}
		all[p.Name] = u
	}
	return all
}

// driving is the key of the operation that the rate drives.
func (r *run) driving() measure.Key { return result.Driving(r.cell) }

// suffer does the plan's faults at their times, which count from the end of the warm-up.
func (r *run) suffer(ctx context.Context) {
	faults := slices.Clone(r.cell.Faults)
	slices.SortStableFunc(faults, func(a, b plan.Fault) int { return int(a.At - b.At) })
	if len(faults) == 0 {
		return
	}
	from := r.measuredFrom(ctx)
	for _, f := range faults {
		r.clock.SleepUntil(ctx, from+time.Duration(f.At))
		if ctx.Err() != nil {
			return
		}
		begun := r.clock.Now()
		pid, err := r.instance.Suffer(ctx, f)
		if err != nil {
			r.mu.Lock()
			r.failed = fmt.Errorf("%s the %s: %w", f.Do, f.To, err)
			r.mu.Unlock()
			return
		}
		r.watch.Replace(f.To, pid)
		r.mu.Lock()
		r.faults = append(r.faults, result.Fault{Do: f.Do, To: f.To, FromNS: int64(begun), ToNS: int64(r.clock.Now())})
		r.mu.Unlock()
	}
}

// measuredFrom waits until it is known when the measured time begins, or the run is over.
func (r *run) measuredFrom(ctx context.Context) time.Duration {
	for ctx.Err() == nil {
		for _, p := range r.recorder.Phases() {
			if p.Measured {
				return p.From
			}
		}
		r.clock.SleepUntil(ctx, r.clock.Now()+time.Millisecond)
	}
	return 0
}

// suffered is the error of the faults.
func (r *run) suffered() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// wrong gives a sentence for each fault of a verdict's.
func wrong(v ledger.Verdict) (reasons []string) {
	for _, class := range ledger.Classes() {
		if n := v.Faults[class]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("The ledger has %d %s.", n, class))
		}
	}
	if v.Undecided > 0 {
		reasons = append(reasons, fmt.Sprintf("What became of %d messages is not known: the drain was cut short.", v.Undecided))
	}
	if !v.Balanced() {
		reasons = append(reasons, "The ledger's books don't balance: "+v.Identity()+".")
	}
	return reasons
}
