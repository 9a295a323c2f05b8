//go:build unix

package upstream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/faultproxy"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis/upstream/upstreamtest"
)

// little writes a queue with a message.
func little(t *testing.T, address string, auth ...string) {
	t.Helper()
	w := upstreamtest.New(t, address)
	if len(auth) > 0 {
		w.Do(append([]string{"AUTH"}, auth...)...)
	}
	w.Queue("p", "q", map[string]any{"a": 1})
	ids := w.Post("p", "q", text("one"), text("two"))
	w.Claim("p", "q", time.Minute, ids[0])
	w.Flush()
}

const littleCounts = "Queues:1 Messages:2 Claimed:1 Claims:1 Unlisted:0"

// Every form that OpenStack's configuration has, and TLS.
func TestURIForms(t *testing.T) {
	t.Run("standalone and socket", func(t *testing.T) {
		server := testservices.StartRedis(t)
		little(t, server.Address)
		importAll(t, "redis://"+server.Address+"?socket_timeout=0.1&max_reconnect_attempts=10&reconnect_sleep=1.0").want(littleCounts)
		importAll(t, "valkey://"+server.Address).want(littleCounts)
		importAll(t, "redis://"+server.Socket+"?dbid=0").want(littleCounts)
	})
	t.Run("another database", func(t *testing.T) {
		server, w := begin(t)
		w.Do("SELECT", "3")
		w.Queue("p", "q", nil)
		w.Flush()
		for _, uri := range []string{"redis://" + server.Address + "?dbid=3", "redis://" + server.Address + "/3"} {
			importAll(t, uri).want("Queues:1 Unlisted:0")
		}
		one, err := Open(t.Context(), "redis://"+server.Address+"?dbid=3", storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer one.Close()
		if want := "redis://" + server.Address + "?dbid=3"; one.Place() != want {
			t.Errorf("its place is %s, want %s", one.Place(), want)
		}
	})
	t.Run("a lone password", func(t *testing.T) {
		server := testservices.StartRedis(t, "--requirepass", "p@ss")
		little(t, server.Address, "p@ss")
		importAll(t, "redis://p%40ss@"+server.Socket).want(littleCounts)
		importAll(t, "redis://:p%40ss@"+server.Address).want(littleCounts)
	})
	t.Run("TLS", func(t *testing.T) {
		certificates := testservices.MakeCertificates(t)
		server := testservices.StartRedisTLS(t, certificates)
		server.Do("ZADD", "p.queues_set", "1", "p.q")
		server.Do("HSET", "p.q", "m", "\x80", "t", "1")
		q := url.Values{"ssl_ca_certs": {certificates.CA}, "ssl_certfile": {certificates.ClientCert}, "ssl_keyfile": {certificates.ClientKey}}
		importAll(t, "rediss://"+server.Address+"?"+q.Encode()).want("Queues:1 Unlisted:0")
	})
}

// The form of old, a lone password, and a failover between two reads.
func TestSentinel(t *testing.T) {
	s := testservices.StartSentinel(t, testservices.SentinelOptions{Password: "secret", SentinelPassword: "other"})
	little(t, s.Primary().Address, "secret")
	uri := "redis://secret@" + s.Addresses() + "?master=" + testservices.MasterName + "&sentinel_password=other&socket_timeout=0.1"
	importAll(t, uri).want(littleCounts)

	source := mustOpen(t, uri)
	s.Failover()
	counts, err := importer.Run(t.Context(), source, importer.Target{}, importer.Options{DryRun: true})
	if err != nil || show(counts) != littleCounts {
		t.Errorf("after a failover: %s, %v", show(counts), err)
	}
}

// A replica will do: nothing is written.
func TestReplica(t *testing.T) {
	server := testservices.StartRedis(t)
	little(t, server.Address)
	host, port, _ := net.SplitHostPort(server.Address)
	replica := testservices.StartRedis(t, "--replicaof", host+" "+port)
	for range 500 {
		if replica.Info("master_link_status") == "up" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	importAll(t, "redis://"+replica.Address).want(littleCounts)
}

// A user that may read and no more is enough; and the server sees only commands that read.
func TestOnlyReads(t *testing.T) {
	server := testservices.StartRedis(t, "--enable-debug-command", "local")
	little(t, server.Address)
	server.Do("ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "-@all", "+@read")
	before := server.Do("DEBUG", "DIGEST")
	server.Do("CONFIG", "RESETSTAT")
	importAll(t, "redis://reader:secret@"+server.Address).want(littleCounts)
	importAll(t, "redis://"+server.Address).want(littleCounts)
	if after := server.Do("DEBUG", "DIGEST"); after != before {
		t.Errorf("the data was %v, and is %v", before, after)
	}
	for _, command := range [][]string{{"DEL", "p.q"}, {"set", "x", "y"}, {"EVAL", "return 1", "0"}} {
		if _, err := mustOpen(t, "redis://"+server.Address).(*source).Read(t.Context(), command); err == nil {
			t.Errorf("it sends %s", command)
		}
	}
	writers, calls := map[string]bool{}, 0
	for _, command := range server.Do("COMMAND", "LIST", "FILTERBY", "ACLCAT", "write").([]any) {
		writers[strings.ToLower(command.(string))] = true
	}
	for line := range strings.Lines(server.Do("INFO", "commandstats").(string)) {
		name, _, is := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		if !is {
			continue
		}
		calls++
		if writers[name] || strings.HasPrefix(name, "eval") || name == "script" || name == "keys" {
			t.Errorf("it has sent %s", line)
		}
	}
	if calls < 5 || !writers["hset"] {
		t.Errorf("only %d commands were counted, %d write", calls, len(writers))
	}
}

func TestMissingRights(t *testing.T) {
	server := testservices.StartRedis(t)
	little(t, server.Address)
	server.Do("ACL", "SETUSER", "blind", "on", ">secret", "~*", "-@all", "+hmget")
	_, err := importer.Run(t.Context(), mustOpen(t, "redis://blind:secret@"+server.Address), importer.Target{}, importer.Options{DryRun: true})
	if err == nil || !strings.Contains(err.Error(), "ACL") || !strings.Contains(err.Error(), "scan") {
		t.Errorf("a user without rights: %v", err)
	}
	_, err = Open(t.Context(), "redis://blind:wrong@"+server.Address, storage.Options{})
	if err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "wrong@") {
		t.Errorf("a wrong password: %v", err)
	}
}

// A server that is too old says so before anything is read.
func TestServersThatAreTooOld(t *testing.T) {
	for version, old := range map[string]bool{"2.8.4": true, "3.0.6": true, "3.2.0": false, "unknown": false} {
		text := "# Server\r\nredis_version:" + version + "\r\n"
		address := startFake(t, map[string]string{
			"INFO": fmt.Sprintf("$%d\r\n%s\r\n", len(text), text),
			"TIME": "*2\r\n$1\r\n5\r\n$1\r\n5\r\n",
		})
		s, err := Open(t.Context(), "redis://"+address, storage.Options{})
		if err == nil {
			s.Close()
		}
		if said := err != nil && strings.Contains(err.Error(), "replica"); said != old || err != nil && !old {
			t.Errorf("Open of Redis %s: %v", version, err)
		}
	}
}

func mustOpen(t *testing.T, uri string) importer.Source {
	t.Helper()
	s, err := Open(t.Context(), uri, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// What a full memory has thrown away leaves no other trace than the server's own count.
func TestEvictionWarns(t *testing.T) {
	server := testservices.StartRedis(t, "--maxmemory-policy", "allkeys-random")
	little(t, server.Address)
	var said strings.Builder
	logger := slog.New(slog.NewTextHandler(&said, nil))
	open := func() {
		s, err := Open(t.Context(), "redis://"+server.Address, storage.Options{Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	open()
	if said.String() != "" {
		t.Errorf("with nothing thrown away it says %s", said.String())
	}
	server.Do("CONFIG", "SET", "maxmemory", "1")
	if _, err := net.Dial("tcp", server.Address); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if n := server.Info("evicted_keys"); n != "0" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	open()
	if !strings.Contains(said.String(), "allkeys-random") || !strings.Contains(said.String(), "evicted_keys") {
		t.Errorf("it says %q of what was thrown away", said.String())
	}
}

// What has ended is judged by the server's clock, if it may be asked.
func TestServerClock(t *testing.T) {
	for _, row := range []struct {
		name, reply string
		want        time.Duration
	}{
		{"ahead", fmt.Sprintf("*2\r\n$10\r\n%d\r\n$1\r\n5\r\n", time.Now().Add(time.Hour).Unix()), time.Hour},
		{"not told", "-NOPERM this user has no permissions to run the 'time' command\r\n", 0},
	} {
		s := mustOpen(t, "redis://"+startFake(t, map[string]string{"TIME": row.reply})).(*source)
		if off := (time.Until(s.Now()) - row.want).Abs(); off > 3*time.Second {
			t.Errorf("%s: the clock is %v, want %v", row.name, s.Now(), row.want)
		}
	}
}

// startFake starts a server that gives these replies, and refuses all else, as Redis before 6.0 refuses HELLO.
func startFake(t *testing.T, replies map[string]string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { fake(conn, replies) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		tasks.Wait()
	})
	return l.Addr().String()
}

func fake(conn net.Conn, replies map[string]string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		var words []string
		var n, size int
		if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
			return
		}
		for range n {
			if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
				return
			}
			word := make([]byte, size+2)
			if _, err := io.ReadFull(in, word); err != nil {
				return
			}
			words = append(words, string(word[:size]))
		}
		reply, known := replies[words[0]]
		switch {
		case known:
		case words[0] == "PING":
			reply = "+PONG\r\n"
		case words[0] == "CLIENT":
			reply = "+OK\r\n"
		case words[0] == "INFO":
			reply = "-NOPERM not you\r\n"
		default:
			reply = "-ERR unknown command `" + words[0] + "`, with args beginning with:\r\n"
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// 10⁵ IDs in a queue are read in pages; whatever is deleted and added meanwhile, what stays is moved once and in order.
func TestLargeQueueThatChanges(t *testing.T) {
	const n = 100_000
	server, w := begin(t)
	w.Queue("p", "q", nil)
	all := make([]upstreamtest.Message, n)
	for i := range all {
		all[i].Body = i
	}
	ids := w.Post("p", "q", all...)
	w.Flush()
	s := mustOpen(t, "redis://"+server.Address)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	at, last, pages := 0, -1, 0
	q := importer.Queue{Key: marconi.QueueKey{Project: "p", Name: "q"}}
	tally := &importer.Tally{}
	seen := map[int]bool{}
	for page, err := range s.Messages(t.Context(), q, tally) {
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			i, err := strconv.Atoi(string(m.Body))
			if err != nil || i <= last {
				t.Fatalf("%s after %d", m.Body, last)
			}
			last = i
			seen[i] = true
		}
		pages++
		// Some of what is before this place goes, and some of what comes.
		for ; at < last; at += 4 {
			w.Do("ZREM", "p.q.messages", ids[at])
			w.Do("DEL", ids[at])
		}
		if later := last + 5000; pages%10 == 0 && later < n {
			w.Do("DEL", ids[later])
			w.Do("ZREM", "p.q.messages", ids[later+1])
			ids[later], ids[later+1] = "", ""
		}
		if pages == 100 {
			w.Post("p", "q", upstreamtest.Message{Body: n})
		}
		w.Flush()
		runtime.ReadMemStats(&after)
		most = max(most, after.HeapAlloc)
	}
	for i, id := range ids {
		if (id != "") != seen[i] {
			t.Fatalf("message %d seen: %t, and its ID is %q", i, seen[i], id)
		}
	}
	if !seen[n] || tally.Gone == 0 {
		t.Errorf("the new one was seen: %t; %d are gone", seen[n], tally.Gone)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// Bodies of any size are read a few at a time.
func TestLargeBodies(t *testing.T) {
	server, w := begin(t)
	w.Queue("p", "q", nil)
	body := strings.Repeat("x", 1<<20)
	for range 40 {
		w.Post("p", "q", text(body))
	}
	w.Post("p", "q", text(strings.Repeat(body, 9)), text("last"))
	w.Flush()
	s := mustOpen(t, "redis://"+server.Address)
	n := 0
	for page, err := range s.Messages(t.Context(), importer.Queue{Key: marconi.QueueKey{Project: "p", Name: "q"}}, &importer.Tally{}) {
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, m := range page {
			bytes += len(m.Body)
		}
		if n += len(page); bytes > bodiesBytes && len(page) > 1 {
			t.Errorf("a page of %d messages has %d bytes", len(page), bytes)
		}
	}
	if n != 42 {
		t.Errorf("%d messages", n)
	}
}

// A connection that breaks in the middle of a reply is made anew, and nothing comes twice or not at all.
func TestBrokenConnections(t *testing.T) {
	server, w := begin(t)
	for q := range 30 {
		name := fmt.Sprintf("q%02d", q)
		w.Queue("p", name, nil)
		for i := range 100 {
			w.Post("p", name, upstreamtest.Message{Body: i})
		}
	}
	w.Flush()
	line := faultproxy.Start(t, server.Address, nil)
	source := mustOpen(t, "redis://"+line.Addr())
	o := newOutcome(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			time.Sleep(40 * time.Millisecond)
			line.Cut()
		}
	}()
	o.run(source)
	cancel()
	<-done
	if n := line.Connections(); n < 4 {
		t.Errorf("only %d connections were made", n)
	}
	o.want("Queues:30 Messages:3000 Unlisted:0")
	for q := range 30 {
		for i, m := range o.messages("p", marconi.QueueName(fmt.Sprintf("q%02d", q))) {
			if string(m.Body) != strconv.Itoa(i) {
				t.Fatalf("message %d of queue %d is %s", i, q, m.Body)
			}
		}
	}
}
