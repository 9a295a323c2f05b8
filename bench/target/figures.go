package target

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// serverFigures are what is kept of a server's page for operators, and what it is called here.
var serverFigures = map[string]string{
	"go_memstats_heap_inuse_bytes":         "heap_bytes",
	"go_goroutines":                        "goroutines",
	"go_gc_duration_seconds_sum":           "gc_pause_s",
	"go_gc_duration_seconds_count":         "gc_cycles",
	`go_gc_duration_seconds{quantile="1"}`: "gc_pause_max_s",
}

// collectServer asks the server for its figures.
func (i *Instance) collectServer(ctx context.Context) (map[string]float64, error) {
	page := i.page.Load()
	if page == nil {
		return nil, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *page, nil)
	if err != nil {
		return nil, fmt.Errorf("figures of the server: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("figures of the server: %w", err)
	}
	defer response.Body.Close()
	return parseFigures(io.LimitReader(response.Body, 1<<20))
}

// parseFigures reads the text form of Prometheus: a name with labels and a number on each line.
func parseFigures(r io.Reader) (map[string]float64, error) {
	all, lines := map[string]float64{}, bufio.NewScanner(r)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if known := serverFigures[name]; known != "" {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				all[known] = n
			}
		}
	}
	return all, lines.Err()
}
