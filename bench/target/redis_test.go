package target

import (
	"bufio"
	"maps"
	"strings"
	"testing"
)

func TestRepliesOfRedis(t *testing.T) {
	for reply, want := range map[string]string{
		"+OK\r\n": "OK", ":7\r\n": "7", "$4\r\na\r\nb\r\n": "a\r\nb", "$0\r\n\r\n": "", "*0\r\n": "",
		"*2\r\n*2\r\n$7\r\ncommand\r\n:1\r\n*2\r\n$4\r\nfork\r\n:2\r\n": "command\n1\nfork\n2",
	} {
		if got, err := readReply(bufio.NewReader(strings.NewReader(reply))); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", reply, got, err, want)
		}
	}
	for _, reply := range []string{
		"", "-ERR no\r\n", "?\r\n", "$-1\r\n", "$9\r\nshort\r\n", "$1\r\na", "$99999999\r\n", "*-1\r\n", "*x\r\n", "*9999\r\n", "*2\r\n:1\r\n",
	} {
		if got, err := readReply(bufio.NewReader(strings.NewReader(reply))); err == nil {
			t.Errorf("%q is %q, want an error", reply, got)
		}
	}
}

func TestLatenciesOfRedis(t *testing.T) {
	got := map[string]float64{}
	addLatencies(got, "command\n1700000000\n5\n250\naof-fsync-always\n1700000001\n2\n3")
	want := map[string]float64{
		"latency_command_last_ms": 5, "latency_command_max_ms": 250, "latency_aof_fsync_always_last_ms": 2, "latency_aof_fsync_always_max_ms": 3,
	}
	if !maps.Equal(got, want) {
		t.Errorf("the figures are %v, want %v", got, want)
	}
	for _, none := range []string{"", "command\n1700000000"} {
		got := map[string]float64{}
		if addLatencies(got, none); len(got) > 0 {
			t.Errorf("the figures of %q are %v, want none", none, got)
		}
	}
}

// What holds a Redis up that was started here is among its figures.
func TestRedisTellsWhatHeldItUp(t *testing.T) {
	i := startBackend(t, "redis", map[string]string{"enable-debug-command": "local"})
	if _, err := (redisServer{address: strings.TrimPrefix(i.store.uri, "redis://")}).ask(t.Context(), "DEBUG SLEEP 0.02"); err != nil {
		t.Fatal(err)
	}
	figures, err := i.store.collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if held := figures["latency_command_max_ms"]; held < 20 {
		t.Errorf("a command that took 20 ms held it up for %v ms, of %v", held, figures)
	}
}
