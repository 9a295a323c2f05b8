//go:build unix

package command

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The first signal waits for what runs; the second waits for nothing.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(self, "--store", "memory://", "--listen", "127.0.0.1:0"), said: &lockedBuffer{}}
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.await(`try +curl`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(address.FindStringSubmatch(c.said.String())[1], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "POST /v1/queues/q/messages HTTP/1.1\r\nHost: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nContent-Length: 9\r\n\r\n["); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // the handler waits for the rest
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	c.signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		t.Fatalf("it did not wait for what runs: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	c.signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
			t.Errorf("after the second signal it ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		t.Errorf("the second signal did not end it: %v", <-ended)
	}
}

// Whoever reads what the server says may end before it.
func TestNobodyReadsStandardError(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "--store", "memory://", "--listen", "127.0.0.1:0", "--log-level", "debug")
	cmd.Env = append(os.Environ(), childVariable+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for !strings.Contains(string(said), "try  ") {
		more := make([]byte, 1000)
		n, err := stderr.Read(more)
		if err != nil {
			t.Fatalf("%v after %s", err, said)
		}
		said = append(said, more[:n]...)
	}
	_ = stderr.Close()
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil { // which leaves a line in the log
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	response, err := http.Get(address.FindStringSubmatch(string(said))[1] + "/v1/health")
	if err != nil {
		t.Errorf("it does not answer any more: %v", err)
	} else if response.Body.Close(); response.StatusCode != http.StatusNoContent {
		t.Errorf("status %d", response.StatusCode)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
