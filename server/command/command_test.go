package command

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi/storage/drivers"
)

// childVariable makes the test's program the server itself, in a process of its own.
const childVariable = "MARCONI_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(Run(context.Background(), drivers.All(), Process{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}, drivers.Sources()))
	}
	goleak.VerifyTestMain(m)
}

// A process is a run of the program in this process.
type process struct {
	out, err lockedBuffer
	stop     context.CancelFunc
	status   chan int
}

func start(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &process{stop: stop, status: make(chan int, 1)}
	go func() {
		p.status <- Run(ctx, drivers.All(), Process{Args: args, Environ: environ, Stdout: &p.out, Stderr: &p.err}, drivers.Sources())
	}()
	t.Cleanup(func() {
		stop()
		<-p.status
	})
	return p
}

// wait gives the exit status, or ends the test if there is none in a while.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case status := <-p.status:
		p.status <- status // for the clean-up
		return status
	case <-time.After(20 * time.Second):
		t.Fatalf("it goes on running, and says\n%s", p.err.String())
		return 0
	}
}

var address = regexp.MustCompile(`API on +(https?://[0-9.:]+)/`)

// base waits until the server is up and gives its address.
func (p *process) base(t *testing.T) string {
	t.Helper()
	for range 1000 {
		if m := address.FindStringSubmatch(p.err.String()); m != nil {
			return m[1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the server does not start: %s", p.err.String())
	return ""
}

// waitUp waits until the server has said its first lines.
func (p *process) waitUp(t *testing.T) {
	t.Helper()
	for range 1000 {
		if strings.Contains(p.err.String(), "curl ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the server does not start: %s", p.err.String())
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever keeps the server from starting is a sentence that says what to do, and exit status 2.
func TestWhatKeepsItFromStarting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	ini := func(text string) []string { return []string{"--config-file", write(t, "marconi.conf", text)} }
	free := []string{"--listen", "127.0.0.1:0", "--store", "memory://"}

	for _, row := range []struct {
		name string
		args []string
		want []string // in what it says
	}{
		{"a flag that isn't", []string{"--stroe", "memory://"}, []string{"unknown flag: --stroe", "--help"}},
		{"an argument", []string{"start"}, []string{"start", "--help"}},
		{"a URI without its flag", []string{"redis://u:hunter2@h"}, []string{"redis://u:***@h", "no flag"}},
		{"a URI in place of a number", ini("[transport]\ndefault_claim_ttl = redis://u:hunter2@h\n"), []string{"default_claim_ttl", "redis://u:***@h"}},
		{"a file with a password", append(free[:2:2], "--store", "sqlite://u:hunter2@/x.db"), []string{"no user and no password"}},
		{"a port in use", []string{"--store", "memory://", "--listen", taken.Addr().String()}, []string{taken.Addr().String(), "in use", "--listen"}},
		{"an address that is none", []string{"--store", "memory://", "--listen", "nowhere"}, []string{"--listen", "nowhere", "127.0.0.1:8888"}},
		{"a store that isn't built in", append(free[:2:2], "--store", "mongodb://127.0.0.1"), []string{"store mongodb", "not built into this server"}},
		{"a key that isn't escaped", append(free[:2:2], "--store", "swift://u:hunter2/x@h/p?auth=v1"), []string{"must be escaped", "%2F"}},
		{"an option that isn't", append(free[:2:2], "--store", "swift://u:hunter2@h/p?indx=none"), []string{"indx", "did you mean index?"}},
		{"a store without a scheme", append(free[:2:2], "--store", "/var/lib/x.db"), []string{"--store", "URI"}},
		{"a level that isn't", append(free, "--log-level", "loud"), []string{"log_level", "loud", "debug"}},
		{"a certificate without a key", append(free, "--tls-cert", "cert.pem"), []string{"--tls-cert", "tls_key"}},
		{"a certificate that isn't there", append(free, "--tls-cert", "/nowhere/c.pem", "--tls-key", "/nowhere/k.pem"), []string{"/nowhere/c.pem"}},
		{"a file that isn't there", []string{"--config-file", "/nowhere/x.conf"}, []string{"/nowhere/x.conf"}},
		{"a folder that isn't there", []string{"--config-dir", "/nowhere"}, []string{"/nowhere"}},
		{"a line that can't be parsed", ini("[DEFAULT]\nadmin_mode = true\nwhat is this\n"), []string{"marconi.conf:3"}},
		{"a value out of range", ini("[transport]\nmax_messages_per_page = 0\n"), []string{"marconi.conf:2", "max_messages_per_page"}},
		{"a value of the wrong kind", ini("[transport]\ndefault_claim_ttl = soon\n"), []string{"marconi.conf:2", "default_claim_ttl", "soon"}},
		{"authentication", ini("[DEFAULT]\nauth_strategy = keystone\n"), []string{"marconi.conf:2", "auth_strategy"}},
		{"pools", ini("[DEFAULT]\npooling = true\n"), []string{"marconi.conf:2", "pooling"}},
		{"pools by their first name", ini("[DEFAULT]\nsharding = true\n"), []string{"marconi.conf:2", "pooling"}},
		{"a pipeline", ini("[storage]\nmessage_pipeline = zaqar.notification.notifier\n"), []string{"marconi.conf:2", "message_pipeline"}},
		{"a driver without its uri", ini("[drivers]\nmessage_store = swift\n"), []string{"marconi.conf:2", "message_store"}},
		{"a driver that isn't built", ini("[drivers]\nmessage_store = mongodb\n[drivers:message_store:mongodb]\nuri = mongodb://u:hunter2@h\n"), []string{"marconi.conf", "mongodb"}},
		{"a store that another option implies", ini("[drivers:message_store:mongodb]\nuri = mongodb://u:hunter2@h\n"), []string{"mongodb", "not built"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := start(t, []string{"HOME=" + t.TempDir()}, row.args...)
			if status := p.wait(t); status != unusable {
				t.Errorf("exit status %d, want %d", status, unusable)
			}
			said := p.err.String()
			for _, want := range row.want {
				if !strings.Contains(said, want) {
					t.Errorf("it says %q, without %q", said, want)
				}
			}
			if strings.Contains(said, "hunter2") || strings.Contains(said, "goroutine") || p.out.String() != "" {
				t.Errorf("it says %q and prints %q", said, p.out.String())
			}
			if !strings.HasPrefix(said, "marconi-server: ") || len(strings.Split(strings.TrimSpace(said), "\n")) > 2 {
				t.Errorf("it says more than it should: %q", said)
			}
		})
	}
}

func TestUnknownOptionsOnlyWarn(t *testing.T) {
	file := write(t, "old.conf", "[DEFAULT]\nadmin_mod = true\n[transport]\nmax_mesages_per_page = 5\n")
	p := start(t, []string{"MARCONI_MARCONI__STROE=x"}, "--config-file", file, "--listen", "127.0.0.1:0", "--store", "memory://")
	p.base(t)
	for _, want := range []string{"admin_mod", "admin_mode", "max_mesages_per_page", "max_messages_per_page", "MARCONI_MARCONI__STROE"} {
		if !strings.Contains(p.err.String(), want) {
			t.Errorf("it says nothing of %s:\n%s", want, p.err.String())
		}
	}
}

func TestFirstLines(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "memory://")
	base := p.base(t)
	lines := strings.Split(strings.TrimSpace(p.err.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[4], "curl ") || !strings.Contains(lines[4], base) {
		t.Errorf("it begins with %d lines:\n%s", len(lines), p.err.String())
	}
	p.stop()
	if status := p.wait(t); status != ok {
		t.Errorf("exit status %d after a stop", status)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "a.conf", "[DEFAULT]\nadmin_mode = false\n[marconi]\nhealth_interval = 1\nlog_level = error\n")
	p := start(t, []string{"MARCONI_MARCONI__HEALTH_INTERVAL=2", "MARCONI_MARCONI__LOG_LEVEL=warn"},
		"--config-file", file, "--log-level", "debug", "--print-config")
	if status := p.wait(t); status != ok {
		t.Fatalf("exit status %d: %s", status, p.err.String())
	}
	printed := p.out.String()
	for _, want := range []string{"\nhealth_interval = 2", "\nlog_level = debug", "\nadmin_mode = false", "a.conf:2", "MARCONI_MARCONI__HEALTH_INTERVAL"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the printed configuration has no %q", want)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	for flag, want := range map[string]string{"--version": "marconi-server ", "--help": "--config-file"} {
		p := start(t, nil, flag)
		if status := p.wait(t); status != ok || !strings.Contains(p.out.String(), want) {
			t.Errorf("%s: status %d, %q", flag, status, p.out.String())
		}
	}
}

// Requests that are under way when the stop comes are answered; nobody new is let in.
func TestStopFinishesWhatRuns(t *testing.T) {
	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "memory://")
	base := p.base(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := `{"messages": [{"body": 1}]}`
	_, err = fmt.Fprintf(conn, "POST /v1.1/queues/q/messages HTTP/1.1\r\nHost: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: p\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:5])
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // the handler waits for the rest of the body
	p.stop()
	time.Sleep(100 * time.Millisecond)
	if _, err := http.Get(base + "/"); err == nil {
		t.Error("a new connection was accepted after the stop")
	}
	if _, err := conn.Write([]byte(body[5:])); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64)
	n, _ := conn.Read(answer)
	if !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 201") {
		t.Errorf("the request under way was answered %q", answer[:n])
	}
	if status := p.wait(t); status != ok {
		t.Errorf("exit status %d", status)
	}
}

func TestOwnStore(t *testing.T) {
	home := t.TempDir()
	for _, row := range []struct {
		environ []string
		want    string
	}{
		{[]string{"HOME=" + home}, "sqlite:///" + home + "/.local/share/marconi/marconi.db"},
		{[]string{"HOME=" + home, "XDG_DATA_HOME=" + home + "/data"}, "sqlite:///" + home + "/data/marconi/marconi.db"},
		{[]string{"HOME=" + home, "XDG_DATA_HOME=relative"}, "sqlite:///" + home + "/.local/share/marconi/marconi.db"},
		{nil, ""},
	} {
		uri, err := ownStore(row.environ)
		if uri != row.want || (err != nil) != (row.want == "") {
			t.Errorf("ownStore(%v) = %q, %v, want %q", row.environ, uri, err, row.want)
		}
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"text": `msg=request method=GET`, "json": `"msg":"request","method":"GET"`} {
		p := start(t, nil, "--listen", "127.0.0.1:0", "--store", "memory://", "--log-format", format, "--log-level", "debug")
		res, err := http.Get(p.base(t) + "/v1/queues/none/stats?token=secret")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		id := res.Header.Get("X-Openstack-Request-Id")
		p.stop()
		p.wait(t)
		if log := p.err.String(); !strings.Contains(log, want) || id == "" || !strings.Contains(log, id) || strings.Contains(log, "secret") {
			t.Errorf("%s: the log of request %q is\n%s", format, id, log)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// The two planes may be in two stores, and each is where it was told to be.
func TestControlStore(t *testing.T) {
	dir := t.TempDir()
	uri := func(name string) string { return "sqlite:///" + filepath.Join(dir, name) }
	p := start(t, nil, "--listen", "127.0.0.1:0", "--store", uri("messages.db"), "--control-store", uri("queues.db"))
	p.base(t)
	if said := p.err.String(); !strings.Contains(said, "messages in "+uri("messages.db")) || !strings.Contains(said, "queues in   "+uri("queues.db")) {
		t.Errorf("it says\n%s", said)
	}
	for _, name := range []string{"messages.db", "queues.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}
