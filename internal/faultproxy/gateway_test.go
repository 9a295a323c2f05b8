package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A far is a server that counts what arrives, behind a gateway.
type far struct {
	*Gateway
	t       *testing.T
	arrived atomic.Int64
	client  *http.Client
}

func newFar(t *testing.T) *far {
	f := &far{t: t, client: &http.Client{Transport: &http.Transport{}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.arrived.Add(1)
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Path", r.URL.EscapedPath()+"?"+r.URL.RawQuery)
		w.Header().Set("X-Host", r.Host)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	f.Gateway = StartGateway(t, strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(f.client.CloseIdleConnections)
	return f
}

// put sends a request, and gives the status, or 0, and the answer's body.
func (f *far) put(within time.Duration) (status int, text string, header http.Header) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+f.Addr()+"/a%2Fb/c?d=e", strings.NewReader("body"))
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return 0, "", nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Error(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func TestGatewayPassesOn(t *testing.T) {
	f := newFar(t)
	status, text, header := f.put(time.Minute)
	if status != http.StatusCreated || text != "body" {
		t.Errorf("the answer is %d %q", status, text)
	}
	if path, host := header.Get("X-Path"), header.Get("X-Host"); path != "/a%2Fb/c?d=e" || host != f.Addr() {
		t.Errorf("what arrived asks for %s of %s", path, host)
	}
}

func TestGatewayTroubles(t *testing.T) {
	const wait = 100 * time.Millisecond
	louder := func(r *http.Response) error {
		text, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(bytes.ToUpper(text)))
		return err
	}
	for name, c := range map[string]struct {
		trouble Trouble
		status  int // 0: no answer
		text    string
		arrived int64
	}{
		"none":     {Trouble{}, 201, "body", 1},
		"late":     {Trouble{Delay: time.Millisecond}, 201, "body", 1},
		"too late": {Trouble{Delay: time.Minute}, 0, "", 0},
		"lost":     {Trouble{Lost: true}, 0, "", 0},
		"refused":  {Trouble{Refuse: 503}, 503, "", 0},
		"mute":     {Trouble{Mute: true}, 0, "", 1},
		"cut":      {Trouble{Cut: true}, 0, "", 1},
		"another":  {Trouble{Answer: 202}, 202, "", 1},
		"changed":  {Trouble{Change: louder}, 201, "BODY", 1},
		"broken":   {Trouble{Change: func(*http.Response) error { return errors.New("no") }}, 0, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFar(t)
			f.Plan(func(r *http.Request) Trouble {
				if r.Method != http.MethodPut {
					t.Errorf("the plan is asked of %s", r.Method)
				}
				return c.trouble
			})
			patience := wait
			if c.status != 0 || c.trouble.Cut {
				patience = time.Minute
			}
			if status, text, _ := f.put(patience); status != c.status || text != c.text {
				t.Errorf("the answer is %d %q, want %d %q", status, text, c.status, c.text)
			}
			if n := f.arrived.Load(); n != c.arrived {
				t.Errorf("%d requests arrived, want %d", n, c.arrived)
			}
			f.Plan(nil)
			if status, _, _ := f.put(time.Minute); status != http.StatusCreated {
				t.Errorf("afterwards the answer is %d", status)
			}
		})
	}
}

// What is lost is one answer, of a request that was carried out; what is asked for otherwise goes well.
func TestGatewayLosesAReply(t *testing.T) {
	f := newFar(t)
	struck := f.LoseReply(1)
	for i, want := range []int{http.StatusCreated, 0, http.StatusCreated} {
		if status, _, _ := f.put(time.Minute); status != want {
			t.Errorf("answer %d is %d, want %d", i, status, want)
		}
	}
	if n := f.arrived.Load(); !struck() || n != 3 {
		t.Errorf("struck %v, %d requests arrived, want 3", struck(), n)
	}
	if f.LoseReply(0)() {
		t.Error("struck before anything was asked for")
	}
	if status, _, _ := f.put(time.Minute); status != http.StatusCreated {
		t.Errorf("after the loss was called off, the answer is %d", status)
	}
}

// A gateway that is broken ends what is under way, and lets nothing through.
func TestGatewayBreaks(t *testing.T) {
	f := newFar(t)
	arrived, ended := make(chan struct{}), make(chan int)
	f.Plan(func(*http.Request) Trouble {
		close(arrived)
		return Trouble{Lost: true}
	})
	go func() {
		status, _, _ := f.put(time.Minute)
		ended <- status
	}()
	<-arrived
	f.Break()
	if status := <-ended; status != 0 {
		t.Errorf("what was under way is answered with %d", status)
	}
	if status, _, _ := f.put(time.Minute); status != 0 {
		t.Errorf("a broken gateway answers with %d", status)
	}
	f.Mend()
	if status, _, _ := f.put(time.Minute); status != http.StatusCreated {
		t.Errorf("a mended one answers with %d", status)
	}
	if n := f.arrived.Load(); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

// Without its server, a gateway hangs up.
func TestGatewayWithoutServer(t *testing.T) {
	f := newFar(t)
	f.target = "127.0.0.1:1"
	if status, _, _ := f.put(time.Minute); status != 0 {
		t.Errorf("the answer is %d", status)
	}
}
