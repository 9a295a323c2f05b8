//go:build unix

package testservices

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Redis is a server, or a sentinel, that runs until the test ends. Its methods end the test if they fail.
type Redis struct {
	Address string // host:port
	Socket  string // the path of its Unix socket

	t       testing.TB
	dir     string
	port    int
	args    []string
	admin   []string    // the command by which Do logs in
	secure  *tls.Config // by which Do connects
	process *process
}

// StartRedis starts a server without persistence. Arguments are those of redis-server, as in "--appendonly", "yes"; later
// ones win.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	s := newRedis(t)
	s.args = append(s.args, args...)
	s.Start()
	return s
}

// newRedis prepares a server. Its folder is not [testing.T.TempDir], which is too long for the path of a socket.
func newRedis(t testing.TB) *Redis {
	t.Helper()
	program(t, "MARCONI_TEST_REDIS_SERVER", "redis-server")
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Redis{t: t, dir: dir, port: freePort(t), Socket: filepath.Join(dir, "socket")}
	s.Address = address(s.port)
	s.args = []string{"--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
		"--dir", dir, "--unixsocket", s.Socket, "--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"}
	t.Cleanup(s.end)
	return s
}

func (s *Redis) end() {
	if s.process != nil {
		s.process.kill()
		if s.t.Failed() {
			s.t.Logf("log of %s:\n%s", s.process.name, s.process.tail())
		}
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Error(err)
	}
}

// Start starts the server, again after [Redis.Kill], at the same address.
func (s *Redis) Start() {
	s.t.Helper()
	args := s.args
	if s.secure == nil {
		args = append(args[:len(args):len(args)], "--port", strconv.Itoa(s.port))
	}
	s.launch(args)
}

func (s *Redis) launch(args []string) {
	s.t.Helper()
	path := program(s.t, "MARCONI_TEST_REDIS_SERVER", "redis-server")
	p, err := run(s.t, s.dir, "redis "+s.Address, path, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = p
	err = until(20*time.Second, func() error {
		if p.ended() {
			return errEnded
		}
		_, err := s.ask("PING")
		var reply replyError
		if errors.As(err, &reply) && strings.HasPrefix(string(reply), "NO") {
			return nil // it is there, and lets in only those with a password
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("%s does not answer: %v\n%s", p.name, err, p.tail())
	}
}

// Kill ends the server at once, as a power cut would.
func (s *Redis) Kill() { s.process.kill() }

// Stop lets the server end in its own time, so that it writes what it has to.
func (s *Redis) Stop() { s.process.stop() }

// Pause makes the server stand still, until [Redis.Resume]: it takes connections and answers nothing.
func (s *Redis) Pause() { s.process.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Redis) Resume() { s.process.signal(syscall.SIGCONT) }

// Do sends a command and gives its reply: a string, an int64, nil or a list of such.
func (s *Redis) Do(command ...string) any {
	s.t.Helper()
	reply, err := s.ask(command...)
	if err != nil {
		s.t.Fatalf("redis %s: %v", s.Address, err)
	}
	return reply
}

func (s *Redis) ask(command ...string) (any, error) {
	commands := [][]string{command}
	if s.admin != nil {
		commands = [][]string{s.admin, command}
	}
	return ask("tcp", s.Address, s.secure, commands...)
}

// Info is a figure of the server's INFO, "" if it has none of that name.
func (s *Redis) Info(name string) string {
	s.t.Helper()
	return field(s.Do("INFO", "all").(string), name)
}

func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, is := strings.CutPrefix(line, name+":"); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// AtLeast reports whether the server is of that version or a later one. Valkey counts as the Redis that it took over: 7.2.
func (s *Redis) AtLeast(major, minor int) bool {
	s.t.Helper()
	var a, b int
	if _, err := fmt.Sscanf(s.Info("redis_version"), "%d.%d", &a, &b); err != nil {
		s.t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

// WithAdmin says how Do logs in from now on, for a server whose default user is shut out.
func (s *Redis) WithAdmin(user, password string) { s.admin = []string{"AUTH", user, password} }

// want is an error unless got is what was wanted.
func want(what, got, wanted string) error {
	if got == wanted {
		return nil
	}
	return errors.New(what + " is " + strconv.Quote(got) + ", not " + strconv.Quote(wanted))
}
