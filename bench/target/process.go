package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/marconi-mq/marconi/bench/cores"
)

// A process is one that we started. It ends with us, however we end.
type process struct {
	name string
	log  string // the file of what it says
	line []string
	env  []string
	in   string   // what it reads
	hide []string // what is not to be told of what it says
	on   cores.Set

	mu   sync.Mutex // guards what follows
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// launch starts a program.
func (i *Instance) launch(name string, line []string, env ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(i.data, name+".log"), line: line, env: env, on: i.options.Cores, hide: i.store.secrets}
	if name == "backend" {
		p.in = i.store.input
	}
	return p, p.start()
}

// start starts the program, for the first time or again.
func (p *process) start() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer out.Close()
	cmd := exec.CommandContext(context.Background(), p.line[0], p.line[1:]...) // it is ended by its owner
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Dir(p.log), out, out
	cmd.Env = append(os.Environ(), p.env...)
	if p.in != "" {
		cmd.Stdin = strings.NewReader(p.in)
	}
	cmd.SysProcAttr = attributes()
	if err := begin(cmd, p.on); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is seen by what follows
		close(done)
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.done = cmd, done
	return nil
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// ended is closed when the process that runs now has ended.
func (p *process) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

func (p *process) signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// stopWithin is how long a process has to end in order.
const stopWithin = 10 * time.Second

// stop ends the process in order, and kills it if it doesn't.
func (p *process) stop() error {
	err := errors.Join(p.signal(syscall.SIGCONT), p.signal(syscall.SIGTERM))
	select {
	case <-p.ended():
		return err
	case <-time.After(stopWithin):
		return errors.Join(err, p.kill())
	}
}

// kill ends the process at once, and waits for that.
func (p *process) kill() error {
	err := p.signal(syscall.SIGKILL)
	<-p.ended()
	return err
}

// until waits until ready has no error.
func (p *process) until(ctx context.Context, ready func(context.Context) error) error {
	limit, done := context.WithTimeout(ctx, readyWithin)
	defer done()
	for {
		err := ready(limit)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended():
			return fmt.Errorf("%w: the %s ended; it said: %s", ErrUnreachable, p.name, p.tail())
		case <-limit.Done():
			return fmt.Errorf("%w: the %s is not ready after %v: %w; it said: %s", ErrUnreachable, p.name, readyWithin, err, p.tail())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// said is what the process has printed.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	return string(text)
}

// tail is the end of what it printed.
func (p *process) tail() string {
	const most = 2000
	text := strings.TrimSpace(p.said())
	for _, secret := range p.hide {
		text = strings.ReplaceAll(text, secret, "hidden")
	}
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}
