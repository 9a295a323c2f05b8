//go:build unix

package command

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

const killQueues, killMessages = 60, 40

// manyQueues is a Redis with queues of numbered messages, of two clients that take turns.
func manyQueues(t *testing.T) (uri string) {
	t.Helper()
	server := testservices.StartRedis(t)
	w := upstreamtest.New(t, server.Address)
	for i := range killQueues {
		name := fmt.Sprintf("q%03d", i)
		w.Queue("p", name, map[string]any{"n": i})
		messages := make([]upstreamtest.Message, killMessages)
		for n := range messages {
			messages[n].Body = n
			messages[n].Client = []string{upstreamtest.Client, "30387f00-39a0-11e2-be4b-3c075411e7cf"}[n/3%2]
		}
		w.Post("p", name, messages...)
	}
	w.Flush()
	return "redis://" + server.Address
}

// importChild prepares an import in a process of its own.
func importChild(t *testing.T, home string, args ...string) (*exec.Cmd, *lockedBuffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, said := exec.Command(self, append([]string{"import"}, args...)...), &lockedBuffer{}
	c.Env = append(os.Environ(), childVariable+"=1", "HOME="+home, "XDG_DATA_HOME=")
	c.Stdout, c.Stderr = said, said
	return c, said
}

// However often an import is killed, and wherever: in the end each message is there once, in its place.
func TestImportKilled(t *testing.T) {
	for name, target := range map[string]func(t *testing.T) string{
		"SQLite": func(t *testing.T) string { return "sqlite:///" + filepath.Join(t.TempDir(), "new.db") },
		"Redis":  func(t *testing.T) string { return "redis://" + testservices.StartRedis(t).Address },
	} {
		t.Run(name, func(t *testing.T) {
			from, to, home := manyQueues(t), target(t), t.TempDir()
			kills := 0
			for round := 0; ; round++ {
				before := journalSize(home)
				c, said := importChild(t, home, "--from", from, "--to", to)
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- c.Wait() }()
				if round < 12 {
					awaitWork(t, home, before, ended)
					time.Sleep(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
					_ = c.Process.Kill()
				}
				err := <-ended
				if err == nil {
					break
				}
				if status := c.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
					t.Fatalf("round %d ended with %v, and says\n%s", round, err, said)
				}
				kills++
			}
			if kills < 3 {
				t.Errorf("it was killed only %d times", kills)
			}
			imported(t, to, killQueues, killMessages)
		})
	}
}

// journalSize is how long the file is that keeps what is done.
func journalSize(home string) int64 {
	found, _ := filepath.Glob(filepath.Join(home, ".local/share/marconi/import-*.journal"))
	if len(found) == 0 {
		return 0
	}
	info, err := os.Stat(found[0])
	if err != nil {
		return 0
	}
	return info.Size()
}

// awaitWork waits until the journal is longer than before, or the import has ended.
func awaitWork(t *testing.T, home string, before int64, ended <-chan error) {
	t.Helper()
	for range 4000 {
		if journalSize(home) > before || len(ended) > 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatal("the import does not go to work")
}

// Ctrl-C ends an import in order, with a sentence that says how to go on.
func TestImportInterrupted(t *testing.T) {
	from, to, home := manyQueues(t), "sqlite:///"+filepath.Join(t.TempDir(), "new.db"), t.TempDir()
	interrupted := 0
	for round := 0; ; round++ {
		before := journalSize(home)
		c, said := importChild(t, home, "--from", from, "--to", to)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		if round < 3 {
			awaitWork(t, home, before, ended)
			time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
			_ = c.Process.Signal(os.Interrupt)
		}
		err := <-ended
		if err == nil {
			break
		}
		// One that comes before the program is at work has its usual effect.
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != failed && exit.ExitCode() != -1 {
			t.Fatalf("round %d ended with %v, and says\n%s", round, err, said)
		}
		if exit.ExitCode() == failed {
			interrupted++
			if !strings.Contains(said.String(), "interrupted") || !strings.Contains(said.String(), "the same command again goes on") ||
				!strings.Contains(said.String(), ".journal") || strings.Count(said.String(), "\n") != 1 {
				t.Errorf("it says %s", said)
			}
		}
	}
	if interrupted == 0 {
		t.Error("no interruption came while it was at work")
	}
	imported(t, to, killQueues, killMessages)
}

// A target that is full ends the import with a sentence, and what is half done makes room; with more room it goes on.
func TestImportIntoFullStore(t *testing.T) {
	from, home := manyQueues(t), []string{"HOME=" + t.TempDir()}
	target := testservices.StartRedis(t, "--maxmemory-policy", "noeviction")
	used, err := strconv.Atoi(target.Info("used_memory"))
	if err != nil {
		t.Fatal(err)
	}
	target.Do("CONFIG", "SET", "maxmemory", strconv.Itoa(used+600_000))
	to := "redis://" + target.Address
	status, out, said := command(t, home, "import", "--from", from, "--to", to)
	if status != failed || out != "" || !strings.Contains(said, "the store is full") || !strings.Contains(said, "the same command again goes on") {
		t.Errorf("into a store that is full: status %d, %s%s", status, out, said)
	}
	target.Do("CONFIG", "SET", "maxmemory", "0")
	if status, out, said = command(t, home, "import", "--from", from, "--to", to); status != ok || said != "" {
		t.Errorf("with more room: status %d, %s%s", status, out, said)
	}
	imported(t, to, killQueues, killMessages)
}
