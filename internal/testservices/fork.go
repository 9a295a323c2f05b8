//go:build unix

package testservices

import (
	"bufio"
	_ "embed" // for the program
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

//go:embed swift/fork.py
var forkProgram []byte

// A forker starts programs of Python, as processes that share what they import: a dozen of them are there in the time of one.
type forker struct {
	process *process
	in      io.WriteCloser
	done    chan struct{}

	mu       sync.Mutex // guards what follows
	children []*process
	pids     []chan int // where the starter of a child waits for its process id
	gone     bool
}

// newForker starts it under python, a command. Modules are those to import before anything is started.
func newForker(dir string, python []string, modules ...string) (*forker, error) {
	program := filepath.Join(dir, "fork.py")
	if err := os.WriteFile(program, forkProgram, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(python[0], append(append(python[1:len(python):len(python)], program), modules...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "EVENTLET_NO_GREENDNS=yes") // that would be half of what is imported
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer toUs.Close()
	cmd.Stdout = toUs
	p, err := launch("fork.py", filepath.Join(dir, "fork.log"), cmd)
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	f := &forker{process: p, in: in, done: make(chan struct{})}
	go f.listen(out)
	return f, nil
}

// close ends it and all that it has started.
func (f *forker) close() {
	_ = f.in.Close()
	f.process.kill()
	<-f.done
}

// launch starts a program. What it says goes to a file.
func (f *forker) launch(name, log, program string, args ...string) (*process, error) {
	p := &process{name: name, log: log, done: make(chan struct{})}
	id, pid := f.add(p)
	line, err := json.Marshal(map[string]any{"id": id, "program": program, "args": args, "log": log})
	if err != nil {
		return nil, err
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, f.process.tail())
	}
	var is bool
	if p.pid, is = <-pid; !is {
		return nil, fmt.Errorf("start %s: %w\n%s", name, errEnded, f.process.tail())
	}
	return p, nil
}

func (f *forker) add(p *process) (int, <-chan int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pid := make(chan int, 1)
	if f.gone {
		close(pid)
	}
	f.children, f.pids = append(f.children, p), append(f.pids, pid)
	return len(f.children) - 1, pid
}

// listen takes what the forker says, until it ends, and with it all that it has started.
func (f *forker) listen(out *os.File) {
	defer close(f.done)
	defer out.Close()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var said struct {
			ID, PID, Status int
			Ended           bool
		}
		if json.Unmarshal(lines.Bytes(), &said) != nil {
			continue
		}
		f.mu.Lock()
		if said.Ended {
			f.children[said.ID].failed = said.Status != 0
			close(f.children[said.ID].done)
		} else {
			f.pids[said.ID] <- said.PID
		}
		f.mu.Unlock()
	}
	f.end()
}

func (f *forker) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	for i, p := range f.children {
		if !p.ended() {
			close(p.done)
		}
		close(f.pids[i])
	}
}
