//go:build unix

package redis

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

const poster marconi.ClientID = "2f0c1c3e-57a5-4b68-9f4b-6a1d2b3c4d5e"

// A turnedClock stands still unless it is turned.
type turnedClock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func (c *turnedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *turnedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// A fixture is a store on a server of its own, and a queue there.
type fixture struct {
	*dataStore
	t      testing.TB
	server *testservices.Redis
	opened storage.Opened
	clock  *turnedClock // nil: the server's own
	q      marconi.QueueRef
}

// newFixture opens a store whose clock is turned; arguments are those of the server.
func newFixture(t testing.TB, args ...string) *fixture {
	t.Helper()
	clock := &turnedClock{now: time.Now().Add(24 * time.Hour).Truncate(time.Millisecond)}
	f := openFixture(t, testservices.StartRedis(t, args...), storage.Options{Now: clock.Now})
	f.clock = clock
	return f
}

// newRunningFixture opens a store that goes by the server's clock.
func newRunningFixture(t testing.TB, args ...string) *fixture {
	t.Helper()
	return openFixture(t, testservices.StartRedis(t, args...), storage.Options{})
}

func openFixture(t testing.TB, server *testservices.Redis, o storage.Options) *fixture {
	t.Helper()
	opened := mustOpen(t, server, o)
	t.Cleanup(func() { mustClose(t, opened) })
	return &fixture{dataStore: opened.Data.(*dataStore), t: t, server: server, opened: opened, q: newQueue("p", "q")}
}

func newQueue(p marconi.Project, n marconi.QueueName) marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: p, Name: n}, Incarnation: newIncarnation()}
}

// posted are n messages of a TTL.
func posted(n int, ttl marconi.Seconds) []marconi.NewMessage {
	messages := make([]marconi.NewMessage, n)
	for i := range messages {
		messages[i] = marconi.NewMessage{TTL: ttl, Body: []byte(strconv.Itoa(i))}
	}
	return messages
}

func (f *fixture) post(messages ...marconi.NewMessage) []marconi.MessageID {
	f.t.Helper()
	ids, err := f.Post(f.t.Context(), f.q, marconi.Post{Client: poster, Messages: messages})
	if err != nil {
		f.t.Fatalf("Post: %v", err)
	}
	return ids
}

func (f *fixture) claim(ttl marconi.Seconds, limit int) (marconi.ClaimID, []marconi.Message) {
	f.t.Helper()
	c := marconi.ClaimRequest{ID: marconi.ClaimID(unpackUUID(string(randomBytes(16)))), TTL: ttl, Limit: limit}
	got, err := f.Claim(f.t.Context(), f.q, c)
	if err != nil {
		f.t.Fatalf("Claim: %v", err)
	}
	return c.ID, got.Messages
}

func randomBytes(n int) []byte {
	raw, _ := appendHex(nil, n, randomHex(n))
	return raw
}

func (f *fixture) pop(limit int) []marconi.Message {
	f.t.Helper()
	got, err := f.Pop(f.t.Context(), f.q, limit)
	if err != nil {
		f.t.Fatalf("Pop: %v", err)
	}
	return got
}

func bodiesOf(messages []marconi.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, string(m.Body))
	}
	return strings.Join(all, " ")
}

// key is one of the queue's keys, by its last letter.
func (f *fixture) key(letter string) string {
	return f.keys.of(f.q)[strings.Index(queueKeys, letter)]
}

// maintain lets a script do a turn of maintenance, and no more: one that waits.
func (f *fixture) maintain() {
	f.t.Helper()
	if _, err := f.run(f.t.Context(), "maintain", f.scripts.watch, f.q, f.time(), "nobody", "0"); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) count(command, letter string) int64 {
	f.t.Helper()
	return f.server.Do(command, f.key(letter)).(int64)
}

// A header as header.lua has it.
type header struct {
	sealed                          bool
	last, cursor, mark, due, waited float64
	openFirst, openEnd              float64
	openCount, openBytes            int64
}

const headerSize = 2 + 7*8 + 2 + 4

// headerAt is the header at a key, or the zero value if there is none.
func headerAt(t testing.TB, server *testservices.Redis, key string) header {
	t.Helper()
	packed, _ := server.Do("GET", key).(string)
	if packed == "" {
		return header{}
	}
	if len(packed) < headerSize || packed[0] != 1 {
		t.Fatalf("header of %d bytes, version %d; want %d bytes at least, of version 1", len(packed), packed[0], headerSize)
	}
	h := header{sealed: packed[1] == 1}
	for i, field := range []*float64{&h.cursor, &h.mark, &h.due, &h.waited, &h.openFirst, &h.last, &h.openEnd} {
		*field = math.Float64frombits(binary.BigEndian.Uint64([]byte(packed[2+8*i:])))
	}
	h.openCount, h.openBytes = bigEndian(packed[58:60]), bigEndian(packed[60:headerSize])
	return h
}

func (f *fixture) header() header {
	f.t.Helper()
	return headerAt(f.t, f.server, f.key("h"))
}

// scores are a sorted set's members with their scores.
func (f *fixture) scores(letter string) map[string]float64 {
	f.t.Helper()
	all := map[string]float64{}
	for pair := range slices.Chunk(f.server.Do("ZRANGE", f.key(letter), "0", "-1", "WITHSCORES").([]any), 2) {
		score, err := strconv.ParseFloat(pair[1].(string), 64)
		if err != nil {
			f.t.Fatal(err)
		}
		all[pair[0].(string)] = score
	}
	return all
}
