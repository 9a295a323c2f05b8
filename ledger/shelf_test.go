package ledger_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/ledger"
)

// The books are the same wherever the records are, and those in a file take next to nothing in memory.
func TestRecordsInAFile(t *testing.T) {
	const messages, lanes = 100_000, 4
	for name, test := range map[string]struct {
		options     ledger.Options
		least, most float64 // bytes of the heap a message
	}{
		"all in memory":    {ledger.Options{InMemory: -1}, 55, 64},
		"by itself":        {ledger.Options{}, 55, 64},
		"a tenth":          {ledger.Options{InMemory: messages / 10, SpillTo: t.TempDir()}, 5, 12},
		"no file possible": {ledger.Options{InMemory: messages / 10, SpillTo: filepath.Join(t.TempDir(), "nowhere")}, 55, 64},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Run = "bench"
			before := heap()
			l := fill(test.options, messages, lanes)
			cost := float64(heap()-before) / messages
			if v := l.Verdict(); !v.OK() || v.Deleted != messages || v.Confirmed != messages {
				t.Errorf("the verdict is %s", v.Report())
			}
			if cost < test.least || cost > test.most {
				t.Errorf("a message costs %.1f bytes of memory, want %v to %v", cost, test.least, test.most)
			}
			if dir := test.options.SpillTo; dir != "" {
				if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
					t.Errorf("%v can be seen, and would stay", left)
				}
			}
			runtime.KeepAlive(l)
		})
	}
}

// What a ledger has mapped is given back with it.
func TestFilesGoWithTheLedger(t *testing.T) {
	dir := t.TempDir()
	mapped := func() int {
		runtime.GC()
		text, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip("only Linux tells what is mapped")
		}
		return strings.Count(string(text), dir)
	}
	l := fill(ledger.Options{Run: "bench", InMemory: 1, SpillTo: dir}, 40_000, 1)
	if n := mapped(); n != 4 {
		t.Errorf("%d files are mapped for 40 000 messages, want 4", n)
	}
	runtime.KeepAlive(l)
	for end := time.Now().Add(10 * time.Second); mapped() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("files are mapped for nobody")
		}
	}
}
