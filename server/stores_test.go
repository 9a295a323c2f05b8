package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/storage/drivers"
)

// pair starts a server whose messages and queues are in files of their own.
func pair(t *testing.T, data, control string, adopt bool) (*Server, error) {
	t.Helper()
	c := config.Default()
	c.Marconi.AdoptData = adopt
	return New(context.Background(), Options{
		Config: c, Drivers: drivers.All(), DataURI: "sqlite:///" + data, ControlURI: "sqlite:///" + control,
	})
}

func ask(t *testing.T, s *Server, method, path, body string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
	r.Header.Set("X-Project-ID", "p")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Messages belong to the queues they were posted to: beside other queues a server does not start, unless it is told to adopt
// them.
func TestDataOfAnotherControlStore(t *testing.T) {
	dir := t.TempDir()
	data, first, second := filepath.Join(dir, "data.db"), filepath.Join(dir, "first.db"), filepath.Join(dir, "second.db")
	const messages = "/v1.1/queues/jobs/messages"

	s, err := pair(t, data, first, false)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := ask(t, s, http.MethodPost, messages, `{"messages": [{"body": "kept"}]}`); status != http.StatusCreated {
		t.Fatalf("post: %d %s", status, answer)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	_, err = pair(t, data, second, false)
	if err == nil || !strings.Contains(err.Error(), "--adopt-data") || !strings.Contains(err.Error(), "second.db") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("with another control store: %v; want a sentence that names it and --adopt-data", err)
	}
	if s, err = pair(t, data, first, false); err != nil {
		t.Fatalf("with its own control store, afterwards: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if s, err = pair(t, data, second, true); err != nil {
		t.Fatalf("adoption: %v", err)
	}
	defer func() { _ = s.Close() }()
	if s.Adopted() != 1 {
		t.Errorf("%d queues adopted, want 1", s.Adopted())
	}
	if status, answer := ask(t, s, http.MethodGet, messages+"?echo=true", ""); status != http.StatusOK || !strings.Contains(answer, "kept") {
		t.Errorf("after adoption: %d %s", status, answer)
	}
}
