//go:build !linux

package cores

import "errors"

// Usable are the cores that this thread may run on; none: the system doesn't tell.
func Usable() Set { return nil }

// Thread keeps the calling thread to these cores. Here nothing can be kept.
func (s Set) Thread() error {
	if len(s) == 0 {
		return nil
	}
	return errors.New("keep to cores: this system has no means")
}

// Hold keeps this whole process to these cores, until it is released. Here nothing can be kept.
func (s Set) Hold() (release func(), err error) { return nil, s.Thread() }
