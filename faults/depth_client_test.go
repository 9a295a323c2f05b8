//go:build unix

package faults

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

const depthHeaders = "Host: x\r\nClient-ID: 3381af92-2b9e-11e3-b191-71861300734c\r\nX-Project-ID: " + depthProject + "\r\n"

// depthRequest is a request as it goes over the line.
func depthRequest(method, path, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, path, depthHeaders, len(body), body)
}

// A depthConn is one client's connection. It costs a fraction of net/http's client, which would hide what the server costs.
type depthConn struct {
	conn net.Conn
	in   *bufio.Reader

	// Of the last answer.
	status   int
	location string
	body     []byte
}

func dialDepth(t testing.TB, addr string) *depthConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &depthConn{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// do sends a request and reads the answer, which is to have that status. It gives how long both took.
func (c *depthConn) do(want int, request []byte) (time.Duration, error) {
	start := time.Now()
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	if err := c.read(); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if c.status != want {
		return 0, fmt.Errorf("%q was answered with %d %s, want %d", request, c.status, c.body, want)
	}
	return took, nil
}

func (c *depthConn) read() error {
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return fmt.Errorf("status line %q: %w", line, err)
	}
	c.status, _ = strconv.Atoi(string(line[9:12]))
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if v, found := bytes.CutPrefix(line, []byte("location: ")); found {
			c.location = string(bytes.TrimSpace(v))
		}
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.in, c.body)
	return err
}

// between is the part of the last answer that stands between two texts, or "".
func (c *depthConn) between(before, after string) string {
	_, rest, found := bytes.Cut(c.body, []byte(before))
	if !found {
		return ""
	}
	part, _, _ := bytes.Cut(rest, []byte(after))
	return string(part)
}

// messages is how many messages the last answer shows.
func (c *depthConn) messages() int { return bytes.Count(c.body, []byte(`"age":`)) }

const depthPost = `{"messages": [{"ttl": 3600, "body": "` +
	"a hundred bytes with the quotes round it: it is what a small job says of itself, its kind, its key. " + `"}]}`

// postOne posts a message and gives its href.
func (c *depthConn) postOne(queue string) (href string, took time.Duration, err error) {
	took, err = c.do(http.StatusCreated, depthRequest(http.MethodPost, queue+"/messages", depthPost))
	return c.between(`"resources":["`, `"`), took, err
}

// claimTen claims ten messages, which must be there, and gives the claim's href.
func (c *depthConn) claimTen(queue string) (href string, took time.Duration, err error) {
	took, err = c.do(http.StatusCreated, depthRequest(http.MethodPost, queue+"/claims?limit=10", `{"ttl": 3600, "grace": 60}`))
	if n := c.messages(); err == nil && n != 10 {
		err = fmt.Errorf("%d messages were claimed, want 10", n)
	}
	return c.location, took, err
}

func (c *depthConn) remove(href string) (time.Duration, error) {
	return c.do(http.StatusNoContent, depthRequest(http.MethodDelete, href, ""))
}

func (c *depthConn) get(path string) (time.Duration, error) {
	return c.do(http.StatusOK, depthRequest(http.MethodGet, path, ""))
}
