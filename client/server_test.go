package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// startServer begins a real server that keeps its messages in memory.
func startServer(c *config.Config) (url string, stop func() error, err error) {
	s, err := server.New(context.Background(), server.Options{
		Config: c, Drivers: storage.Drivers{"memory": memory.Open}, DataURI: "memory:", ControlURI: "memory:",
	})
	if err != nil {
		return "", nil, err
	}
	h := httptest.NewServer(s.Handler())
	return h.URL, func() error {
		h.Close()
		return s.Close()
	}, nil
}

// connect starts a server in admin mode and gives clients of it.
func connect(t *testing.T) func(client.Config) *client.Client {
	t.Helper()
	settings := config.Default()
	settings.Service.AdminMode = true
	url, stop, err := startServer(settings)
	ok(t, err)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return func(c client.Config) *client.Client {
		made, err := client.New(url, c)
		ok(t, err)
		t.Cleanup(made.CloseIdleConnections)
		return made
	}
}

// eachVersion runs a test against a fresh server for each version, with two clients in one project.
func eachVersion(t *testing.T, test func(t *testing.T, writer, reader *client.Client)) {
	for _, v := range []client.Version{client.V1, client.V11} {
		t.Run(string(v), func(t *testing.T) {
			dial := connect(t)
			test(t, dial(client.Config{Version: v, Project: "p1"}), dial(client.Config{Version: v, Project: "p1"}))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: err = %v, want %v", what, err, want)
	}
}

// post puts numbers into a queue, one a message.
func post(t *testing.T, q *client.Queue, numbers ...int) []client.MessageID {
	t.Helper()
	messages := make([]client.NewMessage, len(numbers))
	for i, n := range numbers {
		messages[i] = client.NewMessage{TTL: 5 * time.Minute, Body: fmt.Append(nil, n)}
	}
	ids, err := q.Post(t.Context(), messages...)
	ok(t, err)
	return ids
}

func bodies(messages []client.Message) []string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, string(m.Body))
	}
	return texts
}

func wantBodies(t *testing.T, what string, messages []client.Message, want ...string) {
	t.Helper()
	if got := bodies(messages); !slices.Equal(got, want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
