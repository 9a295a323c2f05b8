package report

import (
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/bench/result"
)

// Cells whose figures are to be read with care are named, with why.
func TestCellsToBeReadWithCareAreNamed(t *testing.T) {
	with := func(name string, status result.Status, response, service float64) *cell {
		return &cell{Summary: result.Summary{Cell: name, Status: status, Metrics: map[string]result.Figure{
			"response_p99_ns": {Value: response}, "service_p99_ns": {Value: service},
		}}}
	}
	s := &study{cells: []*cell{
		with("good", result.Valid, 110, 100), with("queued", result.Valid, 900, 40), with("drifts", result.Drifting, 110, 100),
		with("odd", result.Suspicious, 110, 100), with("full", result.Saturated, 110, 100),
	}}
	var said []string
	for _, sentence := range s.aboutStates() {
		said = append(said, sentence.String())
	}
	text := strings.Join(said, "\n")
	for cell, why := range map[string]string{
		"queued": "waited longer for a free connection than for their answer", "drifts": "drifted", "odd": "Little's law", "full": "Not carried",
	} {
		found := false
		for _, sentence := range said {
			found = found || strings.Contains(sentence, why) && strings.Contains(sentence, cell)
		}
		if !found {
			t.Errorf("%s is not named with %q:\n%s", cell, why, text)
		}
	}
	if strings.Contains(text, "good") {
		t.Errorf("a sound cell is named:\n%s", text)
	}
}

// What claims cost with a backlog is judged: it may be twice as much as with the smallest one.
func TestTheCostOfABacklogIsJudged(t *testing.T) {
	with := func(name string, value float64, interval ...float64) *cell {
		f := result.Figure{Value: value}
		if len(interval) > 0 {
			f.Low, f.High = &interval[0], &interval[1]
		}
		return &cell{Summary: result.Summary{Cell: name, Status: result.Valid, Metrics: map[string]result.Figure{result.ClaimsByDepth: f}}}
	}
	none := &cell{Summary: result.Summary{Cell: "shallow", Status: result.Valid}}
	spoilt := with("spoilt", 9)
	spoilt.Status = result.Invalid
	s := &study{cells: []*cell{none, with("flat", 1.9), with("steep", 2.1), with("surely steep", 2.5, 2.1, 3), with("perhaps", 2.5, 1.5, 3), spoilt}}
	var said []string
	for _, sentence := range s.aboutDepth() {
		said = append(said, sentence.String())
	}
	want := []string{"flat: claims (p50) take 1.90 times as long as with the smallest backlog, not more", "steep: claims (p50) take 2.10 times as long as with the smallest backlog, more than twice", "surely steep: claims (p50) take 2.50 times as long as with the smallest backlog, more than twice", "perhaps: claims (p50) take 2.50 times as long as with the smallest backlog, which may be"}
	if len(said) != len(want) {
		t.Fatalf("%q, want %d sentences", said, len(want))
	}
	for i, begins := range want {
		if !strings.HasPrefix(said[i], begins) {
			t.Errorf("%q, want %q…", said[i], begins)
		}
	}
}
