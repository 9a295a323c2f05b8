package server

import (
	"context"
	"log/slog"
)

const (
	// spareFiles are for all but clients: stores, the log, operators, and the connections that are told there are too many.
	spareFiles = extraConnections + 128
	// fewestConnections are allowed whatever the limit says.
	fewestConnections = 16
)

// affordable is how many connections there may be: what is configured, or fewer if the process may not have as many
// files open. Otherwise accepting would fail, and all clients wait, new and old.
func affordable(ctx context.Context, configured int, log *slog.Logger) int64 {
	most := int64(configured)
	files := fileLimit()
	if files == 0 || most <= files-spareFiles {
		return most
	}
	afforded := max(files-spareFiles, fewestConnections)
	log.LogAttrs(ctx, slog.LevelWarn, "fewer connections than configured, for want of open files",
		slog.Int64("configured", most), slog.Int64("connections", afforded), slog.Int64("files", files))
	return afforded
}
