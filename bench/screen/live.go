package screen

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/words"
)

// live is the block of lines that a terminal shows: a bar, and below it what the run at hand does. What has ended scrolls
// by above it.
type live struct {
	options  Options
	progress *mpb.Progress
	bar      *mpb.Bar
	now      atomic.Pointer[state]

	repaint chan any
	stop    chan struct{} // closed: no more frames of themselves
	frames  sync.WaitGroup
}

// A state is what is shown.
type state struct {
	event experiment.Event // the last of a run
	block string
}

// barSteps is how finely the bar moves.
const barSteps = 1000

func newLive(w io.Writer, o Options) *live {
	l := &live{options: o, repaint: make(chan any), stop: make(chan struct{})}
	l.now.Store(&state{})
	l.progress = mpb.New(mpb.WithOutput(w), mpb.WithManualRefresh(l.repaint))
	text := func(of func(*state) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return of(l.now.Load()) })
	}
	l.bar = l.progress.New(barSteps, mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("░").Rbound(""),
		mpb.PrependDecorators(text(l.head)),
		mpb.AppendDecorators(text(func(s *state) string {
			p := s.event.Progress
			return fmt.Sprintf(" %3.0f %%  %s left", 100*p.Share, clock(p.Left))
		})),
		mpb.BarBtmExtender(l.below()...), mpb.BarWidth(20), mpb.BarRemoveOnComplete())
	l.frames.Go(l.animate)
	return l
}

// frameEvery is how long a frame stands.
const frameEvery = 250 * time.Millisecond

func (l *live) animate() {
	ticker := time.NewTicker(frameEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.paint()
		case <-l.stop:
			return
		}
	}
}

// paint asks for a frame. When it returns, the one asked for before it has been painted.
func (l *live) paint() {
	select {
	case l.repaint <- time.Now():
	case <-time.After(time.Second): // the terminal has gone, and the painter with it
	}
}

// head is the first line: what is run.
func (l *live) head(s *state) string {
	parts := []string{l.options.Plan}
	if s.event.Cell != "" {
		parts = append(parts, where(s.event))
	}
	text := strings.Join(parts, " · ")
	if s.block != "" {
		text += "   " + s.block
	}
	return text + "  "
}

// below are what writes the lines below the bar: one each, or the next frame would not be painted over this one.
func (l *live) below() (fillers []mpb.BarFiller) {
	for i := range blockLines {
		fillers = append(fillers, mpb.BarFillerFunc(func(w io.Writer, stat decor.Statistics) error {
			s := l.now.Load()
			if s.event.Tick == nil {
				return nil
			}
			_, err := fmt.Fprintln(w, cut(block(s.event.Tick, l.options.Color)[i], stat.AvailableWidth))
			return err
		}))
	}
	return fillers
}

// blockLines is how many lines a block has.
const blockLines = 3

// block is a moment of a run in a few lines.
func block(t *experiment.Tick, color bool) [blockLines]string {
	faults := "ledger clean so far"
	if t.Faults > 0 {
		faults = fmt.Sprintf("ledger %d FAULTS", t.Faults)
	}
	health := ""
	switch {
	case t.Lag == nil:
	case *t.Lag > int64(2*time.Millisecond):
		health = " ✗"
	default:
		health = " ✓"
	}
	return [blockLines]string{
		fmt.Sprintf("%s  offered %s   sent %s   done %s /s    posted %s  delivered %s  deleted %s  backlog %s", cmp.Or(t.Phase, "setup"), thousands(t.Offered), thousands(t.Sent),
			thousands(t.Achieved), thousands(float64(t.Posted)), thousands(float64(t.Delivered)), thousands(float64(t.Deleted)), thousands(float64(max(t.Posted-t.Deleted, 0)))),
		fmt.Sprintf("response  p50 %s  p99 %s  p99.9 %s  max %s   %s   errors %s", maybe(t.P50), maybe(t.P99), maybe(t.P999), duration(t.Max), bars(t.Longest), red(thousands(float64(t.Errors)), color && t.Errors > 0)),
		fmt.Sprintf("%s   %s   lag p99 %s%s", red(faults, color && t.Faults > 0), usage(t.Usage), maybe(t.Lag), health),
	}
}

func usage(of map[string]experiment.Usage) string {
	var parts []string
	for _, name := range []string{"server", "backend", "generator"} {
		if u, known := of[name]; known {
			parts = append(parts, fmt.Sprintf("%s %.0f %% %s", name, 100*u.CPU, words.Bytes(float64(u.RSS))))
		}
	}
	return strings.Join(parts, "   ")
}

// plainAgain ends colours.
const plainAgain = "\x1b[0m"

func red(text string, really bool) string {
	if !really {
		return text
	}
	return "\x1b[31m" + text + plainAgain
}

// cut shortens a line to the width of the terminal, since one that wraps can't be repainted. Colours take no room, and end
// where they are cut.
func cut(text string, width int) string {
	shown, end := 0, -1 // where what fits with the dots ends
	for i := 0; i < len(text); {
		if text[i] == '\x1b' {
			i += strings.IndexByte(text[i:], 'm') + 1
			continue
		}
		if shown == width-1 {
			end = i
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		shown, i = shown+1, i+size
	}
	if width <= 1 || shown <= width {
		return text
	}
	text = text[:end] + "…"
	if strings.Contains(text, "\x1b") {
		text += plainAgain
	}
	return text
}

func (l *live) event(e experiment.Event) {
	s := *l.now.Load()
	switch e.Kind {
	case experiment.Ticked, experiment.RunBegan:
		s.event = e
	case experiment.Block:
		s.block = fmt.Sprintf("block %d/%d", e.Block, e.Blocks)
	}
	s.event.Progress = e.Progress
	l.now.Store(&s)
	l.bar.SetCurrent(int64(barSteps * e.Progress.Share))
	if e.Kind == experiment.Ticked {
		return
	}
	if text := line(e); text != "" {
		_, _ = fmt.Fprintln(l.progress, text) // whoever looks has gone
	}
}

// say says something in a line of its own. It begins with a return, since the terminal may have shown ^C where the cursor is.
func (l *live) say(text string) bool {
	_, err := fmt.Fprintln(l.progress, "\r"+text)
	return err == nil
}

// close paints what was said last, which the painter would forget, takes the bar away and leaves the rest.
func (l *live) close() {
	close(l.stop)
	l.frames.Wait()
	l.paint()
	l.bar.Abort(true)
	l.paint()
	l.paint()
	l.progress.Wait()
}
