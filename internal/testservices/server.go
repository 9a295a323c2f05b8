//go:build unix

package testservices

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// A Server is one process of a [Swift] or [Keystone]. It may be killed and started again at any time; it keeps its port.
type Server struct {
	Name    string // as "object-1"
	Address string // host:port; "" if it is none that one can ask

	dir     string
	command []string
	env     []string // beside the test's own; of what is no program of Python
	forker  *forker  // what starts the command, if it is a program of Python
	check   string   // the path that answers 200 once it is ready; "": it needs only listen; nothing to wait for without Address
	process *process
}

// Kill ends the server at once, as a power cut would.
func (s *Server) Kill() {
	if s.process != nil {
		s.process.kill()
	}
}

// Pause makes the server stand still, until [Server.Resume]: it takes connections and answers nothing.
func (s *Server) Pause() { s.process.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() { s.process.signal(syscall.SIGCONT) }

// Start starts the server, again after [Server.Kill], and waits until it answers.
func (s *Server) Start() error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.ready()
}

func (s *Server) launch() (err error) {
	log := filepath.Join(s.dir, s.Name+".log")
	if s.forker != nil {
		s.process, err = s.forker.launch(s.Name, log, s.command[0], s.command[1:]...)
		return err
	}
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	s.process, err = launch(s.Name, log, cmd)
	return err
}

// ready waits until the server answers.
func (s *Server) ready() error {
	if s.Address == "" {
		return nil
	}
	err := until(3*time.Minute, func() error { // for a machine that has much else to do
		if s.process.ended() {
			return errEnded
		}
		if s.check == "" {
			return listens(s.Address)
		}
		return answers("http://" + s.Address + s.check)
	})
	if err != nil {
		return fmt.Errorf("%s does not answer: %w\n%s", s.Name, err, s.process.tail())
	}
	return nil
}

// answers is an error unless a GET of the URL gives 200.
func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
