//go:build unix

package testservices

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// program finds a program, by an environment variable or on the path. Without it the test is skipped.
func program(t testing.TB, variable, name string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Require(t, fmt.Errorf("%s %w", name, ErrNotInstalled))
	}
	return path
}

// ErrNotInstalled is why a service could not be started here at all.
var ErrNotInstalled = errors.New("is not installed")

// errOtherVersion is why a test is left to the machine's own version, always.
var errOtherVersion = errors.New("only the machine's own Swift is tried with Keystone")

// Require skips the test if err says that a service is not installed, which with CI=true fails it, as any other error does.
func Require(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errOtherVersion):
		t.Skip(err)
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// A process is a program that runs until the test ends.
type process struct {
	name string
	log  string // a file
	pid  int
	done chan struct{}

	failed bool // when done is closed: whether it ended otherwise than with a status of 0
}

// run starts a program. What it says goes to a file in dir.
func run(t testing.TB, dir, name, path string, args ...string) (*process, error) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	return launch(name, filepath.Join(dir, "log"), cmd)
}

// launch starts a command. What it says goes to a file.
func launch(name, log string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, log: log, done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.Stderr, cmd.SysProcAttr = out, attributes()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		p.failed = cmd.Wait() != nil
		close(p.done)
	}()
	return p, nil
}

// signal sends a signal to the process and its children, if it has not ended.
func (p *process) signal(s syscall.Signal) {
	if !p.ended() {
		_ = syscall.Kill(-p.pid, s)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process and its children, and waits until it has.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
	// The children take a moment longer to let go of ports and files. One that nobody collects is not waited for.
	for range 100 {
		if syscall.Kill(-p.pid, 0) != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	const most = 3000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(bytes.TrimSpace(text))
}

// until calls f until it gives no error; the last one is given back when the time is over, or the process is.
func until(limit time.Duration, f func() error) error {
	end := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return nil
		}
		if errors.Is(err, errEnded) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v: %w", limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var errEnded = errors.New("the process has ended")
