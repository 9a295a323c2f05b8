//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	waitingFull   = 10_000 // requests, in the full form
	waitingQueues = 100
)

// waitingCount is how many requests wait at once.
func waitingCount(t testing.TB) int {
	t.Helper()
	n := short(2000, waitingFull)
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	if l.Max < uint64(n)+500 {
		skipService(t, fmt.Sprintf("a process may have %d files open here, too few for %d connections", l.Max, n))
	}
	return n
}

// waitingStores are those to wait at. In the short form it is the one alone that no disk makes slow.
func waitingStores(t testing.TB) []string {
	return short([]string{"memory://"}, []string{"memory://", "sqlite:///" + t.TempDir() + "/waiting.db"})
}

// A waitingServer is a server with its figures.
type waitingServer struct {
	*process
	ops string // the URL of the figures
}

var waitingFigures = regexp.MustCompile(`figures on +(http://[0-9.:]+)/metrics`)

func startWaiting(t testing.TB, store string) *waitingServer {
	t.Helper()
	p := start(t, "--store", store, "--ops-listen", "127.0.0.1:0")
	found := waitingFigures.FindStringSubmatch(p.said.String())
	if found == nil {
		t.Fatalf("the server says nothing of figures, but\n%s", p.said)
	}
	s := &waitingServer{p, found[1]}
	for q := range waitingQueues {
		s.call(t, http.StatusCreated, http.MethodPut, waitingQueue(q), "")
	}
	return s
}

// figures are the server's, by name, but for those with labels.
func (s *waitingServer) figures(t testing.TB) map[string]float64 {
	t.Helper()
	answer, err := http.Get(s.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	all := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

// await waits until as many requests wait as should.
func (s *waitingServer) await(t testing.TB, n int) {
	t.Helper()
	var f map[string]float64
	for range 600 {
		if f = s.figures(t); f["marconi_requests_waiting"] == float64(n) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%v requests wait and %v run, want %d to wait", f["marconi_requests_waiting"], f["marconi_requests_running"], n)
}

// collect has the server collect its garbage.
func (s *waitingServer) collect(t testing.TB) {
	t.Helper()
	answer, err := http.Get(s.ops + "/debug/pprof/heap?gc=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
}

// call makes a request and gives the answer's body.
func (s *waitingServer) call(t testing.TB, want int, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/v1.1/queues/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734d")
	r.Header.Set("X-Project-ID", "waiting")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Fatalf("%s %s: %d %s, %v; want %d", method, path, answer.StatusCode, text, err, want)
	}
	return string(text)
}

// post posts messages whose bodies are the numbers from 0.
func (s *waitingServer) post(t testing.TB, queue, n int) {
	t.Helper()
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"ttl": 300, "body": %d}`, i))
	}
	s.call(t, http.StatusCreated, http.MethodPost, waitingQueue(queue)+"/messages", `{"messages": [`+strings.Join(all, ", ")+"]}")
}

// procKiB is a figure of /proc/PID/status, in KiB.
func procKiB(t testing.TB, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s is not in\n%s", name, text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Who waits costs memory and nothing else; and of that hardly more than net/http takes for any request.
func TestWaitingCost(t *testing.T) {
	n := waitingCount(t)
	most := short(24+8.0, 24) // KiB each; few have to carry what the process needs only once, too
	for _, store := range waitingStores(t) {
		s := startWaiting(t, store)
		ours := waitingCost(t, n, s.cmd.Process.Pid, s.addr, func(n int) { s.await(t, n) })
		t.Logf("%s: each of %d requests that wait costs %.1f KiB", store[:6], n, ours)
		if ours > most {
			t.Errorf("%s: each of %d requests that wait costs %.1f KiB, want %.0f at most", store[:6], n, ours, most)
		}
		s.kill()
	}
	if waitingRaced() {
		return
	}
	bare := startWaitingChild(t, "bare")
	addr := bare.hear(t).Listen
	t.Logf("of a bare handler: %.1f KiB", waitingCost(t, n, bare.pid, addr, func(int) {}))
}

// waitingCost is how many KiB a process takes more for each of n requests that wait.
func waitingCost(t *testing.T, n, pid int, addr string, settled func(n int)) float64 {
	t.Helper()
	c := startWaitingChild(t, "clients "+addr)
	few := waitingOrder{Wait: waitingQueues, Queues: waitingQueues, Seconds: 20}
	c.order(t, few) // what the first requests need, and all others use
	settled(few.Wait)
	c.order(t, waitingOrder{})
	settled(0)
	before := procKiB(t, pid, "VmRSS")
	c.order(t, waitingOrder{Wait: n, Queues: waitingQueues, Seconds: 20})
	settled(n)
	time.Sleep(time.Second)
	settled(n)
	return float64(procKiB(t, pid, "VmRSS")-before) / float64(n)
}

// With thousands waiting, a post wakes those whom it concerns and nobody else, each message goes to one of them, and all
// others are answered when their time is over, not before.
func TestWaitingWoken(t *testing.T) {
	for _, store := range waitingStores(t) {
		t.Run(store[:6], func(t *testing.T) { testWaitingWoken(t, store) })
	}
}

func testWaitingWoken(t *testing.T, store string) {
	const queue, messages = 7, 10
	n, wait := waitingCount(t), short(5, 20)
	s := startWaiting(t, store)
	c := startWaitingChild(t, "clients "+s.addr)
	start := time.Now()
	c.order(t, waitingOrder{Wait: n, Queues: waitingQueues, Seconds: wait})
	sent := time.Now()
	s.await(t, n)
	s.post(t, queue, messages)
	posted := time.Now()
	woken := c.take(t, messages, 10*time.Second)
	wantWoken(t, woken, queue, messages, posted)
	late := c.take(t, n-messages, time.Duration(wait)*time.Second+10*time.Second)
	for _, e := range late {
		if early := start.Add(time.Duration(wait) * time.Second); e.Status != http.StatusNoContent || e.At.Before(early) {
			t.Fatalf("a request was answered %v after the first was sent: %+v", e.At.Sub(start), e)
		}
	}
	slowest := slices.MaxFunc(late, func(a, b waitingEvent) int { return a.At.Compare(b.At) }).At.Sub(sent)
	t.Logf("the last of %d answers to those whose %d s were over came %v after the last request was sent", len(late), wait, slowest)
	s.await(t, 0)
}

// wantWoken checks that each of the messages was claimed once, by who waited for that queue, and soon.
func wantWoken(t *testing.T, woken []waitingEvent, queue, messages int, posted time.Time) {
	t.Helper()
	var bodies []int
	var took []time.Duration
	for _, e := range woken {
		if e.Status != http.StatusCreated || e.Client%waitingQueues != queue {
			t.Errorf("woken was %+v, want clients of queue %d", e, queue)
		}
		bodies = append(bodies, e.Bodies...)
		took = append(took, e.At.Sub(posted))
	}
	slices.Sort(bodies)
	slices.Sort(took)
	for i := range messages {
		if len(bodies) != messages || bodies[i] != i {
			t.Fatalf("the messages claimed are %v, want each of %d once", bodies, messages)
		}
	}
	t.Logf("from the post's answer to the answers of those who waited: first %v, last %v", took[0], took[len(took)-1])
	if most := short(2*time.Second, 100*time.Millisecond); took[len(took)-1] > most {
		t.Errorf("the last of %d answers came after %v, want %v at most", messages, took[len(took)-1], most)
	}
}

// Clients that have gone away take no message, and what they cost comes back.
func TestWaitingLeft(t *testing.T) {
	n := waitingCount(t)
	s := startWaiting(t, "memory://")
	c := startWaitingChild(t, "clients "+s.addr)
	before, small := s.figures(t), procKiB(t, s.cmd.Process.Pid, "VmRSS")
	var peaks []int
	for range 3 {
		c.order(t, waitingOrder{Wait: n, Queues: waitingQueues, Seconds: 20})
		s.await(t, n)
		peaks = append(peaks, procKiB(t, s.cmd.Process.Pid, "VmRSS"))
		c.order(t, waitingOrder{})
		s.awaitGone(t, before)
	}
	t.Logf("with %d waiting for the first, second and third time the server has %v KiB", n, peaks)
	// The first time, half of the buffers is memory that nobody has written to yet: it costs nothing.
	if peaks[2] > peaks[0]*3/2 {
		t.Errorf("with %d waiting for the third time it has %d KiB, and for the first %d", n, peaks[2], peaks[0])
	}
	s.wantNothingLeft(t, n, (small+peaks[0])/2, before)
	s.wantAllFree(t)
}

// awaitGone waits until nobody is there but who was before, and has the memory collected.
func (s *waitingServer) awaitGone(t testing.TB, before map[string]float64) {
	t.Helper()
	const spare = 5 // goroutines: the runtime's, and who asks for the figures
	var now map[string]float64
	for range 600 {
		if now = s.figures(t); now["go_goroutines"] <= before["go_goroutines"]+spare && now["marconi_connections"] <= before["marconi_connections"] {
			s.collect(t)
			s.collect(t) // what is in pools lives until the second one
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%v goroutines and %v connections are left, want %v and %v", now["go_goroutines"], now["marconi_connections"],
		before["go_goroutines"], before["marconi_connections"])
}

// wantNothingLeft checks that the memory has come back, and goes back to the system until there are so many KiB.
func (s *waitingServer) wantNothingLeft(t testing.TB, n, most int, before map[string]float64) {
	t.Helper()
	const kept = 1500 // bytes: the runtime keeps what describes a goroutine, of which each had two, for the next one
	after := s.figures(t)
	for _, name := range []string{"go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes"} {
		t.Logf("%s was %.0f KiB and is %.0f", name, before[name]/1024, after[name]/1024)
		if grown := after[name] - before[name]; grown > float64(4<<20+n*kept) {
			t.Errorf("%s has grown by %.0f KiB", name, grown/1024)
		}
	}
	start, now := time.Now(), 0
	for now = procKiB(t, s.cmd.Process.Pid, "VmRSS"); now > most; now = procKiB(t, s.cmd.Process.Pid, "VmRSS") {
		if time.Since(start) > time.Minute {
			t.Fatalf("a minute after all have left the server still has %d KiB, want %d", now, most)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%d KiB %v after the collection", now, time.Since(start).Round(time.Millisecond))
}

// wantAllFree posts to all queues and checks that nobody takes anything.
func (s *waitingServer) wantAllFree(t testing.TB) {
	t.Helper()
	const each = 5
	for q := range waitingQueues {
		s.post(t, q, each)
	}
	time.Sleep(200 * time.Millisecond) // for whoever would take them
	for q := range waitingQueues {
		stats := s.call(t, http.StatusOK, http.MethodGet, waitingQueue(q)+"/stats", "")
		if want := fmt.Sprintf(`"free":%d,`, each); !strings.Contains(strings.ReplaceAll(stats, " ", ""), want) {
			t.Fatalf("somebody who has left took messages: %s", stats)
		}
	}
}

// A server that is told to stop answers all who wait as if nothing had come, at once, and ends well.
func TestWaitingStopped(t *testing.T) {
	for _, store := range waitingStores(t) {
		t.Run(store[:6], func(t *testing.T) { testWaitingStopped(t, store) })
	}
}

func testWaitingStopped(t *testing.T, store string) {
	n := waitingCount(t)
	s := startWaiting(t, store)
	c := startWaitingChild(t, "clients "+s.addr)
	c.order(t, waitingOrder{Wait: n, Queues: waitingQueues, Seconds: 20})
	s.await(t, n)
	told := time.Now()
	s.stop(t)
	ended := time.Since(told)
	answers := c.take(t, n, 10*time.Second)
	var last time.Duration
	for _, e := range answers {
		if e.Status != http.StatusNoContent {
			t.Fatalf("a request that waited was answered with %+v, want 204", e)
		}
		last = max(last, e.At.Sub(told))
	}
	t.Logf("the last of %d was answered %v after SIGTERM, and the server ended after %v", n, last, ended)
	if most := short(4*time.Second, time.Second); last > most {
		t.Errorf("the last of %d was answered %v after SIGTERM, want %v at most", n, last, most)
	}
}
