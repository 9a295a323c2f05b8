package measure

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/marconi-mq/marconi/client"
)

// A Class is a kind of failure of a request; the empty one is success.
type Class string

// The classes beside those of HTTP's statuses, which are named by their number.
const (
	OK      Class = ""
	Timeout Class = "timeout" // no whole answer within the time that a request may take
	Connect Class = "connect" // the server was not reached
	Reset   Class = "reset"   // the connection broke
	Garbled Class = "decode"  // an answer of success that makes no sense
	Other   Class = "other"
)

// Classes are all classes of failures, in the order of tables.
func Classes() []Class {
	return []Class{Timeout, Connect, Reset, "400", "401", "403", "404", "409", "429", "500", "503", Other, Garbled}
}

// Classify says what kind of failure an error of package client is.
func Classify(err error) Class {
	if err == nil {
		return OK // at once: what errors.As looks for would be allocated for every request
	}
	var refusal *client.Error
	var network *net.OpError
	switch {
	case errors.As(err, &refusal):
		return byStatus(refusal.Status)
	case errors.Is(err, client.ErrBadAnswer), errors.Is(err, client.ErrTooLarge):
		return Garbled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, syscall.ECONNREFUSED), errors.As(err, &network) && network.Op == "dial":
		return Connect
	case isTransport(err):
		return Reset
	}
	return Other
}

func isTransport(err error) bool {
	var transport *client.TransportError
	return errors.As(err, &transport) && !errors.Is(err, context.Canceled)
}

func byStatus(status int) Class {
	switch status {
	case 400, 401, 403, 404, 409, 429, 500, 503:
		return Class(strconv.Itoa(status))
	}
	return Other
}
