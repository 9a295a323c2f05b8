package benchtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/marconi-mq/marconi/bench/cores"
)

// canned is the argument by which a test's program is a canned target.
const canned = "canned"

// Canned begins a target in a process of its own that does next to nothing, for those who measure what asking costs. It answers
// every request as a server of API v1.1 would that keeps nothing, and stops at the end of the test. If there are two cores or
// more it has the first for itself, and this process the last, so that what this one uses is used by one core.
//
// The package needs [Main].
func Canned(t testing.TB) (url string) {
	t.Helper()
	others := ""
	if usable := cores.Usable(); len(usable) > 1 {
		release, err := usable[len(usable)-1:].Hold()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(release)
		others = usable[:1].String()
	}
	c := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], canned, others) // it ends by the end of its input, when the test has
	c.Stderr = os.Stderr
	life, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		life.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("the canned target: %v", err)
		}
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// serveCanned says where it listens, and answers until its standard input ends.
func serveCanned(core string) error {
	if n, err := strconv.Atoi(core); err == nil {
		_, _ = cores.Set{n}.Hold() // where it can't be, it shares
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		var posts atomic.Int64
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReaderSize(c, 16<<10); ; {
					post, err := skipRequest(r)
					if err != nil {
						return
					}
					if _, err := c.Write(cannedAnswer(post, &posts)); err != nil {
						return
					}
				}
			}()
		}
	}()
	fmt.Println("http://" + l.Addr().String())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// skipRequest reads no more of a request than it needs to know where it ends.
func skipRequest(r *bufio.Reader) (post bool, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if first {
			post = bytes.HasPrefix(line, []byte("POST "))
		}
		if text, is := bytes.CutPrefix(line, []byte("Content-Length: ")); is {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(text)))
		}
		if len(line) == len("\r\n") {
			_, err := r.Discard(length)
			return post, err
		}
	}
}

// cannedAnswer confirms a post of one message; to all else it says that there is nothing.
func cannedAnswer(post bool, posts *atomic.Int64) []byte {
	if !post {
		return []byte("HTTP/1.1 204 No Content\r\n\r\n")
	}
	body := fmt.Sprintf(`{"resources": ["/v1.1/queues/q/messages/%024x"]}`, posts.Add(1))
	return fmt.Appendf(nil, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"+
		"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nLocation: /v1.1/queues/q/messages\r\n\r\n%s", len(body), body)
}
