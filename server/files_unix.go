//go:build unix

package server

import "syscall"

// fileLimit is how many files the process may have open, or 0 if nobody knows. The soft limit was raised to the hard one
// when the process started: Go's runtime does that.
func fileLimit() int64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return int64(min(l.Cur, 1<<40)) // which is signed in some systems
}
