//go:build unix

package marconi_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// TestDocs runs every command of the README and the pages in docs as a reader would: each ```sh block in a shell, from top to
// bottom, and holds that it prints the ```text block behind it, where … stands for anything. A block that starts a server
// runs until the next one does, or the page ends.
//
// The commands are run to the letter, so they need the port they name.
func TestDocs(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		skipService(t, "bash is not installed")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		skipService(t, "curl is not installed")
	}
	if l, err := net.Listen("tcp", "127.0.0.1:8888"); err != nil {
		skipService(t, "port 8888, which the docs use, is taken")
	} else {
		_ = l.Close()
	}
	pages := []string{"README.md"}
	for _, folder := range []string{"docs/*.md", "docs/drivers/*.md"} {
		found, err := filepath.Glob(folder)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	tools := buildTools(t)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) { readPage(t, page, tools) })
	}
}

// services are programs that not everybody has who wants to run the tests.
var services = []string{"redis-server", "redis-sentinel", "redis-cli", "openssl"}

// needsServices skips a page that calls programs which are not installed.
func needsServices(t *testing.T, all []block) {
	t.Helper()
	for _, b := range all {
		for _, program := range services {
			if b.kind != "sh" || !regexp.MustCompile(`(?m)^\s*`+program+` `).MatchString(b.text) {
				continue
			}
			if _, err := exec.LookPath(program); err != nil {
				skipService(t, program+" is not installed")
			}
		}
	}
}

// skipService skips a test by name for what is not there; with CI=true that is a failure.
func skipService(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// buildTools puts the programs where a reader who installed them has them, in a folder that it returns.
func buildTools(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./cmd/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ./cmd/...: %v\n%s", err, out)
	}
	return bin
}

type block struct {
	kind, text string
	line       int
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func blocks(text string) []block {
	var found []block
	for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
		found = append(found, block{
			kind: text[m[2]:m[3]],
			text: text[m[4]:m[5]],
			line: 1 + strings.Count(text[:m[0]], "\n"),
		})
	}
	return found
}

func readPage(t *testing.T, page, tools string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	reader := &docReader{page: page, home: t.TempDir(), tools: tools}
	defer reader.stopDaemons(t)
	defer reader.stopServer(t)
	all := blocks(withSwift(t, string(text)))
	needsServices(t, all)
	for i, b := range all {
		switch {
		case b.kind != "sh":
		case startsServer(b.text):
			reader.startServer(t, b)
		default:
			out := reader.run(t, b)
			if i+1 < len(all) && all[i+1].kind == "text" {
				if want := all[i+1].text; !matches(out, want) {
					t.Errorf("%s:%d: the commands print\n%s\nand not, as the page says,\n%s", page, b.line, out, want)
				}
			}
		}
	}
}

// swiftAddress is where pages have their Swift: a reader has one already, or he would not read about it.
const swiftAddress = "127.0.0.1:8080"

// withSwift starts a Swift for a page that speaks of one, and puts its address into it.
func withSwift(t *testing.T, page string) string {
	t.Helper()
	if !strings.Contains(page, swiftAddress) {
		return page
	}
	return strings.ReplaceAll(page, swiftAddress, testservices.StartSwift(t, testservices.SwiftOptions{}).Host)
}

var serverLine = regexp.MustCompile(`^(go run \./cmd/marconi-server|marconi-server)( |$)`)

var quoted = regexp.MustCompile(`'[^']*'`)

func startsServer(commands string) bool {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(commands, "\\\n", " ")), "\n")
	last := quoted.ReplaceAllString(lines[len(lines)-1], "")
	return serverLine.MatchString(last) && !strings.ContainsAny(last, "|>&") &&
		!regexp.MustCompile(`--(version|help|print-config)`).MatchString(last)
}

// matches compares line by line, without blanks at the ends; … in what is wanted stands for anything.
func matches(got, want string) bool {
	pattern := regexp.QuoteMeta(normal(want))
	pattern = strings.ReplaceAll(pattern, "…", "(?s:.*?)")
	return regexp.MustCompile("^" + pattern + "$").MatchString(normal(got))
}

func normal(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// A docReader follows a page.
type docReader struct {
	page, home, tools string
	server            *exec.Cmd
	said              *lockedBuffer
}

func (r *docReader) command(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(),
		"HOME="+r.home, "TMPDIR="+r.home,
		"XDG_DATA_HOME="+filepath.Join(r.home, ".local", "share"),
		"PATH="+r.tools+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GOPATH="+goEnv("GOPATH"), "GOCACHE="+goEnv("GOCACHE"), "GOMODCACHE="+goEnv("GOMODCACHE"), "GOFLAGS="+goEnv("GOFLAGS"), "GOPROXY="+goEnv("GOPROXY"),
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// goEnv is what the go command uses here: a reader's HOME of its own must not mean an empty cache.
var goEnv = func() func(string) string {
	var mu sync.Mutex
	known := map[string]string{}
	return func(name string) string {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := known[name]; !ok {
			out, _ := exec.Command("go", "env", name).Output()
			known[name] = strings.TrimSpace(string(out))
		}
		return known[name]
	}
}()

func (r *docReader) run(t *testing.T, b block) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := r.command(ctx, b.text).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		t.Errorf("%s:%d: %v\n%s", r.page, b.line, err, out)
	}
	return string(out)
}

func (r *docReader) startServer(t *testing.T, b block) {
	t.Helper()
	r.stopServer(t)
	r.server, r.said = r.command(context.WithoutCancel(t.Context()), b.text), &lockedBuffer{}
	r.server.Stdout, r.server.Stderr = r.said, r.said
	if err := r.server.Start(); err != nil {
		t.Fatalf("%s:%d: %v", r.page, b.line, err)
	}
	for range 1200 {
		if strings.Contains(r.said.String(), "curl ") {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s:%d: the server has not started in a minute; it says\n%s", r.page, b.line, r.said)
}

// stopServer ends the page's server as its reader would, and holds that it goes in peace.
func (r *docReader) stopServer(t *testing.T) {
	t.Helper()
	if r.server == nil {
		return
	}
	// The group: `go run` has the server as a child of its own.
	_ = syscall.Kill(-r.server.Process.Pid, syscall.SIGTERM)
	err := r.server.Wait()
	// `go run` itself ends by the signal; the server says that it has stopped.
	if !strings.Contains(r.said.String(), "stopped") {
		t.Errorf("%s: the server ended with %v and says\n%s", r.page, err, r.said)
	}
	r.server = nil
}

// stopDaemons ends what the page has started in the background and not ended, by the files in the reader's home that hold its
// process IDs.
func (r *docReader) stopDaemons(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.home, "*.pid"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) { // it was about to end by itself
			continue
		}
		pid, parseErr := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil || parseErr != nil || pid < 2 {
			t.Errorf("%s holds no process ID: %q, %v", file, text, err)
			continue
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		for range 200 {
			if syscall.Kill(pid, 0) != nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
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
