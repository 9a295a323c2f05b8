package target

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
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
			r.result <- r.cmd.Start()
		}
	}()
	return requests
})

type spawning struct {
	cmd    *exec.Cmd
	result chan<- error
}

// begin starts a command.
func begin(cmd *exec.Cmd) error {
	result := make(chan error)
	spawner() <- spawning{cmd, result}
	return <-result
}
