//go:build unix

package faults

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/client"
)

// A syncTrace is what of a trace says whether posts are safe, each in the order in which it began.
type syncTrace struct {
	writes  []syncCall // to SQLite's log
	syncs   []syncCall // of it, which succeeded
	answers []syncCall // of 201
}

// A syncCall is a system call, from one line of the trace to another. strace writes them when the call begins and when it
// has ended, before the thread goes on: what one thing has led to comes behind it.
type syncCall struct {
	text         string
	begun, ended int
	zero         bool // its result is 0
}

// parseSyncTrace reads what strace -f -y writes, one line a call, or two if there are others' lines between them.
func parseSyncTrace(text string) *syncTrace {
	var calls []*syncCall
	unfinished := map[string]*syncCall{} // by thread
	for line := range strings.Lines(text) {
		thread, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		what = strings.TrimSpace(what)
		c := unfinished[thread]
		if c == nil || !strings.HasPrefix(what, "<... ") {
			c = &syncCall{text: what, begun: len(calls), ended: math.MaxInt}
		}
		calls = append(calls, c) // a place for each line
		if strings.HasSuffix(what, "<unfinished ...>") {
			unfinished[thread] = c
			continue
		}
		delete(unfinished, thread)
		c.ended, c.zero = len(calls)-1, strings.HasSuffix(what, "= 0")
	}
	t := &syncTrace{}
	for i, c := range calls {
		if c.begun == i {
			t.add(*c)
		}
	}
	return t
}

func (t *syncTrace) add(c syncCall) {
	name, arguments, _ := strings.Cut(c.text, "(")
	file, _, _ := strings.Cut(arguments, ">") // 12</path/of/it>
	log := strings.HasSuffix(file, "-wal")
	switch {
	case log && name == "pwrite64":
		t.writes = append(t.writes, c)
	case log && c.zero && strings.HasSuffix(name, "sync"):
		t.syncs = append(t.syncs, c)
	case strings.Contains(c.text, `"HTTP/1.1 201 `):
		t.answers = append(t.answers, c)
	}
}

// faults are the posts that were answered before they were safe. Of each it is known what text only its message has.
func (t *syncTrace) faults(posts map[client.MessageID]string) (all []string) {
	for _, answer := range t.answers {
		for id, text := range posts {
			if !strings.Contains(answer.text, string(id)) {
				continue
			}
			if !t.safe(text, answer) {
				all = append(all, fmt.Sprintf("message %s (%s) was not synced before line %d told of it", id, text, answer.begun+1))
			}
		}
	}
	return all
}

// safe reports whether a sync that began when the transaction with a text had been written ended before the answer began.
func (t *syncTrace) safe(text string, answer syncCall) bool {
	last := t.committed(text)
	return last != nil && slices.ContainsFunc(t.syncs, func(s syncCall) bool {
		return last.ended < s.begun && s.ended < answer.begun
	})
}

// committed is the last write to the log of the first transaction that has a text in it, or nil. A transaction is frames, a
// header and a page each; the last one's header says so.
func (t *syncTrace) committed(text string) *syncCall {
	page := slices.IndexFunc(t.writes, func(c syncCall) bool { return strings.Contains(c.text, text) })
	for i := max(page, 1); i < len(t.writes); i++ {
		if page > 0 && t.writes[i-1].commits() {
			return &t.writes[i]
		}
	}
	return nil
}

// commits reports whether the call writes the header of a transaction's last frame: 24 bytes, of which the second four are the
// size of the database then, or else 0.
func (c syncCall) commits() bool {
	_, quoted, _ := strings.Cut(c.text, `, "`)
	if len(quoted) > 200 { // a page
		return false
	}
	data := unquoteStrace(quoted)
	return len(data) == 24 && data[4]|data[5]|data[6]|data[7] != 0
}

// unquoteStrace reads a text as strace writes it, up to the closing quote: as C does, with one to three octal digits.
func unquoteStrace(text string) (data []byte) {
	letters := map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', 'a': '\a', 'b': '\b'}
	for i := 0; i < len(text) && text[i] != '"'; i++ {
		if text[i] != '\\' || i+1 == len(text) {
			data = append(data, text[i])
			continue
		}
		i++
		if text[i] < '0' || text[i] > '7' {
			c, found := letters[text[i]]
			if !found {
				c = text[i]
			}
			data = append(data, c)
			continue
		}
		value, end := byte(0), min(i+3, len(text))
		for ; i < end && text[i] >= '0' && text[i] <= '7'; i++ {
			value = value<<3 | text[i] - '0'
		}
		i-- // the loop steps on
		data = append(data, value)
	}
	return data
}

// The lines of a trace in which a post of one message is safe.
var syncSoundLines = []string{
	`7 pwrite64(12</t/q.db-wal>, "\0\0\0\5\0\0\0\0u\234]\215\37#\377\326\266b\222\345\350k&q", 24, 32) = 24`,
	`7 pwrite64(12</t/q.db-wal>, "\r\0\0\0\1the text"..., 4096, 56) = 4096`,
	`7 pwrite64(12</t/q.db-wal>, "\0\0\0\6\0\0\0\21u\234]\215\37#\377\326~~Au\335\2232\231", 24, 4152) = 24`,
	`7 pwrite64(12</t/q.db-wal>, "\n\0\0\0\1"..., 4096, 4176) = 4096`,
	`7 fsync(12</t/q.db-wal>) = 0`,
	`9 write(17<TCP:[127.0.0.1:1->127.0.0.1:2]>, "HTTP/1.1 201 Created\r\n\r\n{\"resources\":[\"/v1.1/queues/q/messages/0123\"]}", 70) = 70`,
}

func TestSyncTrace(t *testing.T) {
	const header, page, last, end, sync, answer = 0, 1, 2, 3, 4, 5
	line := func(i int) string { return syncSoundLines[i] }
	for _, test := range []struct {
		name  string
		safe  bool
		lines []string
	}{
		{"sound", true, syncSoundLines},
		{"no sync", false, []string{line(header), line(page), line(last), line(end), line(answer)}},
		{"answered first", false, []string{line(header), line(page), line(last), line(end), line(answer), line(sync)}},
		{"synced before the end of the transaction", false, []string{line(header), line(page), line(sync), line(last), line(end), line(answer)}},
		{"synced before anything", false, []string{line(sync), line(header), line(page), line(last), line(end), line(answer)}},
		{"not written", false, []string{line(header), line(last), line(end), line(sync), line(answer)}},
		{"not committed", false, []string{line(header), line(page), line(sync), line(answer)}},
		{"the sync failed", false, []string{line(header), line(page), line(last), line(end),
			`7 fsync(12</t/q.db-wal>) = -1 EIO (Input/output error)`, line(answer)}},
		{"another file was synced", false, []string{line(header), line(page), line(last), line(end), `7 fsync(12</t/q.db>) = 0`, line(answer)}},
		{"answered during the sync", false, []string{line(header), line(page), line(last), line(end),
			`7 fsync(12</t/q.db-wal> <unfinished ...>`, line(answer), `7 <... fsync resumed>) = 0`}},
		{"answered after a sync in two lines", true, []string{line(header), line(page), line(last), line(end),
			`7 fdatasync(12</t/q.db-wal> <unfinished ...>`, `8 --- SIGURG {si_signo=SIGURG} ---`, `7 <... fdatasync resumed>) = 0`, line(answer)}},
		{"synced while the end was being written", false, []string{line(header), line(page), line(last),
			`7 pwrite64(12</t/q.db-wal>, "\n\0\0\0\1"..., 4096, 4176 <unfinished ...>`, `8 fsync(12</t/q.db-wal>) = 0`, `7 <... pwrite64 resumed>) = 4096`, line(answer)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			trace := parseSyncTrace(strings.Join(test.lines, "\n"))
			faults := trace.faults(map[client.MessageID]string{"0123": "the text", "4567": "another"})
			if len(trace.answers) != 1 || (len(faults) == 0) != test.safe {
				t.Errorf("%d answers, faults %q; safe is %v", len(trace.answers), faults, test.safe)
			}
		})
	}
}
