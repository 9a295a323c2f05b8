//go:build unix

package redis

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An httpConn is a client's connection. It costs a fraction of what net/http's would, which shares the processor with what is measured.
type httpConn struct {
	net.Conn
	in      *bufio.Reader
	request []byte
	body    []byte
}

func dialHTTP(tb testing.TB, address string) *httpConn {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return &httpConn{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
}

// do sends a request and gives the answer's status. Its body is in c.body.
func (c *httpConn) do(method, path, body string) (status int, err error) {
	c.request = fmt.Appendf(c.request[:0], "%s %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", method, path, httpHead, len(body), body)
	if _, err := c.Write(c.request); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, fmt.Errorf("status line %q: %w", line, err)
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length := 0
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, err
}

func (c *httpConn) want(want int, method, path, body string) error {
	status, err := c.do(method, path, body)
	if err == nil && status != want {
		err = fmt.Errorf("%s %s: %d %.200s", method, path, status, c.body)
	}
	return err
}

func (c *httpConn) claim(queue string) error {
	return c.want(201, "POST", queue+"/claims?limit=10", `{"ttl": 300, "grace": 60}`)
}

// claimAndDelete claims messages and deletes them together.
func (c *httpConn) claimAndDelete(queue string) error {
	if err := c.claim(queue); err != nil {
		return err
	}
	var ids []string
	for rest := c.body; ; {
		_, after, found := bytes.Cut(rest, []byte(`"id":"`))
		if !found {
			break
		}
		id, _, _ := bytes.Cut(after, []byte(`"`))
		ids, rest = append(ids, string(id)), after
	}
	if len(ids) != 10 {
		return fmt.Errorf("a claim of %d messages: %.200s", len(ids), c.body)
	}
	return c.want(204, "DELETE", queue+"/messages?ids="+strings.Join(ids, ","), "")
}
