package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/marconi-mq/marconi/config"
)

// A log is a logger whose level can be changed.
type log struct {
	*slog.Logger
	level *slog.LevelVar
	file  *os.File // nil: it is not the log's to close
}

// openLog logs as the configuration says: to its file, or to w.
func openLog(c *config.Config, w io.Writer) (*log, error) {
	l := &log{level: &slog.LevelVar{}}
	l.level.Set(c.LogLevel())
	if path := c.LogFile(); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, fmt.Errorf("open the log: %w", err)
		}
		w, l.file = f, f
	}
	o := &slog.HandlerOptions{Level: l.level}
	if c.LogJSON() {
		l.Logger = slog.New(slog.NewJSONHandler(w, o))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(w, o))
	}
	return l, nil
}

func (l *log) close() {
	if l.file != nil {
		_ = l.file.Close() // each line was written as it came
	}
}
