//go:build unix

package ledger

import (
	"os"
	"syscall"
)

func mapFile(f *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

// unmap gives a segment back that nothing refers to any more.
func unmap(mapped []byte) { _ = syscall.Munmap(mapped) }
