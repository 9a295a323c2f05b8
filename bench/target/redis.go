package target

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A redisServer is one that was started here.
type redisServer struct {
	address, password string // without a password it lets in everybody
}

// uri is how a store is told of it.
func (r redisServer) uri() string {
	u := url.URL{Scheme: "redis", Host: r.address}
	if r.password != "" {
		u.User = url.UserPassword("", r.password)
	}
	return u.String()
}

// redisQuoted is a value as its configuration and the inline form of its protocol take it, whatever is in it.
func redisQuoted(value string) string {
	text := []byte{'"'}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			text = fmt.Appendf(text, "\\x%02x", c)
			continue
		}
		text = append(text, c)
	}
	return string(append(text, '"'))
}

// ask sends one command in the inline form of Redis' protocol, and gives the reply's text: of an array, its elements one a
// line.
func (r redisServer) ask(ctx context.Context, command string) (string, error) {
	connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	commands := command + "\r\n"
	if r.password != "" {
		commands = "AUTH " + redisQuoted(r.password) + "\r\n" + commands
	}
	if _, err := io.WriteString(connection, commands); err != nil {
		return "", fmt.Errorf("ask redis: %w", err)
	}
	replies := bufio.NewReader(connection)
	if r.password != "" {
		if _, err := readReply(replies); err != nil {
			return "", err
		}
	}
	return readReply(replies)
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
		return string(text), finish(r)
	case ':':
		return rest, nil
	case '*':
		return readArray(r, rest)
	}
	return "", fmt.Errorf("ask redis: it replied %q", strings.TrimSpace(head))
}

// finish reads the end of a line behind a text.
func finish(r *bufio.Reader) error {
	if _, err := r.Discard(len("\r\n")); err != nil {
		return fmt.Errorf("ask redis: %w", err)
	}
	return nil
}

// maxElements is more than any array has that is asked for here.
const maxElements = 1000

func readArray(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxElements {
		return "", fmt.Errorf("ask redis: a reply of %q elements", length)
	}
	elements := make([]string, n)
	for i := range elements {
		if elements[i], err = readReply(r); err != nil {
			return "", err
		}
	}
	return strings.Join(elements, "\n"), nil
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

// latencyThreshold is from how many milliseconds on Redis takes down what held it up: the fewest it can.
const latencyThreshold = 1

// info collects what Redis says of itself, with the calls of scripts and the time that took, and what held it up.
func (r redisServer) info(ctx context.Context) (map[string]float64, error) {
	text, err := r.ask(ctx, "INFO all")
	if err != nil {
		return nil, err
	}
	figures := parseInfo(text)
	events, err := r.ask(ctx, "LATENCY LATEST")
	if err != nil {
		return nil, err
	}
	addLatencies(figures, events)
	return figures, nil
}

// addLatencies adds, for each kind of event that held Redis up, how long it last did and how long at most. Redis tells of four
// elements each: the kind, when that last was, and the two times in milliseconds.
func addLatencies(figures map[string]float64, events string) {
	for fields := range slices.Chunk(strings.Split(events, "\n"), 4) {
		if len(fields) < 4 {
			return
		}
		kind := "latency_" + strings.ReplaceAll(fields[0], "-", "_")
		for i, name := range map[int]string{2: kind + "_last_ms", 3: kind + "_max_ms"} {
			if n, err := strconv.ParseFloat(fields[i], 64); err == nil {
				figures[name] = n
			}
		}
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
