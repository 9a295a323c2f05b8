package command

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
)

// A serviceManager started the process and wants to know how it is: systemd, for units of Type=notify.
type serviceManager struct {
	socket string // of datagrams; "": there is none
	log    *slog.Logger
}

// tell sends a state, such as READY=1. That it can't is no reason not to serve: the variable may be another program's.
func (m serviceManager) tell(ctx context.Context, state string) {
	if m.socket == "" {
		return
	}
	if err := m.send(ctx, state); err != nil {
		m.log.LogAttrs(ctx, slog.LevelWarn, "the service manager can't be told",
			slog.String("state", state), slog.Any("error", err))
	}
}

func (m serviceManager) send(ctx context.Context, state string) error {
	c, err := new(net.Dialer).DialContext(ctx, "unixgram", m.socket)
	if err != nil {
		return err
	}
	_, err = c.Write([]byte(state))
	return errors.Join(err, c.Close())
}

// lookup is the value of an environment variable, or "".
func lookup(environ []string, name string) string {
	for _, e := range environ {
		if value, found := strings.CutPrefix(e, name+"="); found {
			return value
		}
	}
	return ""
}
