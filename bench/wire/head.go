package wire

import (
	"bytes"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// This file writes and reads the heads that are exchanged all the time. They are plain: fields one a line, a body with a
// length. Whatever is not it leaves to net/http, which then says what it means, or what is wrong with it.

// standardAgent is what net/http calls itself.
const standardAgent = "Go-http-client/1.1"

// appendHead writes the head of a request, if it is plain, as net/http does.
func (t *Transport) appendHead(b []byte, r *http.Request) (head []byte, plain bool) {
	uri := r.URL.RequestURI()
	if !t.plain || !isPlain(r) || !isVisible(uri) {
		return nil, false
	}
	b = append(append(append(b, r.Method...), ' '), uri...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), t.host...)
	agent := standardAgent
	if given, set := r.Header["User-Agent"]; set {
		if agent = strings.Join(given[:min(len(given), 1)], ""); !isValue(agent) {
			return nil, false
		}
	}
	if agent != "" {
		b = append(append(b, "\r\nUser-Agent: "...), agent...)
	}
	if r.ContentLength > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
		b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), r.ContentLength, 10)
	}
	b, plain = appendFields(b, r.Header)
	return append(b, "\r\n\r\n"...), plain
}

// appendFields writes those fields that a request gives itself, in the order of their names.
func appendFields(b []byte, h http.Header) (lines []byte, plain bool) {
	var room [16]string
	names := room[:0]
	for name := range h {
		switch name {
		case "Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !isToken(name) {
			return nil, false
		}
		for _, value := range h[name] {
			if !isValue(value) {
				return nil, false
			}
			b = append(append(append(append(b, "\r\n"...), name...), ": "...), value...)
		}
	}
	return b, true
}

// isPlain reports whether a request has nothing but a method, a URL, fields and a body whose length is known.
func isPlain(r *http.Request) bool {
	hasBody := r.Body != nil && r.Body != http.NoBody
	return (r.ContentLength > 0) == hasBody && len(r.TransferEncoding) == 0 && len(r.Trailer) == 0 && !r.Close &&
		isToken(r.Method) && r.Method != http.MethodConnect && (r.Host == "" || r.Host == r.URL.Host)
}

// readHead reads the head of an answer, if it is plain. If not, nothing of it has been read.
func (e *exchange) readHead(request *http.Request) (plain bool, err error) {
	end, err := e.findHead()
	if end == 0 || err != nil || request.Method == http.MethodHead {
		return false, err
	}
	buffered, _ := e.r.Peek(end)
	e.response = http.Response{Request: request, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if !parseHead(string(buffered), &e.response) {
		return false, nil
	}
	_, _ = e.r.Discard(end) // they are buffered
	e.body, e.left = nil, e.response.ContentLength
	return true, nil
}

// findHead waits until a head is buffered as a whole and gives its length; 0 if it has lines that end otherwise than they
// should, or is too long for that.
func (e *exchange) findHead() (length int, err error) {
	for at := 0; ; {
		buffered, _ := e.r.Peek(e.r.Buffered())
		for {
			n := bytes.IndexByte(buffered[at:], '\n')
			if n < 0 {
				break
			}
			if n == 0 || buffered[at+n-1] != '\r' {
				return 0, nil
			}
			at += n + 1
			if n == 1 {
				return at, nil
			}
		}
		if len(buffered) == e.r.Size() {
			return 0, nil
		}
		if _, err := e.r.Peek(len(buffered) + 1); err != nil {
			return 0, err
		}
	}
}

// parseHead reads a plain head, and whether it is one: of a final answer of HTTP/1.1, with each field once and a body whose
// length is known.
func parseHead(head string, r *http.Response) (plain bool) {
	line, rest, _ := strings.Cut(head, "\r\n")
	if r.StatusCode, plain = parseStatus(line); !plain {
		return false
	}
	r.Status = line[len("HTTP/1.1 "):]
	fields := strings.Count(rest, "\n") - 1
	r.Header = make(http.Header, fields)
	values := make([]string, fields)
	for i := range values {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || !isToken(name) || !isValue(value) {
			return false
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if _, twice := r.Header[name]; twice || hasMeaning(name) {
			return false
		}
		values[i] = value
		r.Header[name] = values[i : i+1 : i+1]
	}
	return setLength(r)
}

// parseStatus reads "HTTP/1.1 200 OK", of a final answer.
func parseStatus(line string) (status int, plain bool) {
	text, is := strings.CutPrefix(line, "HTTP/1.1 ")
	if !is || len(text) < 3 || len(text) > 3 && text[3] != ' ' {
		return 0, false
	}
	status, err := strconv.Atoi(text[:3])
	return status, err == nil && status >= 200
}

// hasMeaning reports whether a field says something of the connection, or of how the others are to be read.
func hasMeaning(name string) bool {
	switch name {
	case "Connection", "Transfer-Encoding", "Trailer", "Pragma":
		return true
	}
	return false
}

// setLength finds out how long the body is.
func setLength(r *http.Response) (plain bool) {
	length, told := r.Header["Content-Length"]
	if told {
		const digits = 18 // that fit into 63 bits, whatever they are
		if len(length[0]) == 0 || len(length[0]) > digits || strings.Trim(length[0], "0123456789") != "" {
			return false
		}
		r.ContentLength, _ = strconv.ParseInt(length[0], 10, 64)
	}
	if r.StatusCode == http.StatusNoContent || r.StatusCode == http.StatusNotModified {
		r.ContentLength = 0
	} else if !told {
		return false
	}
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	return true
}

// isToken reports whether a text can be the name of a field, or a method.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return text != ""
}

func isAlphanumeric(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// isValue reports whether a text can be the value of a field as it is: without control characters, or blanks at its ends.
func isValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return text == "" || !isBlank(text[0]) && !isBlank(text[len(text)-1])
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isVisible reports whether a text has neither blanks nor control characters, and is not empty.
func isVisible(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] == 0x7f {
			return false
		}
	}
	return text != ""
}

// isPlainHost reports whether a host is sent as it is written: without a zone, or letters that need another spelling.
func isPlainHost(host string) bool {
	for i := range len(host) {
		if c := host[i]; !isAlphanumeric(c) && strings.IndexByte(".-_:[]", c) < 0 {
			return false
		}
	}
	return host != ""
}
