package pure

import (
	"errors"
	"fmt"
)

const (
	// mostInARow is how many queues may fail one after the other: their containers lie anywhere in Swift, so that it is in trouble as a
	// whole, and the rest would fail as well.
	mostInARow = 10
	// mostTold is how many errors are told, of however many.
	mostTold = 5
)

// Troubles are what went wrong with some of many queues.
type troubles struct {
	told  []error
	count int
	inRow int
}

// note adds an error, or that one went well.
func (t *troubles) note(err error) {
	if err == nil {
		t.inRow = 0
		return
	}
	t.count++
	t.inRow++
	if len(t.told) < mostTold {
		t.told = append(t.told, err)
	}
}

// tooMany reports whether it makes no sense to go on.
func (t *troubles) tooMany() bool { return t.inRow >= mostInARow }

// all is what went wrong so far; nil: nothing.
func (t *troubles) all() error {
	if n := t.count - len(t.told); n > 0 {
		return errors.Join(append(t.told[:len(t.told):len(t.told)], fmt.Errorf("and %d more", n))...)
	}
	return errors.Join(t.told...)
}
