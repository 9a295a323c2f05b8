package report

import (
	"strings"
	"testing"
)

// Within a number no line is broken.
func TestNumbersAreKeptTogether(t *testing.T) {
	for _, got := range []string{duration(1_240_000), digits(1234), grouped(1234), measured(84<<20, "bytes"), measured(3, "pages"), percent(0.5)} {
		if strings.Contains(got, " ") || !strings.Contains(got, blank) {
			t.Errorf("%q has blanks at which a line breaks", got)
		}
	}
}

func plainBlanks(s string) string { return strings.ReplaceAll(s, blank, " ") }

func TestCommandIsQuoted(t *testing.T) {
	if got, want := command([]string{"marconi-bench", "run", "it's a plan.yaml", ""}), `marconi-bench run 'it'\''s a plan.yaml' ''`; got != want {
		t.Errorf("command = %s, want %s", got, want)
	}
}
