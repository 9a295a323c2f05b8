// Package screen shows how an experiment is going: repainted on a terminal, as plain lines elsewhere, as lines of JSON for
// programs, or not at all.
package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/marconi-mq/marconi/bench/experiment"
)

// Options say how to show it.
type Options struct {
	Terminal bool // the writer is one
	Color    bool
	JSON     bool
	Quiet    bool
	Plan     string           // the name of the plan
	Now      func() time.Time // nil: the machine's clock
}

// A Screen shows one experiment. Its methods are safe for concurrent use.
type Screen struct {
	mu   sync.Mutex // guards show
	show shower
}

// A shower shows events in one of the ways.
type shower interface {
	event(e experiment.Event)
	close()
}

// New makes a screen on a writer.
func New(w io.Writer, o Options) *Screen {
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.JSON:
		return &Screen{show: &lines{json.NewEncoder(w)}}
	case o.Quiet:
		return &Screen{show: nothing{}}
	case o.Terminal:
		return &Screen{show: newLive(w, o)}
	}
	return &Screen{show: &plain{w: w, options: o}}
}

// Event shows an event.
func (s *Screen) Event(e experiment.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show.event(e)
}

// Say says something of its own, if the terminal is being painted on: whatever else is written there is painted over. It
// reports whether it did.
func (s *Screen) Say(text string) (said bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, painting := s.show.(*live)
	return painting && l.say(text)
}

// Close ends the show, and gives the terminal back.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show.close()
}

type nothing struct{}

func (nothing) event(experiment.Event) {}
func (nothing) close()                 {}

// lines are events as lines of JSON.
type lines struct{ *json.Encoder }

func (l *lines) event(e experiment.Event) { _ = l.Encode(e) } // whoever reads has gone
func (l *lines) close()                   {}

// plain lines tell of what has ended, and every five seconds of what is under way.
type plain struct {
	w       io.Writer
	options Options
	told    time.Time
}

// plainEvery is how often plain lines tell of a run that is under way.
const plainEvery = 5 * time.Second

func (p *plain) event(e experiment.Event) {
	if e.Kind == experiment.Ticked {
		if p.options.Now().Sub(p.told) < plainEvery {
			return
		}
	}
	if text := line(e); text != "" {
		p.told = p.options.Now()
		fmt.Fprintln(p.w, text)
	}
}

func (p *plain) close() {}
