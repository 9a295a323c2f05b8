// Package upstreamtest lays out data as OpenStack's Redis driver does, for tests of what reads it.
package upstreamtest

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Client is the client of messages that name none.
const Client = "3381af92-2b9e-11e3-b191-71861300734c"

// A Writer writes to a server. Its methods end the test if they fail.
type Writer struct {
	t     testing.TB
	conn  net.Conn
	out   *bufio.Writer
	in    *bufio.Reader
	owed  int // replies
	ranks map[string]int
}

// A Message is one to be written. What is left out has a value that OpenStack's driver might have written.
type Message struct {
	ID       string
	Client   string
	Body     any
	Packed   string // the body as it is stored, in place of Body
	TTL      time.Duration
	Left     time.Duration // until it ends, if that is not TTL
	Delay    time.Duration
	Checksum string
}

// New connects to the server at address, until the test ends.
func New(t testing.TB, address string) *Writer {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &Writer{t: t, conn: conn, out: bufio.NewWriterSize(conn, 1<<16), in: bufio.NewReader(conn), ranks: map[string]int{}}
}

// Queue writes a queue. Metadata nil is that of a queue that was given none.
func (w *Writer) Queue(project, queue string, metadata any) {
	w.t.Helper()
	stem := project + "." + queue
	w.Do("ZADD", project+".queues_set", "1", stem)
	if metadata == nil {
		metadata = map[string]any{}
	}
	w.Do("HSET", stem, "c", "1", "cl", "0", "m", Pack(metadata), "t", seconds(time.Now()))
}

// Post writes messages at the end of a queue, and gives their IDs.
func (w *Writer) Post(project, queue string, messages ...Message) []string {
	w.t.Helper()
	set := project + "." + queue + ".messages"
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = w.message(m)
		w.ranks[set]++
		w.Do("ZADD", set, strconv.Itoa(w.ranks[set]), ids[i])
	}
	w.Do("SET", project+"."+queue+".rank_counter", strconv.Itoa(w.ranks[set]+1))
	w.Do("ZADD", "msgset_index", "1", set)
	return ids
}

// Orphan writes a message that no queue lists, and gives its ID.
func (w *Writer) Orphan(m Message) string {
	w.t.Helper()
	return w.message(m)
}

func (w *Writer) message(m Message) string {
	w.t.Helper()
	if m.ID == "" {
		m.ID = UUID()
	}
	if m.Client == "" {
		m.Client = Client
	}
	if m.TTL == 0 {
		m.TTL = time.Hour
	}
	if m.Left == 0 {
		m.Left = m.TTL
	}
	if m.Packed == "" {
		m.Packed = Pack(m.Body)
	}
	end := time.Now().Add(m.Left)
	w.Do("HSET", m.ID, "id", m.ID, "t", strconv.Itoa(int(m.TTL.Seconds())), "cr", seconds(end.Add(-m.TTL)), "e", seconds(end),
		"u", m.Client, "c", "", "c.e", seconds(time.Now()), "c.c", "0", "d", seconds(time.Now().Add(m.Delay)), "cs", m.Checksum, "b", m.Packed)
	w.Do("PEXPIRE", m.ID, strconv.Itoa(int(max(m.Left, time.Hour).Milliseconds()))) // what has ended is here still, for the tests
	return m.ID
}

// Claim puts messages under a claim that ends after left, which may be over, and gives its ID.
func (w *Writer) Claim(project, queue string, left time.Duration, messages ...string) string {
	w.t.Helper()
	id, end := UUID(), seconds(time.Now().Add(left))
	for _, m := range messages {
		w.Do("HSET", m, "c", id, "c.e", end, "c.c", "1")
		w.Do("RPUSH", "messages."+id, m)
	}
	w.Do("HSET", id, "id", id, "t", "300", "e", end, "n", strconv.Itoa(len(messages)))
	w.Do("EXPIRE", id, "3600")
	w.Do("EXPIRE", "messages."+id, "3600")
	w.Do("ZADD", project+"."+queue+".claims", end, id)
	return id
}

// Do sends a command. [Writer.Flush] sees what became of it.
func (w *Writer) Do(command ...string) {
	w.t.Helper()
	fmt.Fprintf(w.out, "*%d\r\n", len(command))
	for _, word := range command {
		fmt.Fprintf(w.out, "$%d\r\n%s\r\n", len(word), word)
	}
	if w.owed++; w.owed == 1000 {
		w.Flush()
	}
}

// Flush waits for all commands. Their replies are numbers or words.
func (w *Writer) Flush() {
	w.t.Helper()
	if err := w.out.Flush(); err != nil {
		w.t.Fatal(err)
	}
	for ; w.owed > 0; w.owed-- {
		line, err := w.in.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "-") {
			w.t.Fatalf("the server answers %q, %v", line, err)
		}
		if n, err := strconv.Atoi(strings.TrimSpace(line[1:])); line[0] == '$' && err == nil && n >= 0 {
			if _, err := io.CopyN(io.Discard, w.in, int64(n)+2); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// UUID is a random one.
func UUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
