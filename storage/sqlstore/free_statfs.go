//go:build darwin || freebsd || linux

package sqlstore

import (
	"fmt"
	"syscall"
)

// freeBytes is how much of the disk that a file is on is free for this process.
func freeBytes(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
