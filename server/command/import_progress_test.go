package command

import (
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/importer"
)

func TestImportProgress(t *testing.T) {
	now := importer.Progress{Queue: marconi.QueueKey{Project: "p\x1b", Name: "q"}, Counts: importer.Counts{Queues: 2, Messages: 30}}
	const text = `2 queues and 30 messages done; at queue "q" of project "p\x1b"`
	problem := importer.Problem{Project: "p", Queue: "q\n", Reason: importer.BadName}
	const warning = "marconi-server: warning: project \"p\" queue \"q\\n\": queue-name\n"
	for _, row := range []struct {
		terminal bool
		want     string
	}{
		{true, "\r\x1b[K" + text + "\r\x1b[K" + warning},
		{false, text + "\n" + warning},
	} {
		var out strings.Builder
		p := newImportProgress(&out)
		p.terminal = row.terminal
		p.progress(now) // too soon
		p.next = time.Time{}
		p.progress(now)
		p.progress(now)
		p.problem(problem)
		p.end()
		if out.String() != row.want {
			t.Errorf("on a terminal: %t: it shows %q, want %q", row.terminal, out.String(), row.want)
		}
	}
}
