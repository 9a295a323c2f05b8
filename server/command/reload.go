package command

import (
	"context"
	"log/slog"
	"os"

	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
)

// A reloader reads the configuration again at each SIGHUP, from the sources of the first time, and changes what may be
// changed under way: the least level that is logged, and the certificate. All else takes a restart.
type reloader struct {
	sources config.Sources
	server  *server.Server
	level   *slog.LevelVar
	log     *slog.Logger

	current *config.Config
}

// run reloads until ctx ends.
func (r *reloader) run(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			r.reload(ctx)
		}
	}
}

// reload says in the log what it has changed, and what it could not.
func (r *reloader) reload(ctx context.Context) {
	c, warnings, err := config.Load(r.sources)
	for _, w := range warnings {
		r.log.LogAttrs(ctx, slog.LevelWarn, "configuration", slog.String("warning", w.String()))
	}
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "the configuration can't be read again: nothing has changed", slog.Any("error", err))
		return
	}
	said := r.reloadLevel(ctx, c)
	said = r.reloadCertificate(ctx, c) || said
	r.current = c
	if !said {
		r.log.LogAttrs(ctx, slog.LevelInfo, "configuration read again: neither log level nor certificate has changed")
	}
}

// reloadLevel logs the change while the more talkative of the two levels holds.
func (r *reloader) reloadLevel(ctx context.Context, c *config.Config) (said bool) {
	before, after := r.level.Level(), c.LogLevel()
	if before == after {
		return false
	}
	r.level.Set(min(before, after))
	r.log.LogAttrs(ctx, slog.LevelInfo, "log level changed",
		slog.String("before", before.String()), slog.String("after", after.String()))
	r.level.Set(after)
	return true
}

func (r *reloader) reloadCertificate(ctx context.Context, c *config.Config) (said bool) {
	file := c.Marconi.TLSCert
	if file == "" && r.current.Marconi.TLSCert == "" {
		return false
	}
	changed, err := r.server.ReloadCertificate(c.Marconi.TLSCert, c.Marconi.TLSKey)
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelError, "the certificate can't be replaced: the old one stays", slog.Any("error", err))
		return true
	}
	if changed {
		r.log.LogAttrs(ctx, slog.LevelInfo, "certificate replaced", slog.String("file", file))
	}
	return changed
}
