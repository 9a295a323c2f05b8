package target

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/marconi-mq/marconi/bench/plan"
)

// Suffer does a fault of a plan to one of the processes, and returns when that process is there again: killed and started,
// paused and woken, or stopped in order and started. Pid is its new one.
func (i *Instance) Suffer(ctx context.Context, f plan.Fault) (pid int, err error) {
	p := i.server
	if f.To == "backend" {
		p = i.backend
	}
	if p == nil {
		return 0, fmt.Errorf("%s the %s: it was not started by this program", f.Do, f.To)
	}
	wait := func() {
		timer := time.NewTimer(time.Duration(f.For))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	switch f.Do {
	case "pause":
		err = p.signal(syscall.SIGSTOP)
		wait()
		if woken := p.signal(syscall.SIGCONT); err == nil {
			err = woken
		}
		return p.pid(), err
	case "kill":
		err = p.kill()
	case "restart":
		err = p.stop()
	default:
		return 0, fmt.Errorf("there is no fault %q", f.Do)
	}
	if err != nil {
		return 0, err
	}
	wait()
	return i.revive(ctx, f.To)
}

// revive starts a process again that has ended, at the address that it had.
func (i *Instance) revive(ctx context.Context, which string) (pid int, err error) {
	if which == "backend" {
		if err := i.backend.start(); err != nil {
			return 0, err
		}
		return i.backend.pid(), i.backend.until(ctx, i.store.ready)
	}
	if err := i.startServer(ctx); err != nil {
		return 0, err
	}
	return i.server.pid(), nil
}
