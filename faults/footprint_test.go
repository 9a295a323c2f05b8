//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	footprintMiB    = 20 // resident, of a server at rest
	footprintBinary = 30 // MiB, stripped
)

// A server at rest is small.
func TestFootprint(t *testing.T) {
	file := "sqlite:///" + filepath.Join(t.TempDir(), "messages.db")
	first := start(t, "--store", file) // makes the file
	footprintCall(t, first.url)
	first.stop(t)
	for _, store := range []string{file, "memory://"} {
		t.Run(store[:6], func(t *testing.T) {
			s := start(t, "--store", store)
			footprintCall(t, s.url)
			time.Sleep(short(time.Second, 5*time.Second)) // for what begins a little later
			pid := s.cmd.Process.Pid
			all := procKiB(t, pid, "VmRSS")
			t.Logf("resident are %d KiB: %d of its own, %d of its program's file", all, procKiB(t, pid, "RssAnon"), procKiB(t, pid, "RssFile"))
			if all > footprintMiB<<10 {
				t.Errorf("resident are %d KiB, want %d MiB at most", all, footprintMiB)
			}
			s.stop(t)
		})
	}
}

// footprintCall posts a message and lists it.
func footprintCall(t testing.TB, url string) {
	t.Helper()
	footprintPost(t, url, 1)
	answer := footprintDo(t, http.MethodGet, url+"/v1.1/queues/demo/messages?echo=true", "")
	if !strings.Contains(answer, `"body":`) {
		t.Fatalf("the list is %s", answer)
	}
}

func footprintPost(t testing.TB, url string, n int) {
	t.Helper()
	one := `{"ttl": 86400, "body": {"event": "` + strings.Repeat("x", 200) + `"}}`
	footprintDo(t, http.MethodPost, url+"/v1.1/queues/demo/messages", `{"messages": [`+strings.Repeat(one+",", n-1)+one+"]}")
}

func footprintDo(t testing.TB, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
	r.Header.Set("X-Project-ID", "footprint")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s, %v", method, url, answer.StatusCode, text, err)
	}
	return string(text)
}

// The program is one file of a size that is quickly copied.
func TestFootprintBinary(t *testing.T) {
	info, err := os.Stat(serverBinary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the stripped program has %.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() > footprintBinary<<20 {
		t.Errorf("the stripped program has %d bytes, want %d MiB at most", info.Size(), footprintBinary)
	}
}

// A server that is started on a file with messages in it answers at once.
func TestFootprintStart(t *testing.T) {
	const messages, batch = 10_000, 500
	store := "sqlite:///" + filepath.Join(t.TempDir(), "messages.db")
	filling := start(t, "--store", store)
	for range messages / batch {
		footprintPost(t, filling.url, batch)
	}
	filling.stop(t)
	var all []time.Duration
	for range 11 {
		all = append(all, footprintStart(t, store))
	}
	slices.Sort(all)
	t.Logf("from the start to the first answer over %d messages: median %v, of %v", messages, all[len(all)/2], all)
	if most := short(500*time.Millisecond, 50*time.Millisecond); all[len(all)/2] > most {
		t.Errorf("from the start to the first answer it took %v, want %v at most", all[len(all)/2], most)
	}
}

// footprintStart is how long it takes from the making of the process to its first answer.
func footprintStart(t testing.TB, store string) time.Duration {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil { // the server may have the port: nobody was connected to it
		t.Fatal(err)
	}
	said := &transcript{}
	cmd := exec.Command(serverBinary(t), "--listen", addr, "--store", store)
	cmd.Stdout, cmd.Stderr = said, said
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = footprintAnswer(addr, begin)
	took := time.Since(begin)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if ended := cmd.Wait(); err != nil || ended != nil {
		t.Fatalf("%v, %v; the server says\n%s", err, ended, said)
	}
	return took
}

// footprintAnswer asks again and again, until somebody answers with a list.
func footprintAnswer(addr string, begin time.Time) error {
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			defer func() { _ = conn.Close() }()
			return footprintList(conn)
		}
		if time.Since(begin) > 30*time.Second {
			return err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func footprintList(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET /v1.1/queues/demo/messages?echo=true HTTP/1.1\r\nHost: x\r\n"+
		"Client-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: footprint\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the first answer has the status %d", answer.StatusCode)
	}
	return nil
}
