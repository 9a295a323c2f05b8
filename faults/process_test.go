//go:build unix

package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// soak is whether the tests run in full, for as long as that takes.
var soak = os.Getenv("MARCONI_TEST_SOAK") == "1"

// short gives what a test does in its short form, or in full.
func short[T any](inShort, inFull T) T {
	if soak {
		return inFull
	}
	return inShort
}

// skipService skips a test for want of something that this system does not have; with CI=true that is a failure.
func skipService(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// binary is the server's program, built once a run of the tests and as an operator has it: without the race detector.
var binary = struct {
	once sync.Once
	dir  string
	err  error
}{}

func serverBinary(t testing.TB) string {
	t.Helper()
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "marconi-faults-"); binary.err != nil {
			return
		}
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary.dir, "../cmd/marconi-server")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		if err != nil {
			binary.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return filepath.Join(binary.dir, "marconi-server")
}

func TestMain(m *testing.M) {
	status := m.Run()
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
	os.Exit(status)
}

// A process is a server of its own.
type process struct {
	url  string // without a slash at its end
	addr string // host:port
	cmd  *exec.Cmd
	said *transcript
	wait func() error // for its end; may be called again
}

// A transcript collects what a process prints.
type transcript struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var listening = regexp.MustCompile(`try .*?(https?://([0-9.:]+))`)

// start runs marconi-server with arguments on a free port of the loopback and waits until it listens. It is killed at the
// test's end, if it still runs then.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	return startUnder(t, nil, args...)
}

// startUnder is [start] under another program, such as strace: before are its name and arguments.
func startUnder(t testing.TB, before []string, args ...string) *process {
	t.Helper()
	line := append(append([]string{}, before...), serverBinary(t), "--listen", "127.0.0.1:0")
	line = append(line, args...)
	p := &process{cmd: exec.Command(line[0], line[1:]...), said: &transcript{}}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that it ends with what runs it
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.wait = sync.OnceValue(p.cmd.Wait)
	t.Cleanup(func() { p.kill() })
	for range 3000 {
		if found := listening.FindStringSubmatch(p.said.String()); found != nil {
			p.url, p.addr = found[1], found[2]
			return p
		}
		if p.cmd.Process.Signal(syscall.Signal(0)) != nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.kill()
	t.Fatalf("%v does not listen, and says\n%s", line, p.said)
	return nil
}

// kill ends the process, and what it was started under, with SIGKILL, and waits for that.
func (p *process) kill() {
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		panic(err) // a bug of these tests: it is our own child
	}
	_ = p.wait()
}

// stop ends the process in order with SIGTERM, and fails the test if it does not end well.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Errorf("the server ended with %v and says\n%s", err, p.said)
	}
}

// The harness itself: it starts, answers, and is gone after a kill.
func TestProcess(t *testing.T) {
	p := start(t, "--store", "memory://")
	answer, err := http.Get(p.url + "/")
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusMultipleChoices {
		t.Fatalf("GET /: %v, %v", answer, err)
	}
	p.kill()
	if answer, err := http.Get(p.url + "/"); err == nil {
		_ = answer.Body.Close()
		t.Error("it answers after SIGKILL")
	}
}
