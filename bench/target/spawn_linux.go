package target

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"github.com/marconi-mq/marconi/bench/cores"
)

// attributes let a process end with us, even if we are killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// The kernel takes the thread that started a process for its parent, and ends the process with it. So one thread, which lives
// as long as we do, starts them all.
var spawner = sync.OnceValue(func() chan<- spawning {
	requests := make(chan spawning)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.result <- r.start()
		}
	}()
	return requests
})

type spawning struct {
	cmd    *exec.Cmd
	on     cores.Set
	result chan<- error
}

// start starts the command on its cores: it has those of the thread that starts it, from its first instruction on.
func (s spawning) start() error {
	before := cores.Usable()
	if err := s.on.Thread(); err != nil {
		return err
	}
	return errors.Join(s.cmd.Start(), before.Thread())
}

// begin starts a command on some cores.
func begin(cmd *exec.Cmd, on cores.Set) error {
	result := make(chan error)
	spawner() <- spawning{cmd, on, result}
	return <-result
}
