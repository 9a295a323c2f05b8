//go:build unix

package command

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A child is the server in a process of its own.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *lockedBuffer
	base string
}

// startChild starts the server from a shell, in which setup runs before it.
func startChild(t *testing.T, setup string, environ []string, args ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-c", setup + `; exec "$0" "$@"`, self, "--store", "memory://", "--listen", "127.0.0.1:0"}, args...)
	c := &child{t: t, cmd: exec.Command("sh", args...), said: &lockedBuffer{}}
	c.cmd.Env = append(append(os.Environ(), childVariable+"=1"), environ...)
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.signal(syscall.SIGTERM)
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v and says\n%s", err, c.said)
		}
	})
	c.await(`try +curl`)
	c.base = address.FindStringSubmatch(c.said.String())[1]
	return c
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// await waits until the server has said something.
func (c *child) await(pattern string) {
	c.t.Helper()
	for range 1000 {
		if regexp.MustCompile(pattern).MatchString(c.said.String()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("the server does not say %q, but\n%s", pattern, c.said)
}

// certificateName is the name in the certificate that the server shows.
func (c *child) certificateName() string {
	c.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(c.base, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func makeCertificate(t *testing.T, dir, name string) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
		"-subj", "/CN="+name, "-keyout", filepath.Join(dir, "key.pem"), "-out", filepath.Join(dir, "cert.pem")).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}

// SIGHUP has certificate and log level read again, and nothing else; what is broken leaves all as it is.
func TestHangUp(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "marconi.conf")
	configure := func(level string, rest string) {
		t.Helper()
		text := fmt.Sprintf("[marconi]\nlog_level = %s\ntls_cert = %s/cert.pem\ntls_key = %s/key.pem\n%s", level, dir, dir, rest)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makeCertificate(t, dir, "first")
	configure("warning", "")
	c := startChild(t, ":", nil, "--config-file", conf)
	if got := c.certificateName(); got != "first" {
		t.Fatalf("the certificate is %q", got)
	}

	makeCertificate(t, dir, "second")
	configure("debug", "idle_timeout = 1\n")
	c.signal(syscall.SIGHUP)
	c.await(`log level changed.*before=WARN.*after=DEBUG`)
	c.await(`certificate replaced`)
	if got := c.certificateName(); got != "second" {
		t.Errorf("after SIGHUP the certificate is %q", got)
	}

	c.signal(syscall.SIGHUP)
	c.await(`neither log level nor certificate has changed`)

	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.signal(syscall.SIGHUP)
	c.await(`level=ERROR.*the old one stays.*cert\.pem`)
	configure("loud", "")
	c.signal(syscall.SIGHUP)
	c.await(`level=ERROR.*nothing has changed.*marconi\.conf:2.*loud`)
	if got := c.certificateName(); got != "second" {
		t.Errorf("after what was broken the certificate is %q", got)
	}

	dir = t.TempDir() // other files, and the old ones are still broken
	makeCertificate(t, dir, "third")
	configure("debug", "")
	c.signal(syscall.SIGHUP)
	c.await(`certificate replaced.*` + regexp.QuoteMeta(dir))
	if got := c.certificateName(); got != "third" {
		t.Errorf("after the files' names were changed the certificate is %q", got)
	}

	configure("error", "")
	c.signal(syscall.SIGHUP)
	c.await(`log level changed.*before=DEBUG.*after=ERROR`)
}

// The server raises the limit of open files as far as it may; where that isn't far, it takes fewer connections rather
// than fail to accept them.
func TestFileLimits(t *testing.T) {
	t.Run("raised", func(t *testing.T) {
		c := startChild(t, "ulimit -S -n 64", nil)
		c.hold(100)
		c.wantStatus(204)
		if strings.Contains(c.said.String(), "open files") {
			t.Errorf("it says\n%s", c.said)
		}
	})
	t.Run("low", func(t *testing.T) {
		c := startChild(t, "ulimit -n 300", nil)
		c.await(`level=WARN.*open files.*configured=16384 connections=108 files=300`)
		c.hold(108)
		c.wantStatus(503)
	})
}

// hold opens connections and keeps them.
func (c *child) hold(n int) {
	c.t.Helper()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.base, "http://"))
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() { _ = conn.Close() })
	}
}

// wantStatus asks for a status on a connection of its own.
func (c *child) wantStatus(want int) {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Get(c.base + "/v1/health")
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != want {
		c.t.Errorf("status %d, want %d", res.StatusCode, want)
	}
}

// A service manager is told when the server is ready, and when it stops.
func TestServiceManager(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	want := func(state string) {
		t.Helper()
		told := make([]byte, 100)
		_ = l.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := l.Read(told)
		if err != nil || string(told[:n]) != state {
			t.Fatalf("told %q, %v; want %q", told[:n], err, state)
		}
	}
	p := start(t, []string{"NOTIFY_SOCKET=" + socket}, "--listen", "127.0.0.1:0", "--store", "memory://")
	want("READY=1")
	if res, err := http.Get(p.base(t) + "/v1/health"); err != nil || res.Body.Close() != nil || res.StatusCode != http.StatusNoContent {
		t.Errorf("when it says it is ready, it answers %v, %v", res, err)
	}
	p.stop()
	want("STOPPING=1")
	if status := p.wait(t); status != ok {
		t.Errorf("exit status %d", status)
	}
}

// A socket that isn't there is no reason not to serve.
func TestNoServiceManager(t *testing.T) {
	p := start(t, []string{"NOTIFY_SOCKET=/nowhere/notify"}, "--listen", "127.0.0.1:0", "--store", "memory://")
	p.base(t)
	p.stop()
	if status := p.wait(t); status != ok || strings.Count(p.err.String(), "service manager") != 2 {
		t.Errorf("exit status %d, and it says\n%s", status, p.err.String())
	}
}

// A server that strangers may reach says so; one that they can't does not.
func TestWarningsOfOpenDoors(t *testing.T) {
	for _, row := range []struct {
		args []string
		want []string
	}{
		{[]string{"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, nil},
		{[]string{"--listen", "localhost:0"}, nil},
		{[]string{"--listen", "0.0.0.0:0"}, []string{"the API listens on .*without authentication"}},
		{[]string{"--listen", ":0", "--ops-listen", "127.0.0.1:0"}, []string{"the API listens on .*without authentication"}},
		{[]string{"--listen", "127.0.0.1:0", "--ops-listen", "0.0.0.0:0"}, []string{"figures and profiles .*without authentication"}},
	} {
		p := start(t, nil, append(row.args, "--store", "memory://")...)
		p.waitUp(t)
		p.stop()
		p.wait(t)
		if n := strings.Count(p.err.String(), "warning:"); n != len(row.want) {
			t.Errorf("%v: %d warnings:\n%s", row.args, n, p.err.String())
		}
		for _, want := range row.want {
			if !regexp.MustCompile("(?m)^marconi-server: warning: " + want).MatchString(p.err.String()) {
				t.Errorf("%v: no warning like %q:\n%s", row.args, want, p.err.String())
			}
		}
	}
}

var figures = regexp.MustCompile(`figures on +(http://[0-9.:]+)/metrics`)

// Operators have an address of their own, if it is asked for, until the server is gone.
func TestOpsListen(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "memory://", "--ops-listen", "127.0.0.1:0")
	p.base(t)
	m := figures.FindStringSubmatch(p.err.String())
	if m == nil {
		t.Fatalf("it doesn't say where figures are:\n%s", p.err.String())
	}
	res, err := http.Get(m[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || !strings.Contains(string(text), `marconi_build_info{go_version="go`) {
		t.Errorf("the scrape has no version, %v", err)
	}
	p.stop()
	if status := p.wait(t); status != ok {
		t.Errorf("exit status %d", status)
	}
	if _, err := http.Get(m[1] + "/healthz"); err == nil {
		t.Error("operators are answered after the end")
	}
}

func TestOpsListenInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "memory://", "--ops-listen", taken.Addr().String())
	if status := p.wait(t); status != unusable || !strings.Contains(p.err.String(), "--ops-listen") {
		t.Errorf("exit status %d: %s", status, p.err.String())
	}
}
