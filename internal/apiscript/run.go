package apiscript

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Target is a server that a script can be run against, made as the script's head wants it.
type Target struct {
	Addr    string // host and port
	Version string // of the API, one of the script's

	Now     func() time.Time      // the server's clock
	Advance func(d time.Duration) // turns it
	// Store makes the store misbehave as the words of a store directive say.
	Store func(words []string) error
	// Check holds every answer against rules that all answers follow. Nil: there are none.
	Check func(Exchange) error
}

// The clients and projects that requests come from unless a script says otherwise.
const (
	defaultClient     = "3381af92-2b9e-11e3-b191-71861300734c"
	functionalProject = "123456"
	unitProject       = "518b51ea133c4facadae42c328d6b77b"
)

var (
	functional = Header{
		{"User-Agent", "apiscript"},
		{"Accept", "application/json"},
		{"X-Project-ID", functionalProject},
		{"Client-ID", defaultClient},
	}
	unit = Header{
		{"X-Project-ID", unitProject},
		{"Client-ID", defaultClient},
	}
)

// A run is one script on its way through one target.
type run struct {
	ctx    context.Context
	script *Script
	target Target
	wire   client
	vars   map[string]string

	header Header // of every request
	// For the next request only:
	extra   Header
	drop    []string
	lenient bool

	last     *Exchange
	lastStep step
	seen     bool // the last answer was looked at
	shown    bool // the last exchange was part of a failure's text
	failures []error
}

// maxFailures ends a run whose failures are all one.
const maxFailures = 8

// Run sends the script's requests and gives what was not as the script wants it: nil, or errors that show the line, the
// request and the answer. A failed check does not end the run, for the later ones may say more; a request that could not
// be sent does.
func (s *Script) Run(ctx context.Context, t Target) error {
	r := &run{ctx: ctx, script: s, target: t, wire: client{addr: t.Addr}, header: s.header}
	r.vars = map[string]string{"V": "/" + t.Version}
	defer r.wire.close()

	err := r.all(step{block: s.steps}, nil)
	if err == nil {
		err = r.unseen()
	}
	if err != nil && !errors.Is(err, errTooMany) {
		r.failures = append(r.failures, err)
	}
	return errors.Join(r.failures...)
}

var errTooMany = errors.New("too many failures")

// all runs the steps of a block.
func (r *run) all(block step, _ []string) error {
	for _, s := range block.block {
		if !s.holds(r.target.Version) {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.step(s); err != nil {
			return err
		}
	}
	return nil
}

// step runs one step. Its error ends the run; failed checks are collected.
func (r *run) step(s step) error {
	args := s.args
	if !s.raw {
		args = make([]string, len(s.args))
		for i, arg := range s.args {
			text, err := expand(arg, r.vars)
			if err != nil {
				return r.failure(s, err)
			}
			args[i] = text
		}
	}
	if s.check && r.last == nil {
		return r.failure(s, errors.New("nothing was sent yet"))
	}
	r.seen = r.seen || s.check
	err := s.do(r, s, args)
	var failed *Failure
	switch {
	case err == nil || errors.Is(err, errTooMany) || errors.As(err, &failed):
		return err
	case s.check:
		return r.fail(s, err)
	}
	return r.failure(s, err)
}

// fail keeps a failure and goes on.
func (r *run) fail(s step, err error) error {
	r.failures = append(r.failures, r.failure(s, err))
	if len(r.failures) == maxFailures {
		return errTooMany
	}
	return nil
}

// A Failure is what a script wanted and didn't get.
type Failure struct {
	Where    string // file and line
	Note     string // the note above the line
	Line     string // with its variables as they are written
	Err      error
	Exchange *Exchange // the last one; nil if an earlier failure shows it
	Host     string    // where it was sent
}

func (r *run) failure(s step, err error) *Failure {
	f := &Failure{Where: s.where, Note: s.note, Line: s.text, Err: err, Host: r.target.Addr}
	if !r.shown {
		f.Exchange, r.shown = r.last, true
	}
	return f
}

// Unwrap is what was wrong.
func (f *Failure) Unwrap() error { return f.Err }

// Error shows the line, what was wrong, the request as it was sent and the answer as it came.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", f.Where, f.Line)
	if f.Note != "" {
		fmt.Fprintf(&b, "    # %s\n", f.Note)
	}
	fmt.Fprintf(&b, "    %s\n", indent(f.Err.Error()))
	if f.Exchange == nil {
		return b.String()
	}
	sent := bytes.ReplaceAll(f.Exchange.Request.bytes(f.Host), []byte("\r\n"), []byte("\n"))
	fmt.Fprintf(&b, "  sent:\n    %s\n", indent(clip(sent)))
	a := f.Exchange.Answer
	if a == nil {
		b.WriteString("  received: nothing, the connection was closed\n")
		return b.String()
	}
	fmt.Fprintf(&b, "  received:\n    HTTP/1.1 %d %s\n", a.Status, a.Reason)
	for _, h := range a.Header {
		fmt.Fprintf(&b, "    %s: %s\n", h.Name, h.Value)
	}
	fmt.Fprintf(&b, "\n    %s\n", indent(clip(a.Body)))
	return b.String()
}

func indent(text string) string {
	return strings.ReplaceAll(text, "\n", "\n    ")
}

// unseen fails if nobody looked at the last answer: a script that forgets to proves little.
func (r *run) unseen() error {
	if r.last == nil || r.seen {
		return nil
	}
	return r.failure(r.lastStep, errors.New("nobody looked at this answer"))
}

// clientID is a version-1 UUID for a name, the same every time.
func clientID(name string) string {
	h := sha256.Sum256([]byte(name))
	h[6] = h[6]&0x0f | 0x10
	h[8] = h[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
