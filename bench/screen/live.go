package screen

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/marconi-mq/marconi/bench/experiment"
)

// live is the block of lines that a terminal shows: a bar, and below it what the run at hand does. What has ended scrolls
// by above it.
type live struct {
	options  Options
	progress *mpb.Progress
	bar      *mpb.Bar
	now      atomic.Pointer[state]
}

// A state is what is shown.
type state struct {
	event experiment.Event // the last of a run
	block string
}

// barSteps is how finely the bar moves.
const barSteps = 1000

func newLive(w io.Writer, o Options) *live {
	l := &live{options: o}
	l.now.Store(&state{})
	l.progress = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(250*time.Millisecond), mpb.WithAutoRefresh())
	text := func(of func(*state) string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string { return of(l.now.Load()) })
	}
	l.bar = l.progress.New(barSteps, mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("░").Rbound(""),
		mpb.PrependDecorators(text(l.head)),
		mpb.AppendDecorators(text(func(s *state) string {
			p := s.event.Progress
			return fmt.Sprintf(" %3.0f %%  %s left", 100*p.Share, clock(p.Left))
		})),
		mpb.BarBtmExtender(mpb.BarFillerFunc(l.fill)), mpb.BarWidth(20), mpb.BarRemoveOnComplete())
	return l
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

// fill writes the lines below the bar.
func (l *live) fill(w io.Writer, stat decor.Statistics) error {
	s := l.now.Load()
	if s.event.Tick == nil {
		return nil
	}
	for _, line := range block(s.event.Tick, l.options.Color) {
		if _, err := fmt.Fprintln(w, cut(line, stat.AvailableWidth)); err != nil {
			return err
		}
	}
	return nil
}

// block is a moment of a run in three lines.
func block(t *experiment.Tick, color bool) []string {
	faults := "ledger clean so far"
	if t.Faults > 0 {
		faults = fmt.Sprintf("ledger %d FAULTS", t.Faults)
	}
	health := "✓"
	if t.Lag > int64(2*time.Millisecond) {
		health = "✗"
	}
	return []string{
		fmt.Sprintf("%s  offered %s   sent %s   done %s /s    posted %s  delivered %s  deleted %s  backlog %s", t.Phase, thousands(t.Offered), thousands(t.Sent),
			thousands(t.Achieved), thousands(float64(t.Posted)), thousands(float64(t.Delivered)), thousands(float64(t.Deleted)), thousands(float64(max(t.Posted-t.Deleted, 0)))),
		fmt.Sprintf("response  p50 %s  p99 %s  max %s   %s   errors %s", duration(t.P50), duration(t.P99), duration(t.Max), bars(t.Rates), red(thousands(float64(t.Errors)), color && t.Errors > 0)),
		fmt.Sprintf("%s   %s   lag p99 %s %s", red(faults, color && t.Faults > 0), usage(t.Usage), duration(t.Lag), health),
	}
}

func usage(of map[string]experiment.Usage) string {
	var parts []string
	for _, name := range []string{"server", "backend", "generator"} {
		if u, known := of[name]; known {
			parts = append(parts, fmt.Sprintf("%s %.0f %% %s", name, 100*u.CPU, size(u.RSS)))
		}
	}
	return strings.Join(parts, "   ")
}

func red(text string, really bool) string {
	if !really {
		return text
	}
	return "\x1b[31m" + text + "\x1b[0m"
}

// cut shortens a line to the width of the terminal, since one that wraps can't be repainted.
func cut(text string, width int) string {
	letters := []rune(text)
	if width <= 1 || len(letters) <= width {
		return text
	}
	return string(letters[:width-1]) + "…"
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

func (l *live) close() {
	l.bar.Abort(true)
	l.progress.Wait()
}
