package logstore

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/server/command"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/drivers"
	"github.com/marconi-mq/marconi/storage/storagetest"
)

func TestData(t *testing.T)    { storagetest.Data(t, harness()) }
func TestControl(t *testing.T) { storagetest.Control(t, harness()) }

// harness opens logs in folders of their own, and finds the one of a store again when it is restarted.
func harness() storagetest.Harness {
	var mu sync.Mutex // guards uris
	uris := map[marconi.DataStore]string{}
	open := func(t testing.TB, uri string, o storage.Options) storage.Opened {
		s, err := Open(context.Background(), uri, o)
		if err != nil {
			t.Fatalf("open %s: %v", uri, err)
		}
		mu.Lock()
		defer mu.Unlock()
		uris[s.Data] = uri
		return s
	}
	return storagetest.Harness{
		Open: func(t testing.TB, o storage.Options) storage.Opened {
			return open(t, "log://"+filepath.Join(t.TempDir(), "queues.log"), o)
		},
		Restart: func(t testing.TB, s storage.Opened, o storage.Options) storage.Opened {
			if err := s.Data.Close(); err != nil {
				t.Fatalf("close the data: %v", err)
			}
			if err := s.Control.Close(); err != nil {
				t.Fatalf("close the queues: %v", err)
			}
			mu.Lock()
			uri := uris[s.Data]
			mu.Unlock()
			return open(t, uri, o)
		},
	}
}

func TestURI(t *testing.T) {
	for uri, want := range map[string]string{
		"log:///var/lib/q.log": "/var/lib/q.log",
		"log://host/q.log":     "",
		"log:///q.log?sync=no": "",
		"log://":               "",
		"log:///%zz":           "",
	} {
		if path, err := parse(uri); path != want || (err != nil) != (want == "") {
			t.Errorf("parse(%q) = %q, %v, want %q", uri, path, err, want)
		}
	}
}

// A line that was being written when the machine stopped was confirmed to nobody.
func TestTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queues.log")
	q := marconi.QueueRef{QueueKey: marconi.QueueKey{Project: "p", Name: "q"}, Incarnation: 7}
	post := marconi.Post{Messages: []marconi.NewMessage{{TTL: 3600, Body: []byte("1")}}}
	for round := range 3 {
		s, err := Open(t.Context(), "log://"+path, storage.Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		stats, err := s.Data.Stats(t.Context(), q)
		if err != nil || stats.Total != int64(round) {
			t.Errorf("round %d begins with %d messages, %v", round, stats.Total, err)
		}
		if _, err := s.Data.Post(t.Context(), q, post); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Data.Close(), s.Control.Close()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.WriteString(`{"op":"post","at":17`)
		_ = f.Close()
	}
}

func TestLogOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queues.log")
	text := "not a log\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "log://"+path, storage.Options{}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("open a text file: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != text {
		t.Errorf("the file is now %q, %v", after, err)
	}
}

// A server with this driver in it starts, takes a message, and has it after a restart.
func TestServer(t *testing.T) {
	uri := "log://" + filepath.Join(t.TempDir(), "queues.log")
	const messages = "/v1.1/queues/jobs/messages"
	base, stop := start(t, uri)
	status, _ := call(t, http.MethodPost, base+messages, `{"messages": [{"ttl": 300, "body": "kept"}]}`)
	if status != http.StatusCreated {
		t.Errorf("post: %d", status)
	}
	stop()
	base, stop = start(t, uri)
	defer stop()
	status, body := call(t, http.MethodGet, base+messages+"?echo=true", "")
	var page struct{ Messages []struct{ Body string } }
	if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(page.Messages) != 1 || page.Messages[0].Body != "kept" {
		t.Errorf("after a restart: %d %s, %v", status, body, err)
	}
}

var address = regexp.MustCompile(`API on +(http://[0-9.:]+)/`)

func start(t *testing.T, uri string) (base string, stop func()) {
	t.Helper()
	all := drivers.All()
	all["log"] = Open
	ctx, cancel := context.WithCancel(context.Background())
	said, done := &safeBuffer{}, make(chan int, 1)
	go func() {
		done <- command.Run(ctx, all, command.Process{Args: []string{"--listen", "127.0.0.1:0", "--store", uri}, Stdout: said, Stderr: said})
	}()
	for range 500 {
		if m := address.FindStringSubmatch(said.String()); m != nil {
			return m[1], func() {
				cancel()
				if status := <-done; status != 0 {
					t.Errorf("the server ends with status %d and says %s", status, said)
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	t.Fatalf("the server does not start: %s", said)
	return "", nil
}

func call(t *testing.T, method, url, body string) (status int, answer []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
	r.Header.Set("X-Project-ID", "p")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

type safeBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
