package schedule

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A kernelTimer is a timer of the kernel that is a file. The runtime waits for it as it does for connections, and wakes when it
// goes off, while timers of the runtime itself may be a millisecond late. A thread that sleeps by the kernel's clock is as
// exact only as long as there is a core for it beside those who run meanwhile, which a generator on one core hasn't.
type kernelTimer struct {
	clock Real
	zero  time.Duration // the kernel's time at which the run began
	fd    int
	file  *os.File // of fd
}

func newKernelTimer(c Real) (*kernelTimer, error) {
	var begun unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &begun); err != nil {
		return nil, fmt.Errorf("read the kernel's clock: %w", err)
	}
	zero := time.Duration(begun.Nano()) - c.Now()
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer of the kernel: %w", err)
	}
	return &kernelTimer{clock: c, zero: zero, fd: fd, file: os.NewFile(uintptr(fd), "timer")}, nil
}

// sleepUntil returns when that time has come, or ctx, which is that of the sleeper, has ended.
func (k *kernelTimer) sleepUntil(ctx context.Context, t time.Duration) {
	for ctx.Err() == nil && k.clock.Now() < t {
		at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(k.zero + t))}
		if err := unix.TimerfdSettime(k.fd, unix.TFD_TIMER_ABSTIME, &at, nil); err != nil {
			k.clock.SleepUntil(ctx, t)
			return
		}
		var times [8]byte
		if _, err := k.file.Read(times[:]); err != nil && ctx.Err() == nil {
			k.clock.SleepUntil(ctx, t)
		}
	}
}

// exactSleeper sleeps by the kernel's timer, if there is one.
func exactSleeper(ctx context.Context, c Real) (sleep func(context.Context, time.Duration), done func()) {
	k, err := newKernelTimer(c)
	if err != nil {
		return c.SleepUntil, func() {}
	}
	unfollow := context.AfterFunc(ctx, func() { _ = k.file.SetReadDeadline(time.Unix(1, 0)) })
	return k.sleepUntil, func() {
		unfollow()
		_ = k.file.Close()
	}
}
