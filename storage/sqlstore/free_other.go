//go:build !darwin && !freebsd && !linux

package sqlstore

import "errors"

// freeBytes is not known here: a disk is full when it refuses a write.
func freeBytes(string) (int64, error) { return 0, errors.ErrUnsupported }
