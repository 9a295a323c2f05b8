package objects

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A StatusError is an answer of a server that is in trouble, or understood nothing. It says nothing of what was carried out:
// it wraps none of the known ends.
type StatusError struct {
	Status      int           // 503, 507, 401, 400 …
	Text        string        // what the server adds, shortened
	Transaction string        // the X-Trans-Id under which the server's logs have it
	RetryAfter  time.Duration // what the server asks for; it is for who repeats requests to honour it
}

// Error gives the status, and what the server adds.
func (e *StatusError) Error() string {
	s := strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	if e.Text != "" {
		s += fmt.Sprintf(" (%q)", e.Text)
	}
	if e.Transaction != "" {
		s += " in transaction " + e.Transaction
	}
	return s
}

// Passing reports whether the same request may well succeed in a moment: the server, or what it needs, is starting or overloaded.
func (e *StatusError) Passing() bool {
	switch e.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Between reports whether it is rather an answer of something in front of the server, which has had none from it, or none in time.
func (e *StatusError) Between() bool {
	return e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
}

// A PartError says that of many objects some were not stored, and which: the server has said so, or they were not tried. All others were. It
// wraps what went wrong.
type PartError struct {
	Failed []string // their names
	Err    error
}

// Error gives what went wrong.
func (e *PartError) Error() string { return e.Err.Error() }

// Unwrap gives what went wrong.
func (e *PartError) Unwrap() error { return e.Err }

// statusError makes an error of an answer that is no known end.
func statusError(a answer) *StatusError {
	e := &StatusError{Status: a.status, Transaction: a.header.Get("X-Trans-Id")}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		const most = 200
		e.Text = string(a.body[:min(len(a.body), most)])
	}
	if seconds, err := strconv.ParseInt(a.header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}

// checkPath refuses what Swift would read as another path, or not at all.
func checkPath(at Path) error {
	if err := checkContainer(at.Container); err != nil {
		return err
	}
	if at.Name == "" {
		return errors.New("an object's name is empty")
	}
	return checkText(at.Name)
}

func checkContainer(name string) error {
	if name == "" || strings.Contains(name, "/") {
		return errors.New("a container's name is empty or has a slash")
	}
	return checkText(name)
}
