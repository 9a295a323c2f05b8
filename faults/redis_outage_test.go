//go:build unix

package faults

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// Redis is stopped, and started again: callers are told at once, nothing that was confirmed is lost, and the server goes on by itself.
func TestRedisStopped(t *testing.T) {
	redis := testservices.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newStoreRun(t, "stopped", "redis://"+redis.Address)
	for range short(2, 10) {
		r.trouble(func() {
			redis.Kill()
			time.Sleep(time.Second)
			var took []time.Duration
			for range 20 {
				took = append(took, wantRefusal(t, r.process, 2*time.Second))
			}
			if slices.Sort(took); took[10] > 200*time.Millisecond {
				t.Errorf("that Redis is away is answered after %v in the middle", took[10])
			}
			redis.Start()
			back := time.Now()
			r.sound()
			t.Logf("posts go well %v after Redis is back", time.Since(back).Round(time.Millisecond))
		})
		r.goOn(300 * time.Millisecond)
	}
	r.wantKept(r.finish())
}

// Redis comes back without its data: what is confirmed from then on is there for all, though the server had known the queue.
func TestRedisComesBackEmpty(t *testing.T) {
	redis := testservices.StartRedis(t)
	p := start(t, "--store", "redis://"+redis.Address)
	post := func() (confirmed bool) {
		status, _, _ := redisCall(t, p, http.MethodPost, "/v1.1/queues/jobs/messages", workloadProject, `{"messages": [{"ttl": 300, "body": 1}]}`)
		return status == http.StatusCreated
	}
	if !post() {
		t.Fatal("a post to a sound server failed")
	}
	redis.Kill()
	redis.Start()
	const want = 20
	confirmed := 0
	for end := time.Now().Add(storePatience); confirmed < want && time.Now().Before(end); {
		if post() {
			confirmed++
		} else {
			time.Sleep(10 * time.Millisecond)
		}
	}
	other := start(t, "--store", "redis://"+redis.Address)
	_, text, _ := redisCall(t, other, http.MethodGet, "/v1.1/queues/jobs/messages?limit=20&echo=true", workloadProject, "")
	if there := strings.Count(text, `"body"`); confirmed < want || there < confirmed {
		t.Errorf("of %d messages that were confirmed after Redis had come back empty %d are there", confirmed, there)
	}
}

// wantRefusal looks whether a call is refused in time, and gives how long that took.
func wantRefusal(t *testing.T, p *process, within time.Duration) (took time.Duration) {
	t.Helper()
	began := time.Now()
	status, body, header := redisCall(t, p, http.MethodGet, "/v1.1/queues/kept/stats", workloadProject, "")
	if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("an answer while Redis is away: %d, Retry-After %q, %s", status, header.Get("Retry-After"), body)
	}
	if took = time.Since(began); took > within {
		t.Errorf("that Redis is away is answered after %v", took)
	}
	return took
}

// redisCall makes a call by hand.
func redisCall(t testing.TB, p *process, method, path, project, body string) (status int, text string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{
		"X-Project-Id": {project}, "Client-Id": {"3381af92-2b9e-11e3-b191-71861300734c"}, "Content-Type": {"application/json"},
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(all), answer.Header
}

const redisRequestTimeout = 5 * time.Second // the server's own default

// Redis stands still, takes requests, and carries them out when it goes on, whoever has given up on them: none is carried out twice.
func TestRedisStandsStill(t *testing.T) {
	redis := testservices.StartRedis(t)
	r := newStoreRun(t, "stands still", "redis://"+redis.Address)
	for _, still := range short([]time.Duration{500 * time.Millisecond, 6 * time.Second}, []time.Duration{
		100 * time.Millisecond, time.Second, 3 * time.Second, 6 * time.Second, 10 * time.Second, 20 * time.Second,
	}) {
		r.trouble(func() {
			redis.Pause()
			began := time.Now()
			if still > redisRequestTimeout {
				wantRefusal(t, r.process, redisRequestTimeout+500*time.Millisecond)
			}
			time.Sleep(time.Until(began.Add(still)))
			redis.Resume()
			back := time.Now()
			r.sound()
			t.Logf("posts go well %v after Redis stood still for %v", time.Since(back).Round(time.Millisecond), still)
		})
		r.goOn(300 * time.Millisecond)
	}
	v := r.finish()
	if v.Unsure == 0 {
		t.Error("no post was left without an answer")
	}
	r.wantKept(v)
}

// Redis forgets the scripts, or everything it knew of them by a restart in order: no client notices.
func TestRedisForgetsScripts(t *testing.T) {
	redis := testservices.StartRedis(t)
	r := newStoreRun(t, "forgets scripts", "redis://"+redis.Address)
	for range short(10, 100) {
		redis.Do("SCRIPT", "FLUSH")
		r.goOn(50 * time.Millisecond)
	}
	v := r.finish()
	if v.Unsure > 0 {
		t.Errorf("%d posts were left without an answer", v.Unsure)
	}
	r.wantKept(v)
}
