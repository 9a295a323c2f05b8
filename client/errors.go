package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What a server's answer can say. An [*Error] matches the one of its status by [errors.Is].
var (
	ErrBadRequest      = errors.New("bad request")                    // 400
	ErrUnauthorized    = errors.New("unauthorized")                   // 401: no token, or one that is not valid
	ErrForbidden       = errors.New("forbidden")                      // 403
	ErrNotFound        = errors.New("not found")                      // 404
	ErrConflict        = errors.New("conflict")                       // 409
	ErrTooManyRequests = errors.New("too many requests")              // 429
	ErrInternal        = errors.New("internal error")                 // 500
	ErrUnavailable     = errors.New("service is not available")       // 502, 503, 504: trying again later may help
	ErrBadAnswer       = errors.New("answer makes no sense")          // success, but not in the words of the API
	ErrTooLarge        = errors.New("answer is too large")            // more than Config.MaxAnswer
	ErrNotInVersion    = errors.New("not in this version of the API") // asked of a client of another version; nothing was sent
)

// An Error is a server's refusal, or its trouble.
type Error struct {
	Status      int           // of HTTP
	Title       string        // a few words: which sort of trouble
	Description string        // a sentence for people; may be empty
	RequestID   string        // by which the server's log knows the request, if it told
	RetryAfter  time.Duration // how long the server asks to be left alone; 0 if it doesn't
}

// Error is the status, what the server said, and the request's ID.
func (e *Error) Error() string {
	text := strconv.Itoa(e.Status)
	if e.Title != "" {
		text += " " + e.Title
	}
	if e.Description != "" {
		text += ": " + e.Description
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap gives the sentinel of the status, such as [ErrNotFound], or nil.
func (e *Error) Unwrap() error {
	switch e.Status {
	case http.StatusBadRequest:
		return ErrBadRequest
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusTooManyRequests:
		return ErrTooManyRequests
	case http.StatusInternalServerError:
		return ErrInternal
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ErrUnavailable
	}
	return nil
}

// A TransportError says that no whole answer came: the server was not reached, the connection broke, or the context
// ended. Whether the server did what it was asked is not known. The cause is in the chain, and if the context ended, so
// is its error.
type TransportError struct {
	Err error
}

// Error is the cause.
func (e *TransportError) Error() string { return "no answer: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// noAnswer makes a TransportError. net/http reports the cause that a context was cancelled with; callers look for the
// context's own error as well.
func noAnswer(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w (%w)", err, ended)
	}
	return &TransportError{Err: err}
}

// errorFrom makes an Error of an answer. The texts come from whoever stands between, too: they are cut, cleaned, and
// must not give the token back.
func errorFrom(a answer, token string) *Error {
	var said struct{ Title, Description string }
	if json.Unmarshal(a.body, &said) != nil && strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		said.Title, said.Description = "", string(a.body)
	}
	return &Error{
		Status:      a.status,
		Title:       printable(cmp.Or(said.Title, http.StatusText(a.status)), token),
		Description: printable(said.Description, token),
		RequestID:   printable(requestID(a.header), token),
		RetryAfter:  retryAfter(a.header, time.Now()),
	}
}

func requestID(h http.Header) string {
	return cmp.Or(h.Get("X-Openstack-Request-Id"), h.Get("X-Request-Id"))
}

// longestText of a server that is repeated in an error, in bytes.
const longestText = 1000

func printable(text, token string) string {
	if token != "" {
		text = strings.ReplaceAll(text, token, "[token]")
	}
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "…"
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// retryAfter reads both forms of the header: seconds, and a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	// The server's own clock is the one its date was made by.
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

// badAnswer says that an answer of success can't be read.
func badAnswer(err error) error { return fmt.Errorf("%w: %w", ErrBadAnswer, err) }
