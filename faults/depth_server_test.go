//go:build unix

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/seqid"
	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/drivers"
)

const (
	depthProject = "p"
	depthClient  = marconi.ClientID("9d6a2c2e-0c55-4b7e-8d3b-1f5a7c0e4b11")
)

// A depthFill is what a queue holds: claimed messages, and behind them free ones.
type depthFill struct {
	Claimed, Free int
}

func (f depthFill) String() string {
	if f.Claimed == 0 {
		return fmt.Sprintf("%d", f.Free)
	}
	return fmt.Sprintf("%d behind %d claimed", f.Free, f.Claimed)
}

// A depthJob is what the process is told that serves a filled queue.
type depthJob struct {
	URI  string // SQLite's may name options of its own
	Fill depthFill
}

// A depthServer is a process that serves a filled queue.
type depthServer struct {
	addr        string
	first, last int64 // positions of its free messages

	in    io.Writer
	lines *bufio.Scanner
}

// used asks the process for how long it has had a processor.
func (s *depthServer) used(t testing.TB) time.Duration {
	t.Helper()
	if _, err := io.WriteString(s.in, "used?\n"); err != nil {
		t.Fatal(err)
	}
	var used time.Duration
	for s.lines.Scan() {
		if _, err := fmt.Sscanf(s.lines.Text(), "used %d", &used); err == nil {
			return used
		}
	}
	t.Fatal("the server has ended")
	return 0
}

const depthEnv = "MARCONI_TEST_DEPTH"

// TestDepthServer is what the tests of depth start in a process of its own, so that the heap behind one queue costs no
// other. Anybody else finds that it has nothing to do.
func TestDepthServer(t *testing.T) {
	text := os.Getenv(depthEnv)
	if text == "" {
		return
	}
	var job depthJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		t.Fatal(err)
	}
	opened, err := storage.NewRegistry(drivers.All()).Open(t.Context(), job.URI, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref := depthQueue(t, opened, "q")
	fillClaims(t, opened.Data, ref, fillMessages(t, opened.Data, ref, job.Fill.Claimed, 3600))
	ids := fillMessages(t, opened.Data, ref, job.Fill.Free, 3600)
	addr := serveOpened(t, opened, job.URI)
	fmt.Println("serves", addr, depthPosition(t, ref, ids[0]), depthPosition(t, ref, ids[len(ids)-1]))
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); { // until whoever started it has gone
		fmt.Println("used", depthUsed(t).Nanoseconds())
	}
}

// depthUsed is the time for which this process has had a processor.
func depthUsed(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startDepth starts that process. It ends with the test.
func startDepth(t testing.TB, job depthJob) *depthServer {
	t.Helper()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDepthServer$")
	cmd.Env = append(os.Environ(), depthEnv+"="+string(text))
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("the server of %v: %v", job, err)
		}
	})
	s := &depthServer{in: in, lines: bufio.NewScanner(out)}
	for s.lines.Scan() {
		if _, err := fmt.Sscanf(s.lines.Text(), "serves %s %d %d", &s.addr, &s.first, &s.last); err == nil {
			return s
		}
	}
	t.Fatalf("the server of %v does not begin", job)
	return nil
}

func depthQueue(t testing.TB, opened storage.Opened, name string) marconi.QueueRef {
	t.Helper()
	key := marconi.QueueKey{Project: depthProject, Name: marconi.QueueName(name)}
	q, _, err := opened.Control.CreateQueue(t.Context(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q.QueueRef
}

// fillMessages posts n messages of 100 bytes straight to the store.
func fillMessages(t testing.TB, data marconi.DataStore, ref marconi.QueueRef, n int, ttl marconi.Seconds) (ids []marconi.MessageID) {
	t.Helper()
	ids = make([]marconi.MessageID, 0, n)
	for len(ids) < n {
		p := marconi.Post{Client: depthClient}
		for range min(n-len(ids), 1000) {
			p.Messages = append(p.Messages, marconi.NewMessage{TTL: ttl, Body: []byte(`"` + strings.Repeat("x", 98) + `"`)})
		}
		more, err := data.Post(t.Context(), ref, p)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, more...)
	}
	return ids
}

// fillClaims claims all that is free, ids in number, 20 at a time.
func fillClaims(t testing.TB, data marconi.DataStore, ref marconi.QueueRef, ids []marconi.MessageID) {
	t.Helper()
	for n := 0; n < len(ids); n += 20 {
		r := marconi.ClaimRequest{ID: marconi.ClaimID(fmt.Sprintf("fill-%d", n)), TTL: 3600, Grace: 60, Limit: 20}
		if _, err := data.Claim(t.Context(), ref, r); err != nil {
			t.Fatal(err)
		}
	}
}

// depthPosition is the marker behind a message.
func depthPosition(t testing.TB, ref marconi.QueueRef, id marconi.MessageID) int64 {
	t.Helper()
	seq, ok := seqid.Parse(int64(ref.Incarnation), string(id))
	if !ok {
		t.Fatalf("the ID %s is none of the queue's", id)
	}
	return seq
}

// serveOpened serves stores that are open already, on a port of the loopback, until the test ends; then it closes them.
func serveOpened(t testing.TB, opened storage.Opened, uri string) (addr string) {
	t.Helper()
	scheme, _, _ := strings.Cut(uri, ":")
	there := storage.Drivers{scheme: func(context.Context, string, storage.Options) (storage.Opened, error) { return opened, nil }}
	return testserver.Serve(t, server.Options{Drivers: there, DataURI: uri})
}
