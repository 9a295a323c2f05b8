package apiscript

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// patience is how long an exchange may take, so that a server that forgets to answer fails its script and not the run.
const patience = time.Minute

// A Field is a header line as it is on the wire.
type Field struct{ Name, Value string }

// A Header is header lines in their order. Lookups take names in any case.
type Header []Field

// Get is the value of the first line of that name.
func (h Header) Get(name string) (value string, found bool) {
	if lines := h.named(name); len(lines) > 0 {
		return lines[0].Value, true
	}
	return "", false
}

func (h Header) named(name string) Header {
	var lines Header
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			lines = append(lines, f)
		}
	}
	return lines
}

// Without is h without the lines of that name.
func (h Header) Without(name string) Header {
	var rest Header
	for _, f := range h {
		if !strings.EqualFold(f.Name, name) {
			rest = append(rest, f)
		}
	}
	return rest
}

// A Request is what goes out.
type Request struct {
	Method, Target string
	Header         Header
	Body           []byte
	HasBody        bool // an empty Body that is there is announced as such
}

// An Answer is what comes back.
type Answer struct {
	Status int
	Reason string
	Header Header
	Body   []byte
}

// An Exchange is a request and what came of it. Without an Answer the connection was closed.
type Exchange struct {
	Request Request
	Answer  *Answer
}

// bytes is the request as it is sent: nothing in it is corrected, for a wrong one may be what is wanted.
func (q Request) bytes(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.Method, q.Target, host)
	for _, f := range q.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	switch {
	case q.chunked():
		b.WriteString("\r\n")
		writeChunks(&b, q.Body)
		return b.Bytes()
	case q.HasBody && !q.announced():
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(q.Body))
	}
	b.WriteString("\r\n")
	b.Write(q.Body)
	return b.Bytes()
}

func (q Request) chunked() bool {
	_, found := q.Header.Get("Transfer-Encoding")
	return found
}

func (q Request) announced() bool {
	_, found := q.Header.Get("Content-Length")
	return found
}

// cutShort reports whether the body ends before it was announced to.
func (q Request) cutShort() bool {
	text, _ := q.Header.Get("Content-Length")
	n, err := strconv.Atoi(text)
	return err == nil && n > len(q.Body)
}

// writeChunks cuts the body in two, so that no reader gets away with taking the first chunk for the whole.
func writeChunks(b *bytes.Buffer, body []byte) {
	half := len(body) / 2
	for _, part := range [][]byte{body[:half], body[half:]} {
		if len(part) > 0 {
			fmt.Fprintf(b, "%x\r\n%s\r\n", len(part), part)
		}
	}
	b.WriteString("0\r\n\r\n")
}

// A client keeps one connection, so that what an answer leaves behind on it spoils the next. Not for concurrent use.
type client struct {
	addr string
	conn net.Conn
	r    *bufio.Reader
}

// do exchanges a request for an answer; nil without an error means that the server closed the connection instead.
func (c *client) do(ctx context.Context, q Request) (*Answer, error) {
	if err := c.dial(ctx); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(q.bytes(c.addr)); err != nil {
		c.close()
		return nil, fmt.Errorf("the server stopped reading the request: %w", err)
	}
	if q.cutShort() {
		if err := c.conn.(*net.TCPConn).CloseWrite(); err != nil {
			return nil, fmt.Errorf("end the request early: %w", err)
		}
	}
	a, err := readAnswer(c.r, q.Method)
	if err == nil && c.r.Buffered() > 0 {
		err = fmt.Errorf("%d bytes came behind the answer", c.r.Buffered())
	}
	if err != nil || q.cutShort() || a.closes() {
		c.close()
	}
	if errors.Is(err, errClosed) {
		return nil, nil
	}
	return a, err
}

func (c *client) dial(ctx context.Context) error {
	if c.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
		if err != nil {
			return fmt.Errorf("reach the server: %w", err)
		}
		c.conn, c.r = conn, bufio.NewReader(conn)
	}
	return c.conn.SetDeadline(time.Now().Add(patience))
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

var errClosed = errors.New("the connection was closed without an answer")

// readAnswer reads one answer. Names and values of headers stay as they were sent.
func readAnswer(r *bufio.Reader, method string) (*Answer, error) {
	if _, err := r.Peek(1); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
			return nil, errClosed
		}
		return nil, fmt.Errorf("wait for the answer: %w", err)
	}
	a := &Answer{}
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	if a.Status, a.Reason, err = parseStatus(line); err != nil {
		return nil, err
	}
	if a.Header, err = readHeader(r); err != nil {
		return nil, err
	}
	a.Body, err = readBody(r, a, method)
	return a, err
}

func parseStatus(line string) (status int, reason string, err error) {
	rest, found := strings.CutPrefix(line, "HTTP/1.1 ")
	code, reason, _ := strings.Cut(rest, " ")
	status, convErr := strconv.Atoi(code)
	if !found || convErr != nil || len(code) != 3 {
		return 0, "", fmt.Errorf("the answer begins with %q", line)
	}
	return status, reason, nil
}

func readHeader(r *bufio.Reader) (Header, error) {
	var h Header
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return h, err
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, fmt.Errorf("the answer has the header line %q", line)
		}
		h = append(h, Field{name, strings.Trim(value, " \t")})
	}
}

// readBody reads what follows the header. Whether a 204 announces a body is left to the house rules.
func readBody(r *bufio.Reader, a *Answer, method string) ([]byte, error) {
	if method == "HEAD" || a.Status == 204 || a.Status == 304 {
		return nil, nil
	}
	if te, found := a.Header.Get("Transfer-Encoding"); found && strings.EqualFold(te, "chunked") {
		return readChunks(r)
	}
	text, found := a.Header.Get("Content-Length")
	if !found {
		return io.ReadAll(r)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("the answer's Content-Length is %q", text)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("read an answer of %d bytes: %w", n, err)
	}
	return body, nil
}

func readChunks(r *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("a chunk begins with %q", line)
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, fmt.Errorf("read a chunk of %d bytes: %w", n, err)
		}
		if n == 0 {
			return body, nil
		}
		body = append(body, chunk[:n]...)
	}
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read a line of the answer, after %q: %w", line, err)
	}
	text, found := strings.CutSuffix(line, "\r\n")
	if !found {
		return "", fmt.Errorf("the answer's line %q does not end in CR LF", line)
	}
	return text, nil
}

func (a *Answer) closes() bool {
	_, length := a.Header.Get("Content-Length")
	_, chunked := a.Header.Get("Transfer-Encoding")
	connection, _ := a.Header.Get("Connection")
	bodiless := a.Status == 204 || a.Status == 304
	return strings.EqualFold(connection, "close") || !length && !chunked && !bodiless
}
