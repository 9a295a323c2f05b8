//go:build !linux

package target

import (
	"os/exec"
	"syscall"

	"github.com/marconi-mq/marconi/bench/cores"
)

func attributes() *syscall.SysProcAttr { return nil }

// begin starts a command. Where the system can't end it with us, only an end in order does.
func begin(cmd *exec.Cmd, _ cores.Set) error { return cmd.Start() }
