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
