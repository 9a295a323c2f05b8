package storage

import (
	"context"
	"fmt"
	"strings"

	"github.com/marconi-mq/marconi"
)

// Planes are the two stores that a service works with.
type Planes struct {
	Data       marconi.DataStore
	Control    marconi.ControlStore
	ControlURI string // where Control is
	Shared     bool   // other processes may work on Control, too
}

// OpenPlanes opens the stores of messages and of queues. Without a control URI the store of messages brings its own control
// store along. In a store that only this process works on, o.Embedded is at hand for what the store of messages needs beside
// itself; next to a control store that others share it would be out of place: they would not find the messages.
func (r *Registry) OpenPlanes(ctx context.Context, data, control string, o Options) (Planes, error) {
	if control == "" {
		o.Plane = BothPlanes
		opened, err := r.Open(ctx, data, o)
		if err == nil {
			err = opened.check(data, data)
		}
		p := Planes{opened.Data, opened.Control, data, !opened.Alone}
		if opened.ControlURI != "" {
			p.ControlURI = opened.ControlURI
		}
		return p, err
	}
	o.Plane = ControlPlane
	second, err := r.Open(ctx, control, o)
	if err != nil {
		return Planes{}, err
	}
	if o.Plane = DataPlane; !second.Alone {
		o.Embedded = nil
	}
	first, err := r.Open(ctx, data, o)
	if err != nil {
		return Planes{}, err
	}
	both := Opened{Data: first.Data, Control: second.Control}
	return Planes{both.Data, both.Control, control, !second.Alone}, both.check(data, control)
}

// check says which store lacks what was wanted of it.
func (o Opened) check(data, control string) error {
	switch {
	case o.Data == nil:
		return fmt.Errorf("a store of the scheme %s keeps no messages", schemeOf(data))
	case o.Control == nil:
		return fmt.Errorf("a store of the scheme %s keeps no queues: name another for them", schemeOf(control))
	}
	return nil
}

// schemeOf is what is no secret of a URI, whatever it looks like.
func schemeOf(uri string) string {
	scheme, _, _ := strings.Cut(uri, ":")
	return strings.ToLower(scheme)
}
