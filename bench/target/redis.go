package target

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/bench/measure"
)

// askRedis sends one command without arguments, in the inline form of Redis' protocol, and gives the reply's text.
func askRedis(ctx context.Context, address, command string) (string, error) {
	connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	if _, err := io.WriteString(connection, command+"\r\n"); err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	return readReply(bufio.NewReader(connection))
}

// maxReply is more than any reply has that is asked for here.
const maxReply = 1 << 20

func readReply(r *bufio.Reader) (string, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	kind, rest := head[0], strings.TrimSpace(head[1:])
	switch kind {
	case '+':
		return rest, nil
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n > maxReply {
			return "", fmt.Errorf("ask redis: a reply of %q bytes", rest)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(r, text); err != nil {
			return "", fmt.Errorf("ask redis: %w", err)
		}
		return string(text), nil
	}
	return "", fmt.Errorf("ask redis: it replied %q", strings.TrimSpace(head))
}

// redisFigures are what is kept of INFO, and what it is called here.
var redisFigures = map[string]string{
	"used_memory":              "used_memory_bytes",
	"used_memory_peak":         "used_memory_peak_bytes",
	"total_commands_processed": "commands",
	"keyspace_misses":          "keyspace_misses",
	"rdb_bgsave_in_progress":   "snapshots_under_way",
	"aof_current_size":         "append_only_file_bytes",
	"latest_fork_usec":         "latest_fork_us",
}

// redisInfo collects what Redis says of itself, with the calls of scripts and the time that took.
func redisInfo(address string) measure.Collector {
	return func(ctx context.Context) (map[string]float64, error) {
		text, err := askRedis(ctx, address, "INFO all")
		if err != nil {
			return nil, err
		}
		return parseInfo(text), nil
	}
}

func parseInfo(text string) map[string]float64 {
	figures := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if known := redisFigures[name]; known != "" {
			if n, err := strconv.ParseFloat(value, 64); err == nil {
				figures[known] = n
			}
		}
		if name == "cmdstat_evalsha" {
			for part := range strings.SplitSeq(value, ",") {
				what, n, _ := strings.Cut(part, "=")
				if f, err := strconv.ParseFloat(n, 64); err == nil && (what == "calls" || what == "usec") {
					figures["script_"+what] = f
				}
			}
		}
	}
	return figures
}
