package measure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// A Collector asks a server or backend for figures of its own, such as used_memory_bytes. It is asked about once a second and
// answers within ctx; what it can't tell is left out.
type Collector func(ctx context.Context) (map[string]float64, error)

// A Process is one to watch: by its pid, by what it says of itself, or both.
type Process struct {
	Name    string // server, backend, generator
	PID     int    // 0: not known
	Collect Collector
}

// A Reading is what a process had used, or was using, at a time of the run.
type Reading struct {
	At    time.Duration
	PID   int
	Gone  bool // it could not be read
	Extra map[string]float64

	CPU         float64 // seconds, since it began
	RSS         int64   // bytes
	Read        int64   // bytes, from storage
	Written     int64   // bytes, to storage
	Descriptors int64
	Threads     int64
	Switches    int64 // of context
}

// A Watch reads processes as a run goes on. It is safe for concurrent use.
type Watch struct {
	now func() time.Duration

	mu       sync.Mutex // guards what follows
	watched  []Process
	readings map[string][]Reading
}

// NewWatch watches these processes; the clock is that of the run.
func NewWatch(now func() time.Duration, processes ...Process) *Watch {
	return &Watch{now: now, watched: processes, readings: map[string][]Reading{}}
}

// Replace says that the process of that name has been started anew, under another pid.
func (w *Watch) Replace(name string, pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.watched {
		if w.watched[i].Name == name {
			w.watched[i].PID = pid
		}
	}
}

// Read reads all processes once.
func (w *Watch) Read(ctx context.Context) {
	w.mu.Lock()
	watched := append([]Process(nil), w.watched...)
	w.mu.Unlock()
	for _, p := range watched {
		reading := read(ctx, p)
		reading.At = w.now()
		w.mu.Lock()
		w.readings[p.Name] = append(w.readings[p.Name], reading)
		w.mu.Unlock()
	}
}

// Readings are those of the process of that name, in their order.
func (w *Watch) Readings(name string) []Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Reading(nil), w.readings[name]...)
}

// Processes are those that are watched.
func (w *Watch) Processes() []Process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Process(nil), w.watched...)
}

func read(ctx context.Context, p Process) Reading {
	r := Reading{PID: p.PID}
	if p.PID != 0 {
		if err := r.usage(ctx, p.PID); err != nil {
			r.Gone = true
		}
	}
	if p.Collect != nil {
		if extra, err := p.Collect(ctx); err == nil {
			r.Extra = extra
		}
	}
	return r
}

// usage reads what the system knows of a process. What it doesn't tell about strangers, such as their descriptors, stays 0.
func (r *Reading) usage(ctx context.Context, pid int) error {
	p, err := process.NewProcessWithContext(ctx, int32(pid))
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	times, err := p.TimesWithContext(ctx)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	r.CPU = times.User + times.System
	if memory, err := p.MemoryInfoWithContext(ctx); err == nil {
		r.RSS = int64(memory.RSS)
	}
	if disk, err := p.IOCountersWithContext(ctx); err == nil {
		r.Read, r.Written = int64(disk.DiskReadBytes), int64(disk.DiskWriteBytes)
	}
	if n, err := p.NumFDsWithContext(ctx); err == nil {
		r.Descriptors = int64(n)
	}
	if n, err := p.NumThreadsWithContext(ctx); err == nil {
		r.Threads = int64(n)
	}
	if switches, err := p.NumCtxSwitchesWithContext(ctx); err == nil {
		r.Switches = switches.Voluntary + switches.Involuntary
	}
	return nil
}

// Usage is what a process used between two times of a run.
type Usage struct {
	CPU            float64 // seconds
	RSSMax         int64
	Read, Written  int64
	DescriptorsMax int64
	ThreadsMax     int64
	Switches       int64
	Extra          map[string]float64 // as last read
}

// errUnread is the error of a process that nothing is known of.
var errUnread = errors.New("the process was not read in that time")

// Used sums up readings from one time to another. Where a process was started anew, each has its part.
func Used(readings []Reading, from, to time.Duration) (Usage, error) {
	var u Usage
	var last *Reading
	for i := range readings {
		r := &readings[i]
		if r.At < from || r.At > to || r.Gone {
			continue
		}
		u.RSSMax, u.DescriptorsMax, u.ThreadsMax = max(u.RSSMax, r.RSS), max(u.DescriptorsMax, r.Descriptors), max(u.ThreadsMax, r.Threads)
		if r.Extra != nil {
			u.Extra = r.Extra
		}
		if last != nil && last.PID == r.PID {
			u.CPU += r.CPU - last.CPU
			u.Read += r.Read - last.Read
			u.Written += r.Written - last.Written
			u.Switches += r.Switches - last.Switches
		}
		last = r
	}
	if last == nil {
		return Usage{}, errUnread
	}
	return u, nil
}
