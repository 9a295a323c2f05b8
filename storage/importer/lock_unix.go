//go:build unix

package importer

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other runs from the file until it is closed, or the process ends.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another import is at work with it")
	}
	return err
}
