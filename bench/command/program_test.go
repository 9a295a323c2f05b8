package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A program is marconi-bench, under way in a folder of its own.
type program struct {
	cmd      *exec.Cmd
	dir      string // where it runs
	temp     string // for what servers keep
	name     string // in the environment of all its processes
	out, err transcript
}

// A transcript is what was said, readable while more is said.
type transcript struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (s *transcript) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// awaitSaid waits until the program has said something on its standard error.
func (p *program) awaitSaid(t *testing.T, what string) {
	t.Helper()
	for range 3000 {
		if strings.Contains(p.err.String(), what) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("it never said %q: %s", what, p.err.String())
}

func launch(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	return launchWith(t, dir, t.TempDir(), nil, args...)
}

// launchWith gives the program a temporary folder, and more in its environment.
func launchWith(t *testing.T, dir, temp string, environ []string, args ...string) *program {
	t.Helper()
	p := &program{dir: dir, temp: temp, name: filepath.Base(t.TempDir()) + strings.ReplaceAll(t.Name(), "/", "-")}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, &p.out, &p.err
	p.cmd.Env = append(append(os.Environ(), environ...), mark+"="+p.name, "TMPDIR="+p.temp)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// wait gives the exit status, and makes sure that nothing is left behind.
func (p *program) wait(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if left := p.processes(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	entries, err := os.ReadDir(p.temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s is left in the temporary folder", e.Name())
	}
	return p.cmd.ProcessState.ExitCode()
}

// processes are those that the program, or one that it started, has left. They have its mark in their environment.
func (p *program) processes(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil // there is no such list here
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err == nil && bytes.Contains(environ, []byte(mark+"="+p.name+"\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// bench runs the program to its end.
func bench(t *testing.T, dir string, args ...string) (status int, out, err string) {
	t.Helper()
	p := launch(t, dir, args...)
	status = p.wait(t)
	return status, p.out.String(), p.err.String()
}
