package cores

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// most is how many cores a mask of the system has room for.
const most = 1024

// Usable are the cores that this thread may run on; none, if the system doesn't tell.
func Usable() (usable Set) {
	var mask unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mask); err != nil {
		return nil
	}
	for core := range most {
		if mask.IsSet(core) {
			usable = append(usable, core)
		}
	}
	return usable
}

func (s Set) mask() *unix.CPUSet {
	var mask unix.CPUSet
	for _, core := range s {
		mask.Set(core)
	}
	return &mask
}

// Thread keeps the calling thread, to which its goroutine is to be locked, to these cores. Processes that it starts inherit
// them.
func (s Set) Thread() error { return s.keep(0) }

func (s Set) keep(thread int) error {
	if len(s) == 0 {
		return nil
	}
	if err := unix.SchedSetaffinity(thread, s.mask()); err != nil {
		return fmt.Errorf("keep to cores %s: %w", s, err)
	}
	return nil
}

// Hold keeps this whole process to these cores, until it is released.
func (s Set) Hold() (release func(), err error) {
	before, processors := Usable(), runtime.GOMAXPROCS(0)
	release = func() {
		_ = before.all() // what it had before can't be refused
		runtime.GOMAXPROCS(processors)
	}
	if err := s.all(); err != nil {
		release()
		return nil, err
	}
	runtime.GOMAXPROCS(len(s)) // more goroutines at a time than cores would only wait for each other
	return release, nil
}

// all keeps every thread to the cores. One that is begun meanwhile has those of the thread that began it, which may have been
// the old ones: so it goes on until it finds none that it hasn't seen.
func (s Set) all() error {
	seen := map[int]bool{}
	for more := true; more; {
		more = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("keep to cores %s: %w", s, err)
		}
		for _, entry := range threads {
			thread, err := strconv.Atoi(entry.Name())
			if err != nil || seen[thread] {
				continue
			}
			seen[thread], more = true, true
			if err := s.keep(thread); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return err
			}
		}
	}
	return nil
}
