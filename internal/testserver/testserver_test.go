package testserver_test

import (
	"net/http"
	"testing"

	"github.com/marconi-mq/marconi/internal/testserver"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// It answers as long as its test lasts, and then no more.
func TestServe(t *testing.T) {
	var address string
	t.Run("a test", func(t *testing.T) {
		address = testserver.Serve(t, server.Options{Drivers: storage.Drivers{"memory": memory.Open}, DataURI: "memory:"})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v1.1/ping", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
		request.Header.Set("X-Project-ID", "p")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusNoContent {
			t.Errorf("it answers %s", answer.Status)
		}
	})
	if answer, err := http.Get("http://" + address + "/v1.1/ping"); err == nil {
		_ = answer.Body.Close()
		t.Errorf("after its test it answers %s", answer.Status)
	}
}
