//go:build linux

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diskMount is a file system of its own of so many bytes, in memory, gone at the test's end.
func diskMount(t *testing.T, bytes int) (folder string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("no mount(2): only root may mount a tmpfs to be filled")
	}
	folder = filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprint("size=", bytes)); err != nil {
		skipService(t, "no mount(2): a tmpfs can't be mounted here: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", folder, err)
		}
	})
	return folder
}

func diskRemount(t *testing.T, folder string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
		t.Fatalf("remount %s: %v", folder, err)
	}
}

// A diskServer is a server over one file, and the account of what it has confirmed.
type diskServer struct {
	*process
	t    *testing.T
	file string
	// kept are the bodies of messages that are there for sure: their post was confirmed, and they were not taken out.
	kept map[string]bool
	next int
}

func diskStart(t *testing.T, file, options string) *diskServer {
	t.Helper()
	return &diskServer{process: start(t, "--store", "sqlite:///"+file+options), t: t, file: file, kept: map[string]bool{}}
}

// restart starts another server over the same file, with the same account.
func (s *diskServer) restart() { s.process = start(s.t, "--store", "sqlite:///"+s.file) }

const diskMessages = "/v1.1/queues/jobs/messages"

// A diskAnswer is what came of a request.
type diskAnswer struct {
	status int
	header http.Header
	body   []byte
}

func (s *diskServer) do(method, path, body string) diskAnswer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
	r.Header.Set("X-Project-ID", "disk")
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.said)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.StatusCode == http.StatusInternalServerError {
		s.t.Errorf("%s %s: status 500: %s\n%s", method, path, text, s.said)
	}
	if a.StatusCode == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		s.t.Errorf("%s %s: status 503 without Retry-After", method, path)
	}
	return diskAnswer{a.StatusCode, a.Header, text}
}

// post posts one message of about so many bytes. A refusal says that it was not taken, which the account then checks.
func (s *diskServer) post(size int) diskAnswer {
	s.t.Helper()
	body := fmt.Sprintf("%d:%s", s.next, strings.Repeat("x", size))
	s.next++
	a := s.do("POST", diskMessages, fmt.Sprintf(`{"messages": [{"ttl": 3600, "body": %q}]}`, body))
	switch a.status {
	case http.StatusCreated:
		s.kept[body] = true
	case http.StatusServiceUnavailable:
	default:
		s.t.Fatalf("post: status %d: %s", a.status, a.body)
	}
	return a
}

// fill posts until that is refused, and gives the refusal.
func (s *diskServer) fill(size, most int) diskAnswer {
	s.t.Helper()
	for range most {
		if a := s.post(size); a.status != http.StatusCreated {
			return a
		}
	}
	s.t.Fatalf("%d messages of %d bytes found room", most, size)
	return diskAnswer{}
}

// diskMessage is as much of a message as is asked for here.
type diskMessage struct {
	Body string `json:"body"`
	Href string `json:"href"`
}

func (s *diskServer) messages(text []byte) []diskMessage {
	s.t.Helper()
	var some struct {
		Messages []diskMessage `json:"messages"`
	}
	if err := json.Unmarshal(text, &some); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
	return some.Messages
}

// take takes messages out, as far as that is possible: both ways in turn, until there are none or so many tries are over. It
// gives how many it took.
func (s *diskServer) take(tries int) (n int) {
	s.t.Helper()
	before := len(s.kept)
	for i := range tries {
		if i%2 == 0 {
			if a := s.do("DELETE", diskMessages+"?pop=5", ""); a.status == http.StatusOK {
				for _, m := range s.messages(a.body) {
					s.taken(m)
				}
			}
			continue
		}
		a := s.do("POST", "/v1.1/queues/jobs/claims?limit=5", `{"ttl": 60, "grace": 60}`)
		if a.status != http.StatusCreated {
			continue
		}
		for _, m := range s.messages(a.body) {
			if s.do("DELETE", m.Href, "").status == http.StatusNoContent {
				s.taken(m)
			}
		}
	}
	return before - len(s.kept)
}

func (s *diskServer) taken(m diskMessage) {
	s.t.Helper()
	if !s.kept[m.Body] {
		s.t.Errorf("a message was handed out that was not to be there: %.40s", m.Body)
	}
	delete(s.kept, m.Body)
}

// wantReads looks at what has to work whatever the disk does.
func (s *diskServer) wantReads() {
	s.t.Helper()
	for _, path := range []string{diskMessages + "?echo=true", "/v1.1/queues/jobs/stats", "/v1.1/queues", "/v1.1/ping"} {
		if a := s.do("GET", path, ""); a.status/100 != 2 {
			s.t.Errorf("GET %s: status %d: %s", path, a.status, a.body)
		}
	}
}

// wantAccount compares all that is there with the account.
func (s *diskServer) wantAccount(when string) {
	s.t.Helper()
	there := map[string]bool{}
	for path := diskMessages + "?echo=true&include_claimed=true&limit=20"; path != ""; {
		var page []diskMessage
		page, path = s.list(when, path)
		for _, m := range page {
			if there[m.Body] {
				s.t.Errorf("%s: a message is there twice: %.40s", when, m.Body)
			}
			there[m.Body] = true
		}
	}
	lost, extra := 0, 0
	for body := range s.kept {
		if !there[body] {
			lost++
		}
	}
	for body := range there {
		if !s.kept[body] {
			extra++
		}
	}
	if lost+extra > 0 {
		s.t.Errorf("%s: of %d confirmed messages %d are lost, and %d are there that were refused or taken out", when, len(s.kept), lost, extra)
	}
}

// list gives a page of messages, and where the next one is; after the last, "".
func (s *diskServer) list(when, path string) (page []diskMessage, next string) {
	s.t.Helper()
	a := s.do("GET", path, "")
	if a.status != http.StatusOK {
		s.t.Fatalf("%s: list: status %d: %s\n%s", when, a.status, a.body, s.said)
	}
	var links struct {
		Links []struct {
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(a.body, &links); err != nil {
		s.t.Fatalf("%s: list: %v: %s", when, err, a.body)
	}
	if page = s.messages(a.body); len(page) == 0 || len(links.Links) == 0 {
		return nil, ""
	}
	return page, links.Links[0].Href
}

// wantPosts waits until posts are taken again.
func (s *diskServer) wantPosts(size int, within time.Duration) {
	s.t.Helper()
	start := time.Now()
	for s.post(size).status != http.StatusCreated {
		if time.Since(start) > within {
			s.t.Fatalf("after %v, posts are still refused:\n%s", within, s.said)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// wantSaid waits for a line of the log with all of these in it.
func (s *diskServer) wantSaid(words ...string) {
	s.t.Helper()
	var lines []string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		lines = strings.Split(s.said.String(), "\n")
		if slices.ContainsFunc(lines, func(line string) bool {
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
		}) {
			return
		}
	}
	s.t.Errorf("no line of the log has %q:\n%s", words, strings.Join(lines, "\n"))
}

// diskEat fills the disk to its last byte, as another program does, with a file that it gives the name of.
func diskEat(t *testing.T, disk string) (name string) {
	t.Helper()
	f, err := os.CreateTemp(disk, "eaten-*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return f.Name()
}

// TestDiskFull fills a disk with posts, which leave consumers room to work; then something else takes that as well, and gives it back.
// Nothing that was confirmed is lost, nothing that was refused is there, and nobody has to restart the server.
func TestDiskFull(t *testing.T) {
	for name, c := range map[string]struct {
		size int // of a body
		room func(t *testing.T, disk, eaten string)
	}{
		"a larger disk, large messages": {200_000, func(t *testing.T, disk, _ string) {
			diskRemount(t, disk, 0, "size=96m")
		}},
		"a file less, small messages": {2000, func(t *testing.T, _, eaten string) {
			if err := os.Remove(eaten); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			disk := diskMount(t, short(24<<20, 64<<20))
			s := diskStart(t, filepath.Join(disk, "marconi.db"), "")
			for range short(1, 5) {
				if full := s.fill(c.size, 100_000); !strings.Contains(string(full.body), "The store is full.") {
					t.Errorf("a post to a full disk: %s", full.body)
				}
				s.wantReads()
				t.Logf("full with %d messages", len(s.kept))
				if n := s.take(6); n != 30 {
					t.Errorf("on a disk full of messages, %d could be taken out, want 30", n)
				}
				s.wantPosts(c.size, 10*time.Second)
			}
			s.wantSaid("the disk is full", s.file)
			s.wantSaid("refused for want of room", "store_full")

			eaten := diskEat(t, disk)
			s.fill(c.size, 100)
			t.Logf("on a disk without a free byte, %d of 30 could be taken out", s.take(6))
			s.wantReads()
			s.wantAccount("on a disk without a free byte")

			c.room(t, disk, eaten)
			s.take(6)
			s.wantPosts(c.size, 10*time.Second)
			s.wantAccount("with room again")
			s.stop(t)
			s.restart()
			s.wantAccount("after a restart")
		})
	}
}

// TestDiskFullAtTheStart kills the server, and fills its disk to the last byte. It may start there or not, but says why not; and
// with room, all is there.
func TestDiskFullAtTheStart(t *testing.T) {
	disk := diskMount(t, 24<<20)
	s := diskStart(t, filepath.Join(disk, "marconi.db"), "")
	s.fill(5000, 10_000)
	s.kill()
	if err := os.Remove(s.file + "-shm"); err != nil { // as it is after a restart of the machine
		t.Fatal(err)
	}
	eaten := diskEat(t, disk)
	if status, said := diskRefusal(t, s.file); status != 2 || !strings.Contains(said, s.file) || !strings.Contains(said, "full") {
		t.Errorf("start on a full disk: exit status %d:\n%s", status, said)
	}
	if err := os.Remove(eaten); err != nil {
		t.Fatal(err)
	}
	s.restart()
	s.wantAccount("after a kill on a full disk")
	if n := s.take(2); n != 10 {
		t.Errorf("%d messages could be taken out, want 10", n)
	}
}

// TestDiskBound fills a store with max_bytes over HTTP: the file keeps to it, consumers go on, and posts do as soon as there is room.
func TestDiskBound(t *testing.T) {
	const most = 4 << 20
	s := diskStart(t, filepath.Join(t.TempDir(), "marconi.db"), fmt.Sprint("?max_bytes=", most))
	for _, size := range []int{100_000, 5000} {
		full := s.fill(size, 10_000)
		if !strings.Contains(string(full.body), "The store is full.") || full.header.Get("Retry-After") != "30" {
			t.Errorf("a post to a full store: %v %s", full.header, full.body)
		}
		s.wantReads()
		if n := s.take(4); n != 20 {
			t.Errorf("of a full store %d messages could be taken out, want 20", n)
		}
		s.wantPosts(size, 0)
	}
	s.fill(5000, 10_000)
	s.wantAccount("full")
	s.wantSaid("refused for want of room", "store_full")
	if a := s.do("DELETE", "/v1.1/queues/jobs", ""); a.status != http.StatusNoContent {
		t.Errorf("delete a queue of a full store: status %d", a.status)
	}
	clear(s.kept)
	s.wantPosts(100_000, 20*time.Second)
	s.stop(t)
	if info, err := os.Stat(s.file); err != nil || info.Size() > most+64<<10 {
		t.Errorf("the file has %d bytes, %v; want %d at most", info.Size(), err, most)
	}
}

func (s *diskServer) pid() string { return fmt.Sprint(s.cmd.Process.Pid) }
