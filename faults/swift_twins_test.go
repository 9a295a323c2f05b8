//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/pure"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
	"github.com/marconi-mq/marconi/transport/dialect"
	"github.com/marconi-mq/marconi/transport/rest"
)

// TestSwiftTwins asks stores over Swift what it asks one in memory, good and bad, and wants the same answers.
func TestSwiftTwins(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		for design, open := range twinDesigns {
			t.Run(design, func(t *testing.T) {
				compareTwins(t, serveTwin(t, nil), serveTwin(t, open), short(2_000, 100_000))
			})
		}
	})
	t.Run("for real", func(t *testing.T) {
		s := testservices.StartSwift(t, testservices.SwiftOptions{})
		for design, options := range map[string]string{"with an index": swiftIndex(t), "alone": "index=none"} {
			t.Run(design, func(t *testing.T) {
				compareTwins(t, startTwin(t, "memory://"), startTwin(t, s.StorageURI+"&"+options), short(150, 3_000))
			})
		}
	})
}

// compareTwins asks both the same, n times.
func compareTwins(t *testing.T, model, other *twin, n int) {
	t.Helper()
	random := newTwinRandom(t)
	again := 0
	for range n {
		r := random.request()
		if twinAgain.MatchString(other.say(r.path)) {
			r.loose = true
			again++
		}
		want, got := model.ask(t, r), other.ask(t, r)
		if got.status >= http.StatusInternalServerError {
			t.Fatalf("%v is answered %.2000s; the server says\n%s", r, got, other.said)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" && !r.loose {
			t.Fatalf("%v is answered otherwise over Swift (+) than over memory (-): %s", r, diff)
		}
		random.note(r, model, want)
	}
	t.Logf("answers: %v; %d of pages that may show messages again", random.answers, again)
	if again > n/100 {
		t.Errorf("of %d answers %d were not compared, for their markers remember too little", n, again)
	}
	if n > 1_000 {
		random.wantVariety(t)
	}
}

// twinDesigns are the stores over an account in memory.
var twinDesigns = map[string]func(context.Context) (marconi.DataStore, error){
	"with an index": func(context.Context) (marconi.DataStore, error) {
		return indexed.New(swifttest.NewMemory(swifttest.Options{}), memory.New(storage.Options{}).Data, indexed.Options{})
	},
	"alone": func(ctx context.Context) (marconi.DataStore, error) {
		return pure.New(ctx, swifttest.NewMemory(swifttest.Options{}), pure.Options{ReapEvery: 20 * time.Millisecond})
	},
	"alone, in shards": func(ctx context.Context) (marconi.DataStore, error) {
		return pure.New(ctx, swifttest.NewMemory(swifttest.Options{}), pure.Options{Shards: 3, ReapEvery: 20 * time.Millisecond})
	},
}

// A twinRequest is asked of both. In its path and body, {m3} is the third message that was ever posted, {c3} the third claim, and
// {p3} the third marker of a page, whatever these are called by a server.
type twinRequest struct {
	queue                               twinQueue
	kind                                string // of what is asked for
	method, path, body, project, client string
	loose                               bool // answers may differ: what a marker says of another queue is no promise
}

func (r twinRequest) String() string {
	return fmt.Sprintf("%s %.300s of %.40q for %.8s with %.300s", r.method, r.path, r.project, r.client, r.body)
}

// A twinAnswer is one with all that may differ between servers taken out.
type twinAnswer struct {
	status       int
	header, body string
}

func (a twinAnswer) String() string { return fmt.Sprintf("%d\n%s\n%s", a.status, a.header, a.body) }

// A twin is a server, and what it calls things.
type twin struct {
	*process
	symbols         map[string]string // by what it says
	messages        []string
	claims, markers []string
}

func startTwin(t *testing.T, uri string) *twin {
	t.Helper()
	return &twin{process: start(t, "--store", uri, "--request-timeout", "60"), symbols: map[string]string{}}
}

// serveTwin is a server in this process over a store; nil is one in memory.
func serveTwin(t *testing.T, open func(context.Context) (marconi.DataStore, error)) *twin {
	t.Helper()
	said := &transcript{}
	return &twin{process: &process{url: serveStore(t, open, said), said: said}, symbols: map[string]string{}}
}

// serveStore starts a server in this process over a store, with queues in memory, and gives its URL. It ends with the test.
func serveStore(t *testing.T, open func(context.Context) (marconi.DataStore, error), said io.Writer) string {
	t.Helper()
	opened := memory.New(storage.Options{})
	data, err := opened.Data, error(nil)
	if open != nil {
		data, err = open(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(said, nil))
	b := broker.New(broker.Config{Control: opened.Control, Data: data, Logger: logger})
	handler, err := rest.New(rest.Config{Versions: dialect.All, Logger: logger, Broker: b})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		b.Close()
		if err := errors.Join(data.Close(), opened.Data.Close(), opened.Control.Close()); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// ask sends a request in this server's words, and gives the answer without them.
func (w *twin) ask(t *testing.T, r twinRequest) twinAnswer {
	t.Helper()
	r.path, r.body = w.say(r.path), w.say(r.body)
	a, err := w.send(t.Context(), r)
	if err != nil {
		t.Fatalf("%v: %v; the server says\n%s", r, err, w.said)
	}
	if !r.loose {
		w.learn(a)
	}
	a.header, a.body = w.translate(a.header), w.translate(a.body)
	return a
}

// send sends a request as it is.
func (w *twin) send(ctx context.Context, r twinRequest) (twinAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, r.method, w.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return twinAnswer{}, err
	}
	request.Header = http.Header{"X-Project-Id": {r.project}, "Client-Id": {r.client}}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return twinAnswer{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	a := twinAnswer{status: answer.StatusCode, body: string(body)}
	for _, name := range []string{"Location", "Content-Location", "Content-Type", "Allow", "Retry-After"} {
		a.header += name + ": " + answer.Header.Get(name) + "\n"
	}
	return a, err
}

var (
	twinSymbol  = regexp.MustCompile(`\{([mcp])(\d+)\}`)
	twinMessage = regexp.MustCompile(`/messages/([\w-]{20,})|"id":"([\w-]+)"`)
	twinClaim   = regexp.MustCompile(`/claims/([\w-]{20,})|claim_id=([\w-]{20,})`)
	twinMarker  = regexp.MustCompile(`(/messages\?(?:[^"&]*&)*marker=)([^"&]*)`)
	twinAgain   = regexp.MustCompile(`marker=[0-9a-f]{21}\.[0-9a-f]{21}p`) // of Swift alone, with more messages in the last seconds than it remembers
	twinID      = regexp.MustCompile(`[\w-]{8,}`)
	twinAny     = regexp.MustCompile(`"age":\d+|"created":"[^"]*"|"description":"[^"]*"`) // of two reasons a store may name either
)

// say puts this server's words into a text.
func (w *twin) say(text string) string {
	return twinSymbol.ReplaceAllStringFunc(text, func(symbol string) string {
		n, _ := strconv.Atoi(symbol[2 : len(symbol)-1])
		return map[byte][]string{'m': w.messages, 'c': w.claims, 'p': w.markers}[symbol[1]][n]
	})
}

// learn takes the words that are new out of an answer.
func (w *twin) learn(a twinAnswer) {
	for _, found := range twinMessage.FindAllStringSubmatch(a.body, -1) {
		w.messages = w.name(found[1]+found[2], "m", w.messages)
	}
	for _, found := range twinClaim.FindAllStringSubmatch(a.header+a.body, -1) {
		w.claims = w.name(found[1]+found[2], "c", w.claims)
	}
	for _, found := range twinMarker.FindAllStringSubmatch(a.body, -1) {
		w.markers = append(w.markers, found[2])
	}
}

func (w *twin) name(word, kind string, words []string) []string {
	if w.symbols[word] != "" {
		return words
	}
	w.symbols[word] = fmt.Sprintf("{%s%d}", kind, len(words))
	return append(words, word)
}

// translate takes this server's words out of a text.
func (w *twin) translate(text string) string {
	text = twinMarker.ReplaceAllString(text, "$1*")
	text = twinAny.ReplaceAllString(text, "*")
	return twinID.ReplaceAllStringFunc(text, func(word string) string {
		if symbol := w.symbols[word]; symbol != "" {
			return symbol
		}
		return word
	})
}

// wantVariety holds that a run was worth its time.
func (g *twinRandom) wantVariety(t *testing.T) {
	t.Helper()
	for _, kind := range []string{
		"PUT queue 201", "PUT queue 204", "DELETE queue 204", "POST messages 201", "POST messages 400", "GET messages 200", "GET message 200",
		"GET message 404", "DELETE message 204", "DELETE messages 200", "POST claims 201", "GET claim 200", "GET claim 404", "PATCH claim 204", "DELETE claim 204",
	} {
		if g.answers[kind] == 0 {
			t.Errorf("no %s among %d kinds of answers", kind, len(g.answers))
		}
	}
	if len(g.messages) < 50 || !slices.ContainsFunc(g.messages, func(m twinThing) bool { return m.queue != g.messages[0].queue }) {
		t.Errorf("only %d messages were posted", len(g.messages))
	}
}
