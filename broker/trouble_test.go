package broker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
)

// A store in trouble costs a few lines in the log now and then, and the next line counts those left out. A bug of ours is always told.
func TestTroubleIsLoggedSparingly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &Broker{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 1000 {
			if err := b.named(context.Background(), "post messages", jobs, errors.New("no connection")); !errors.Is(err, marconi.ErrUnavailable) {
				t.Fatalf("named gives %v", err)
			}
		}
		if n := strings.Count(log.String(), "no connection"); n != troubleLines {
			t.Errorf("a thousand failures leave %d lines, want %d", n, troubleLines)
		}
		_ = b.named(context.Background(), "post messages", jobs, &marconi.Error{Kind: marconi.Internal, Code: "bug", Text: "a bug"})
		if !strings.Contains(log.String(), "a bug") {
			t.Error("a bug is not told")
		}
		time.Sleep(troubleSpan)
		log.Reset()
		_ = b.named(context.Background(), "post messages", jobs, errors.New("no connection"))
		_ = b.named(context.Background(), "post messages", jobs, errors.New("no connection"))
		if text := log.String(); strings.Count(text, "\n") != 2 || strings.Count(text, "left_out=990") != 1 {
			t.Errorf("later the log has %s", text)
		}
	})
}
