//go:build !linux

package target

import (
	"os/exec"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// begin starts a command. Where the system can't end it with us, only an end in order does.
func begin(cmd *exec.Cmd) error { return cmd.Start() }
