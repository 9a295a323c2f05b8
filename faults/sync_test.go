//go:build unix

package faults

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/marconi-mq/marconi/client"
)

// A message is on the disk before its post is answered, alone or among others; a server that is told not to mind is found out.
func TestPostsAreSyncedBeforeTheirAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		options string
		sound   bool
	}{
		"as it is":        {"", true},
		"synchronous=off": {"?synchronous=off", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSyncRun(t, test.options, "-y", "-s", "16384", "-e", "trace=fsync,fdatasync,pwrite64,write,writev,sendto")
			s.post(1, 30)
			s.post(8, 80)
			trace := parseSyncTrace(s.stop())
			faults := trace.faults(s.posts)
			switch {
			case len(trace.answers) != len(s.posts):
				t.Errorf("the trace has %d answers to %d posts", len(trace.answers), len(s.posts))
			case test.sound && len(faults) > 0:
				t.Errorf("%d of %d posts: %s", len(faults), len(s.posts), strings.Join(faults[:min(len(faults), 5)], "; "))
			case !test.sound && len(faults) != len(s.posts):
				t.Errorf("the trace of a server that doesn't sync is found wrong at %d of %d posts", len(faults), len(s.posts))
			}
			t.Logf("%d posts, %d syncs of the log, %d posts not safe when answered", len(s.posts), len(trace.syncs), len(faults))
		})
	}
}

// Posts that come together share a sync. In short each takes a slow disk's 3 ms, for how many gather meanwhile would else
// depend on what the machine has left for the callers.
func TestPostsShareSyncs(t *testing.T) {
	const connections = 64
	s := newSyncRun(t, "", append([]string{"-c", "-e", "trace=fsync,fdatasync"},
		short([]string{"-e", "inject=fsync,fdatasync:delay_exit=3000"}, nil)...)...)
	s.post(connections, short(1500, 50000))
	syncs, err := syncCalls(s.stop())
	if err != nil {
		t.Fatal(err)
	}
	each := float64(syncs) / float64(len(s.posts))
	t.Logf("%d syncs for %d posts over %d connections, those of the start and of checkpoints included: %.3f a post",
		syncs, len(s.posts), connections, each)
	if most := short(0.2, 0.1); each > most || syncs == 0 {
		t.Errorf("%.3f syncs a post, want at most %v and some", each, most)
	}
}

// A syncRun is a server under strace, over a file.
type syncRun struct {
	t       testing.TB
	process *process
	trace   string // where strace writes
	client  *client.Client
	queue   *client.Queue

	mu    sync.Mutex                  // guards what follows
	posts map[client.MessageID]string // a text that only this message has
}

func newSyncRun(t testing.TB, options string, flags ...string) *syncRun {
	dir := t.TempDir()
	s := &syncRun{t: t, trace: filepath.Join(dir, "trace"), posts: map[client.MessageID]string{}}
	strace := append([]string{"strace", "-f", "--seccomp-bpf", "-o", s.trace}, flags...)
	if out, err := exec.Command(strace[0], append(strace[1:], "true")...).CombinedOutput(); err != nil {
		skipService(t, fmt.Sprintf("strace can't trace here: %v: %s", err, out))
	}
	s.process = startUnder(t, strace, "--store", "sqlite:///"+filepath.Join(dir, "queues.db")+options)
	c, err := client.New(s.process.url, client.Config{Project: "sync", Transport: client.NewTransport()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	s.client, s.queue = c, c.Queue("q")
	return s
}

// post posts n messages, one at a time from each of some callers.
func (s *syncRun) post(callers, n int) {
	s.t.Helper()
	var all sync.WaitGroup
	var begun, failed atomic.Int64
	for range callers {
		all.Go(func() {
			for begun.Add(1) <= int64(n) {
				if err := s.postOne(s.t.Context()); err != nil {
					s.t.Error(err)
					failed.Add(1)
					return
				}
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		s.t.FailNow()
	}
}

func (s *syncRun) postOne(ctx context.Context) error {
	text := "sync-" + rand.Text()
	body, err := json.Marshal(text)
	if err != nil {
		return err
	}
	ids, err := s.queue.Post(ctx, client.NewMessage{Body: body})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts[ids[0]] = text
	return nil
}

// stop stops the server, and with it strace, which itself ignores the signal, and gives what strace has written.
func (s *syncRun) stop() string {
	s.t.Helper()
	s.client.CloseIdleConnections() // a server that stops waits for those that were never used
	if err := syscall.Kill(-s.process.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.wait(); err != nil {
		s.t.Fatalf("the server ended with %v and says\n%s", err, s.process.said)
	}
	text, err := os.ReadFile(s.trace)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// syncCalls adds up the calls in the table that strace -c makes:
//
//	% time     seconds  usecs/call     calls    errors syscall
//	100.00    0.250000          50      5000           fsync
func syncCalls(table string) (calls int, err error) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasSuffix(fields[len(fields)-1], "sync") {
			continue
		}
		n, err := strconv.Atoi(fields[3])
		if err != nil {
			return 0, fmt.Errorf("strace's table: %w\n%s", err, table)
		}
		calls += n
	}
	if calls == 0 {
		return 0, errors.New("strace's table has no syncs:\n" + table)
	}
	return calls, nil
}
