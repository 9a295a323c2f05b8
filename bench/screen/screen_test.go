package screen

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/marconi-mq/marconi/bench/experiment"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
)

const cell = "work-queue/redis/v1.1/p1/rate-1000"

// events are those of a short experiment.
func events() []experiment.Event {
	p50, p99, p999 := int64(1_200_000), int64(6_800_000), int64(21_000_000)
	run := &result.Run{
		Cell: cell, Status: result.Valid, MeasuredNS: int64(time.Second), Ledger: result.Ledger{OK: true},
		Config:     plan.Cell{Workload: plan.Workload{Use: "work-queue"}},
		Operations: map[string]result.Operation{"producer/post": {Achieved: 1000, Response: result.Latency{P50NS: &p50, P99NS: &p99}}},
	}
	tick := &experiment.Tick{
		Phase: "measure", Offered: 1000, Sent: 1000, Achieved: 998, P50: &p50, P99: &p99, P999: &p999, Max: 44_000_000, Posted: 41_213, Delivered: 41_190, Deleted: 41_102,
		Longest: []float64{1, 2, 8}, Usage: map[string]experiment.Usage{"server": {CPU: 0.61, RSS: 84 << 20}},
	}
	progress := experiment.Progress{Runs: 1, Total: 3, Share: 0.41, Left: 372 * time.Second}
	return []experiment.Event{
		{Kind: experiment.Began, Text: "runs/x"},
		{Kind: experiment.NotRun, Cell: "redis", Text: "backend is not there: redis-server is not installed"},
		{Kind: experiment.Block, Block: 2, Blocks: 5, Calibration: &result.Calibration{EchoP50NS: 80_000, EchoP99NS: 410_000}},
		{Kind: experiment.RunBegan, Cell: cell, Repeat: 3, Repeats: 5},
		{Kind: experiment.Ticked, Cell: cell, Repeat: 3, Repeats: 5, Tick: tick, Progress: progress},
		{Kind: experiment.Ticked, Cell: cell, Repeat: 3, Repeats: 5, Tick: tick, Progress: progress},
		{Kind: experiment.RunEnded, Cell: cell, Repeat: 3, Repeats: 5, Run: run, Status: result.Valid, Progress: progress},
		{Kind: experiment.Level, Level: &result.SweepLevel{Rate: 12_000, Why: []string{"The backlog grows: more is posted than deleted."}}},
		{Kind: experiment.Ended},
	}
}

func show(o Options) string {
	var out bytes.Buffer
	s := New(&out, o)
	for _, e := range events() {
		s.Event(e)
	}
	s.Close()
	return out.String()
}

func TestPlainLines(t *testing.T) {
	now := time.Unix(0, 0)
	got := show(Options{Plan: "backends", Now: func() time.Time { return now.Add(time.Hour) }})
	want := `results in runs/x
not run: redis, because backend is not there: redis-server is not installed
block 2 of 5; the machine answers an echo in 80 µs (p99 410 µs)
work-queue · redis · v1.1 · 1 000/s · run 3/5: 1 000/s, response p50 1.20 ms p99 6.80 ms, ledger clean
level 12 000/s: not carried. The backlog grows: more is posted than deleted.
`
	if got != want {
		t.Errorf("the lines are\n%s\nwant\n%s", got, want)
	}
}

func TestALongRunIsToldOfEveryFiveSeconds(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1000, 0)
	s := New(&out, Options{Now: func() time.Time { return now }})
	for range 40 { // ten seconds
		s.Event(events()[4])
		now = now.Add(250 * time.Millisecond)
	}
	s.Close()
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines in ten seconds, want 2:\n%s", n, out.String())
	}
	if want := "offered 1 000, done 998/s, p99 6.80 ms · 41 %, 6:12 left"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in\n%s", want, out.String())
	}
}

// What is no terminal gets no control characters.
func TestNoControlCharactersWhereThereIsNoTerminal(t *testing.T) {
	for name, o := range map[string]Options{"plain": {}, "json": {JSON: true}, "quiet": {Quiet: true}} {
		if i := strings.IndexFunc(show(o), func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("%s output has a control character at %d", name, i)
		}
	}
	if got := show(Options{Quiet: true}); got != "" {
		t.Errorf("quiet output is %q", got)
	}
}

func TestLinesOfJSON(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(show(Options{JSON: true})), "\n")
	if len(lines) != len(events()) {
		t.Fatalf("%d lines for %d events", len(lines), len(events()))
	}
	for i, line := range lines {
		var e experiment.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Kind != events()[i].Kind {
			t.Errorf("line %d is %s: %v", i, line, err)
		}
	}
}

func TestTheBlockOfATerminal(t *testing.T) {
	lines := block(events()[4].Tick, false)
	for i, want := range []string{
		"offered 1 000   sent 1 000   done 998 /s    posted 41 213  delivered 41 190  deleted 41 102  backlog 111",
		"response  p50 1.20 ms  p99 6.80 ms  p99.9 21 ms  max 44 ms   ▂▃█   errors 0",
		"ledger clean so far   server 61 % 88.1 MB",
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q in it", i+1, lines[i], want)
		}
		if strings.Contains(lines[i], "\x1b") {
			t.Errorf("line %d has a control character without colours", i+1)
		}
	}
	few := *events()[4].Tick
	few.P99, few.P999, few.Lag = nil, nil, nil
	if lines := block(&few, false); !strings.Contains(lines[1], "p50 1.20 ms  p99 –  p99.9 –  max 44 ms") || !strings.HasSuffix(lines[2], "lag p99 –") {
		t.Errorf("percentiles of few samples are told: %q", lines)
	}
	bad := *events()[4].Tick
	bad.Errors, bad.Faults = 3, 1
	red := block(&bad, true)
	if text := strings.Join(red[:], "\n"); strings.Count(text, "\x1b[31m") != 2 {
		t.Errorf("errors and faults are not both red: %q", text)
	}
	for width := range 80 {
		for _, line := range append(lines[:], red[:]...) {
			got := cut(line, width)
			letters := len([]rune(strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(got)))
			if width > 1 && letters > width {
				t.Errorf("a line of %d letters on a terminal that is %d wide", letters, width)
			}
			if strings.LastIndex(got, "\x1b[31m") > strings.LastIndex(got, "\x1b[0m") {
				t.Errorf("the colour of %q does not end", got)
			}
		}
	}
}

// The live screen ends, and says what happened.
func TestTheLiveScreenEnds(t *testing.T) {
	got := show(Options{Terminal: true, Plan: "backends"})
	for _, want := range []string{"results in runs/x", "redis-server is not installed", "block 2 of 5", "p99 6.80 ms, ledger clean", "The backlog grows: more is posted than deleted."} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is shown %d times, want once: %q", want, strings.Count(got, want), got)
		}
	}
}

// What is said meanwhile stands in a line of its own; where nothing is painted, whoever has something to say does so himself.
func TestSomethingIsSaidMeanwhile(t *testing.T) {
	var out bytes.Buffer
	s := New(&out, Options{Terminal: true})
	if !s.Say("stopping") {
		t.Error("a live screen has not said it")
	}
	s.Close()
	if !strings.Contains(out.String(), "stopping\n") {
		t.Errorf("the screen shows %q", out.String())
	}
	if s.Say("too late") {
		t.Error("a screen that is closed has said something")
	}
	if New(&out, Options{}).Say("plain") || New(&out, Options{JSON: true}).Say("json") {
		t.Error("a screen that is not painted has said something")
	}
}
