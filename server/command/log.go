package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/marconi-mq/marconi/config"
)

// newLogger logs as the configuration says: to its file, or to w.
func newLogger(c *config.Config, w io.Writer) (log *slog.Logger, closeLog func(), err error) {
	closeLog = func() {}
	if path := c.LogFile(); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("open the log: %w", err)
		}
		w, closeLog = f, func() { _ = f.Close() }
	}
	o := &slog.HandlerOptions{Level: c.LogLevel()}
	if c.LogJSON() {
		return slog.New(slog.NewJSONHandler(w, o)), closeLog, nil
	}
	return slog.New(slog.NewTextHandler(w, o)), closeLog, nil
}
