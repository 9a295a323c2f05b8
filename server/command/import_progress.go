package command

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/marconi-mq/marconi/storage/importer"
)

// How often progress is shown: on a terminal, and in a log.
const (
	terminalPeriod = 200 * time.Millisecond
	linePeriod     = 10 * time.Second
)

// mostProblems is how many problems of a kind are told of one by one.
const mostProblems = 20

// An importProgress shows how far an import is: on a terminal in a line that changes, elsewhere in a line now and then.
type importProgress struct {
	out      io.Writer
	terminal bool
	next     time.Time
	line     bool // one that changes is on the screen
	told     map[importer.Reason]int
}

func newImportProgress(out io.Writer) *importProgress {
	p := &importProgress{out: out, told: map[importer.Reason]int{}}
	if f, is := out.(*os.File); is {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	p.next = time.Now().Add(p.period())
	return p
}

func (p *importProgress) period() time.Duration {
	if p.terminal {
		return terminalPeriod
	}
	return linePeriod
}

func (p *importProgress) progress(now importer.Progress) {
	if time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(p.period())
	text := fmt.Sprintf("%d queues and %d messages done; at queue %q of project %q",
		now.Counts.Queues, now.Counts.Messages, now.Queue.Name, now.Queue.Project)
	if p.terminal {
		p.line = true
		_, _ = fmt.Fprintf(p.out, "\r\x1b[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// problem tells of a problem, unless there were many of that kind: the counts have them all.
func (p *importProgress) problem(one importer.Problem) {
	p.told[one.Reason]++
	switch n := p.told[one.Reason]; {
	case n == mostProblems+1:
		p.end()
		warn(p.out, fmt.Sprintf("more of %s are counted, and not told of", one.Reason))
	case n <= mostProblems:
		p.end()
		warn(p.out, one)
	}
}

// end takes away the line that changes.
func (p *importProgress) end() {
	if p.line {
		_, _ = io.WriteString(p.out, "\r\x1b[K")
		p.line = false
	}
}

// countsText is a line for each count that says something.
func countsText(c importer.Counts, dryRun bool) []byte {
	moved := "imported"
	if dryRun {
		moved = "to import"
	}
	var b bytes.Buffer
	line := func(n int64, always bool, text string) {
		if n > 0 || always {
			fmt.Fprintf(&b, "%9d %s\n", n, text)
		}
	}
	line(c.Queues, true, "queues "+moved)
	line(c.Messages, true, "messages "+moved)
	line(c.Claimed, false, "of them under a claim, and free now")
	line(c.Delayed, false, "of them delayed still")
	line(c.Claims, false, "claims under way, which end here")
	line(c.EndedClaims, false, "claims that were over")
	line(c.Expired, false, "messages left out: expired")
	line(c.Gone, false, "IDs left out: their messages are gone")
	line(c.Existing, false, "queues left out: the store had them already")
	for _, reason := range slices.Sorted(maps.Keys(c.Damaged)) {
		line(c.Damaged[reason], false, "damaged: "+string(reason))
	}
	if c.Unlisted != nil {
		line(*c.Unlisted, false, "messages that no queue lists")
	}
	return b.Bytes()
}
