//go:build unix

package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// Redis has reached its maxmemory: posts are refused with a word that says so, and consumers drain.
func TestRedisFull(t *testing.T) {
	redis := testservices.StartRedis(t, "--maxmemory-policy", "noeviction")
	p := start(t, "--store", "redis://"+redis.Address)
	const messages = "/v1.1/queues/full/messages"
	post := fmt.Sprintf(`{"messages": [{"ttl": 300, "body": %q}]}`, strings.Repeat("x", 1000))
	for range 60 {
		if status, text, _ := redisCall(t, p, http.MethodPost, messages, "p", post); status != http.StatusCreated {
			t.Fatalf("POST: %d %s", status, text)
		}
	}
	redis.Do("CONFIG", "SET", "maxmemory", "1")
	for range 3 {
		status, text, header := redisCall(t, p, http.MethodPost, messages, "p", post)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || !strings.Contains(text, "full") {
			t.Errorf("POST on a full Redis: %d, Retry-After %q, %s", status, header.Get("Retry-After"), text)
		}
	}
	for round := range 3 {
		status, text, _ := redisCall(t, p, http.MethodPost, "/v1.1/queues/full/claims?limit=10", "p", `{"ttl": 60, "grace": 60}`)
		if status != http.StatusCreated {
			t.Fatalf("claim %d on a full Redis: %d %s", round, status, text)
		}
		for _, part := range strings.Split(text, `"href":"`)[1:] {
			href, _, _ := strings.Cut(part, `"`)
			if status, text, _ := redisCall(t, p, http.MethodDelete, href, "p", ""); status != http.StatusNoContent {
				t.Errorf("DELETE %s on a full Redis: %d %s", href, status, text)
			}
		}
		if status, text, _ := redisCall(t, p, http.MethodDelete, messages+"?pop=10", "p", ""); status != http.StatusOK || strings.Count(text, `"body"`) != 10 {
			t.Errorf("pop on a full Redis: %d %s", status, text)
		}
	}
	if n := redis.Do("EVAL", "local n = 0 for _, k in ipairs(redis.call('KEYS', '*full*:s')) do n = n + redis.call('XLEN', k) end return n", "0"); n != int64(0) {
		t.Errorf("after all was taken %v messages are left", n)
	}
	redis.Do("CONFIG", "SET", "maxmemory", "0")
	if status, text, _ := redisCall(t, p, http.MethodPost, messages, "p", post); status != http.StatusCreated {
		t.Errorf("POST with room again: %d %s", status, text)
	}
	p.stop(t)
}

// A file of an existing installation, with its groups for Redis, is all that a server needs.
func TestRedisByAnOldFile(t *testing.T) {
	redis := testservices.StartRedis(t)
	file := filepath.Join(t.TempDir(), "zaqar.conf")
	content := "[drivers]\nstorage = redis\n[drivers:storage:redis]\nuri = redis://" + redis.Address + "?dbid=2\nmax_reconnect_attempts = 5\nreconnect_sleep = 0.02\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--config-file", file)
	status, text, _ := redisCall(t, p, http.MethodPost, "/v1.1/queues/jobs/messages", "p", `{"messages": [{"ttl": 300, "body": 1}]}`)
	if status != http.StatusCreated {
		t.Errorf("POST: %d %s", status, text)
	}
	if redis.Info("db2") == "" {
		t.Error("nothing is in the database that the file names")
	}
	p.stop(t)
}
