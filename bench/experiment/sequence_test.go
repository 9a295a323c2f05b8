package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/bench/benchtest"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/bench/schedule"
	"github.com/marconi-mq/marconi/ledger"
)

// An arrival is a post as a server got it.
type arrival struct {
	project, queue string
	texts          [][]byte // of its messages
	bodies         []ledger.Body
}

// A witness stands before a server and takes down the posts that it gets.
type witness struct {
	mu    sync.Mutex // guards what follows
	posts []arrival
	wrong []string
}

// before gives the address of the witness.
func (w *witness) before(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if queue, is := strings.CutSuffix(r.URL.Path, "/messages"); is && r.Method == http.MethodPost {
			text, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			w.see(r.Header.Get("X-Project-ID"), queue[strings.LastIndex(queue, "/")+1:], text, err)
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (w *witness) see(project, queue string, text []byte, err error) {
	var post struct {
		Messages []struct{ Body json.RawMessage }
	}
	if err == nil {
		err = json.Unmarshal(text, &post)
	}
	a := arrival{project: project, queue: queue}
	for _, m := range post.Messages {
		var b ledger.Body
		if err == nil {
			b, err = ledger.ParseBody(m.Body)
		}
		a.texts, a.bodies = append(a.texts, m.Body), append(a.bodies, b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || len(a.bodies) == 0 {
		w.wrong = append(w.wrong, fmt.Sprintf("%.90s…: %v", text, err))
		return
	}
	w.posts = append(w.posts, a)
}

// hash is that of the posts in the order in which they were intended, as run.json has it. Of the schedule it takes when its first operation
// is, since the run's clock begins before it, and how many there are: all times are those that the messages tell.
func (w *witness) hash(r *result.Run) (hash string, all bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := r.Config
	s, err := schedule.New(schedule.Pacing{
		Arrivals: c.Load.Arrivals, Rate: c.Level.Rate, Length: time.Duration(c.Time.Warmup + c.Time.Duration),
		Random: schedule.Stream(r.Seed, "arrivals", 0, 0),
	})
	if err != nil {
		return "", false, err
	}
	if len(w.wrong) > 0 || len(w.posts) == 0 {
		return "", false, fmt.Errorf("%d posts came, %v", len(w.posts), w.wrong)
	}
	first, scheduled := time.Duration(0), 0
	for at, more := s.Next(); more; at, more = s.Next() {
		if scheduled++; scheduled == 1 {
			first = at
		}
	}
	producers := c.Workload.Count(c.Workload.Describe().Drives)
	turn := func(a arrival) int {
		return int(a.bodies[0].Batch)/c.Workload.Messages.Batch*producers + int(a.bodies[0].Producer)
	}
	posts := slices.DeleteFunc(slices.Clone(w.posts), func(a arrival) bool { return int(a.bodies[0].Producer) >= producers }) // those are answers
	slices.SortFunc(posts, func(a, b arrival) int { return turn(a) - turn(b) })
	start := posts[0].bodies[0].Intended - first
	h := fnv.New64a()
	for i, a := range posts {
		if i > 0 && a.bodies[0].Intended < posts[i-1].bodies[0].Intended {
			return "", false, fmt.Errorf("%.90s… comes before %.90s… and was intended later", posts[i-1].texts[0], a.texts[0])
		}
		text, err := a.told(start, c.Workload)
		if err != nil {
			return "", false, err
		}
		_, _ = h.Write(text)
	}
	return fmt.Sprintf("%016x", h.Sum64()), len(posts) == scheduled, nil
}

// told is what the hash has of a post, from what came of it alone.
func (a arrival) told(start time.Duration, w plan.Workload) ([]byte, error) {
	head := a.bodies[0]
	queue, err := strconv.Atoi(a.queue[strings.LastIndex(a.queue, "-")+1:])
	if err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "%d post %d %d", head.Intended-start, head.Producer, queue)
	for i, b := range a.bodies {
		raw := a.texts[i]
		if b.Intended != head.Intended || b.Producer != head.Producer || b.Batch != head.Number || b.Index != i || b.Size != len(a.bodies) ||
			b.Number != head.Number+uint32(i) || b.Queue != ledger.QueueHash(a.project, a.queue) {
			return nil, fmt.Errorf("%.90s… is message %d of a post of %d to %s of %s that begins with %.90s…", raw, i, len(a.bodies), a.queue, a.project, a.texts[0])
		}
		if again := b.AppendPadded(nil, len(raw), w.Messages.Compressible); !bytes.Equal(again, raw) {
			return nil, fmt.Errorf("%s came; its filler would be that of %s", raw, again)
		}
		b = ledger.Body{Producer: b.Producer, Number: b.Number, Index: b.Index, Size: b.Size, Intended: b.Intended - start}
		text = b.AppendPadded(text, len(raw), w.Messages.Compressible)
	}
	return text, nil
}

// The hash of a run is that of what its server got: every post with its time, its queue, its sizes and its bodies.
func TestTheHashIsOfWhatWasSent(t *testing.T) {
	t.Parallel()
	server := startMemory(t)
	for name, test := range map[string]struct{ workload, load string }{
		"work":   {"use: work-queue, producers: 3, workers: 2, space: {queues: 4, tenants: 2, queue_choice: uniform}, messages: {batch: 2, size: \"uniform:300B..2KiB\"}", "rates: [200], arrivals: poisson"},
		"events": {"use: pub-sub, producers: 2, observers: 2, space: {queues: 3, queue_choice: \"zipf:1.5\"}, messages: {size: 400B, compressible: 0.2}", "rates: [200], arrivals: even"},
		"bursts": {"use: work-queue, producers: 1, workers: 2, messages: {size: \"uniform:300B..500B\"}", "rates: [400], arrivals: \"burst{size: 100}\""},
		"calls":  {"use: request-reply, callers: 2, messages: {size: 500B}", "rates: [100], arrivals: poisson"},
	} {
		t.Run(name, func(t *testing.T) {
			benchtest.Attempts(t, func() (problem string, busy bool) {
				w := &witness{}
				p := parse(t, fmt.Sprintf(`plan: hash
targets: [{name: memory, url: %q, api: [1.1]}]
workloads: [{%s}]
load: {%s, connections: 64}
time: {warmup: 100ms, duration: 500ms, drain: 5s, cooldown: 0s, repeats: 1}
`, w.before(t, server), test.workload, test.load))
				_, runs := carry(t, p, options(t, p))
				switch got, all, err := w.hash(runs[0]); {
				case err != nil:
					t.Fatal(err)
				case !all:
					return "not all that was offered was sent in time", true
				case got != runs[0].Sequence:
					t.Errorf("what came has the hash %s, and that of the run is %s", got, runs[0].Sequence)
				}
				return "", false
			})
		})
	}
}
