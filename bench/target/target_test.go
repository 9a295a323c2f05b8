package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/internal/testservices"
)

// This server has no pools: a plan that wants some is not measured as if it had.
func TestPoolsAreAbsent(t *testing.T) {
	_, err := Start(t.Context(), plan.Target{Start: &plan.Start{Backend: "memory", Pools: 2}}, Options{Dir: t.TempDir()})
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "2 pools") {
		t.Errorf("Start = %v, want that there are no pools", err)
	}
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("MARCONI_TEST_ORPHAN"); dir != "" && len(os.Args) == 1 {
		orphan(dir)
	}
	benchtest.Main(m)
}

// orphan starts a server, says its pid and waits to be killed.
func orphan(dir string) {
	i, err := Start(context.Background(), plan.Target{Start: &plan.Start{Backend: "memory"}}, Options{Dir: dir, Server: []string{os.Args[0], "server"}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(i.server.pid())
	select {}
}

func startBackend(t *testing.T, backend string, settings map[string]string) *Instance {
	t.Helper()
	i, err := Start(t.Context(), plan.Target{Name: backend, Start: &plan.Start{Backend: backend, Backed: settings}}, Options{Dir: t.TempDir(), Server: benchtest.Server(t)})
	if errors.Is(err, ErrAbsent) {
		skipService(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func skipService(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func jobs(t *testing.T, i *Instance, api string) *client.Queue {
	t.Helper()
	connections, err := i.Connect(api, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connections.Close)
	c, err := connections.Client(client.Config{Project: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Queue("jobs")
}

func count(t *testing.T, q *client.Queue) int {
	t.Helper()
	page, err := q.MessagePage(t.Context(), client.MessageListing{Echo: true})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Items)
}

func post(t *testing.T, q *client.Queue) {
	t.Helper()
	if _, err := q.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Post(t.Context(), client.NewMessage{TTL: time.Hour, Body: []byte("1")}); err != nil {
		t.Fatal(err)
	}
}

// Each backend starts, keeps what it promises to keep through a kill of the server, and is empty after a reset.
func TestBackends(t *testing.T) {
	swift, err := testservices.RunSwift(t.TempDir(), testservices.SwiftOptions{})
	if err == nil {
		t.Cleanup(swift.Close)
		t.Setenv(swiftAccount, swift.StorageURI)
	} else if !errors.Is(err, testservices.ErrNotInstalled) {
		t.Fatal(err)
	}
	for _, backend := range Names() {
		t.Run(backend, func(t *testing.T) {
			i := startBackend(t, backend, nil)
			for _, api := range plan.Versions() {
				post(t, jobs(t, i, api))
			}
			before := i.server.pid()
			pid, err := i.Suffer(t.Context(), plan.Fault{Do: "kill", To: "server", For: plan.Duration(10 * time.Millisecond)})
			if err != nil || pid == before {
				t.Fatalf("killed and started as %d, which was %d: %v", pid, before, err)
			}
			if backend != "memory" {
				if n := count(t, jobs(t, i, "1.1")); n != 2 {
					t.Errorf("%d messages after the kill, want 2", n)
				}
			}
			if err := i.Reset(t.Context()); err != nil {
				t.Fatal(err)
			}
			post(t, jobs(t, i, "1"))
			if n := count(t, jobs(t, i, "1")); n != 1 {
				t.Errorf("%d messages in a store that was emptied before the last one came", n)
			}
			for _, p := range i.Processes() {
				if p.Collect == nil {
					continue
				}
				if figures, err := p.Collect(t.Context()); err != nil || len(figures) == 0 {
					t.Errorf("the %s says %v, %v of itself", p.Name, figures, err)
				}
			}
		})
	}
}

func TestAPausedServerGoesOn(t *testing.T) {
	i := startBackend(t, "memory", nil)
	q := jobs(t, i, "1.1")
	post(t, q)
	begun := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := i.Suffer(context.Background(), plan.Fault{Do: "pause", To: "server", For: plan.Duration(300 * time.Millisecond)})
		done <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if n := count(t, q); n != 1 || time.Since(begun) < 250*time.Millisecond {
		t.Errorf("%d messages after %v, want 1 after the pause", n, time.Since(begun))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestABackendThatIsNotThereIsAbsent(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(swiftAccount, "")
	for backend, want := range map[string]string{"redis": "redis-server is not installed", "swift": "MARCONI_BENCH_SWIFT names no account", "cassandra": "no backend is called"} {
		_, err := Start(t.Context(), plan.Target{Start: &plan.Start{Backend: backend}}, Options{Dir: t.TempDir()})
		if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), want) {
			t.Errorf("start %s: %v, want that it is absent: %s", backend, err, want)
		}
	}
	present, absent := Present()
	if len(present)+len(absent) != len(Names()) || absent["redis"] == nil {
		t.Errorf("present %v, absent %v", present, absent)
	}
}

func TestATargetThatDoesNotAnswerIsSaidSoSoon(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = Start(t.Context(), plan.Target{URL: "http://user:secret@" + address}, Options{Dir: t.TempDir()})
	if !errors.Is(err, ErrUnreachable) || time.Since(begun) > 2*readyWithin {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the password: %v", err)
	}
}

// A name and password in a URL go into every request's header, and a token into its own.
func TestCredentialsAreSent(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, r.URL.Path+" "+user+" "+password+" "+r.Header.Get("X-Auth-Token"))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	i, err := Start(t.Context(), plan.Target{URL: strings.Replace(s.URL, "//", "//me:pass%20word@", 1), Auth: plan.Auth{Token: "token"}}, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := jobs(t, i, "1.1").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/ me pass word ", "/v1.1/queues/jobs me pass word token"}; !slices.Equal(heard, want) {
		t.Errorf("the server heard %q, want %q", heard, want)
	}
}

func TestOnlyThisMachineIsLoadedUnasked(t *testing.T) {
	o := Options{Remote: []string{"queue.example.org"}}
	for url, want := range map[string]bool{
		"http://127.0.0.1:8888": true, "http://[::1]:8888": true, "http://localhost": true, "http://127.9.9.9": true,
		"http://queue.example.org": true, "http://other.example.org": false, "http://10.0.0.1:8888": false,
		"http://localhost.example.org": false, "127.0.0.1:8888": false, "": false,
	} {
		if err := o.allows(url); (err == nil) != want {
			t.Errorf("%q may be loaded: %v, want %v", url, err, want)
		}
	}
}

// What we started ends with us, even if we are killed.
func TestNothingIsLeftBehindByAKill(t *testing.T) {
	if attributes() == nil {
		t.Skip("this system does not end children with their parents")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "MARCONI_TEST_ORPHAN="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for range 500 {
		if !lives(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still there", pid)
}

// lives reports whether a process runs; one that has ended and that nobody has asked about yet doesn't.
func lives(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}
