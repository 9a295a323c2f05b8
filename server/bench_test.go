package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/marconi-mq/marconi/config"
)

// What the gate costs a request of a counted connection.
func BenchmarkGate(b *testing.B) {
	g := newGate(config.Default(), slog.New(slog.DiscardHandler), &refusals{})
	g.api = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	conn := newConnections(10, g.refusals).admit(nil)
	r := httptest.NewRequest(http.MethodPost, messages, http.NoBody)
	r.ContentLength = 1000
	r = r.WithContext(withConnection(b.Context(), conn))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		g.ServeHTTP(w, r)
	}
}
