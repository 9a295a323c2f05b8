package config

import (
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/marconi-mq/marconi"
)

// Limits are the limits and defaults of the API. A default above its maximum is lowered to it.
func (c *Config) Limits() marconi.Limits {
	t := c.Transport
	for _, b := range t.bounded() {
		*b.def = min(*b.def, b.max)
	}
	return marconi.Limits{
		MaxQueuesPerPage:    t.MaxQueuesPerPage,
		MaxMessagesPerPage:  t.MaxMessagesPerPage,
		MaxMessagesPerClaim: t.MaxMessagesPerClaimOrPop,
		MaxQueueMetadata:    t.MaxQueueMetadata,
		MaxMessagesPostSize: t.MaxMessagesPostSize,
		MaxMessageTTL:       t.MaxMessageTTL,
		MaxMessageDelay:     t.MaxMessageDelay,
		MaxClaimTTL:         t.MaxClaimTTL,
		MaxClaimGrace:       t.MaxClaimGrace,
		DefaultMessageTTL:   t.DefaultMessageTTL,
		DefaultMessageDelay: t.DefaultMessageDelay,
		DefaultClaimTTL:     t.DefaultClaimTTL,
		DefaultClaimGrace:   t.DefaultClaimGrace,
		ClientIDs: marconi.ClientIDs{
			AnyText:   t.ClientIDUUIDSafe == "off",
			MinLength: t.MinLengthClientID,
			MaxLength: t.MaxLengthClientID,
		},
	}
}

// EnabledVersions lists which of the API versions "1" and "1.1" are served, the older first. That is both if
// enable_deprecated_api_versions is not set, and none if it is set to nothing.
func (c *Config) EnabledVersions() []string {
	all := []string{"1", "1.1"}
	if c.Service.EnabledVersions == nil {
		return all
	}
	return slices.DeleteFunc(all, func(v string) bool { return !slices.Contains(c.Service.EnabledVersions, v) })
}

// Address is where to listen, as host:port.
func (c *Config) Address() string {
	if c.Marconi.Listen != "" {
		return c.Marconi.Listen
	}
	return net.JoinHostPort(c.WSGI.Bind, strconv.Itoa(c.WSGI.Port))
}

// LogLevel is the least level that is logged.
func (c *Config) LogLevel() slog.Level {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warning": slog.LevelWarn, "error": slog.LevelError}
	if level, set := levels[c.Marconi.LogLevel]; set {
		return level
	}
	if c.Log.Debug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// LogJSON reports whether log lines are JSON.
func (c *Config) LogJSON() bool {
	return c.Marconi.LogFormat == "json" || c.Marconi.LogFormat == "" && c.Log.JSON
}

// defaultLogFile is the log's name in a folder that was named alone.
const defaultLogFile = "marconi-server.log"

// LogFile is the file to log to, or "" for standard error.
func (c *Config) LogFile() string {
	switch l := c.Log; {
	case l.Dir == "" || filepath.IsAbs(l.File):
		return l.File
	case l.File == "":
		return filepath.Join(l.Dir, defaultLogFile)
	default:
		return filepath.Join(l.Dir, l.File)
	}
}
