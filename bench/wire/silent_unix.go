//go:build unix

package wire

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// silent reports whether a connection is open and has nothing to be read.
func silent(c net.Conn) bool {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	descriptor, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = descriptor.Read(func(fd uintptr) (done bool) {
		var one [1]byte
		_, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		open = err == unix.EAGAIN // 0 bytes without an error are the end
		return true
	})
	return err == nil && open
}
