package benchtest

import (
	"fmt"
	"testing"
)

// A witness is a test that only notes what becomes of it.
type witness struct {
	testing.TB
	failed, skipped bool
}

func (w *witness) Helper()              {}
func (w *witness) Error(...any)         { w.failed = true }
func (w *witness) Skipf(string, ...any) { w.skipped = true }

func TestAttempts(t *testing.T) {
	type try struct {
		problem string
		busy    bool
	}
	for name, c := range map[string]struct {
		tries           []try
		failed, skipped bool
		tried           int
	}{
		"at once":              {[]try{{"", false}}, false, false, 1},
		"the third time":       {[]try{{"a", true}, {"b", false}, {"", false}}, false, false, 3},
		"never":                {[]try{{"a", false}, {"b", false}, {"c", false}, {"d", false}}, true, false, 4},
		"never, and once idle": {[]try{{"a", true}, {"b", true}, {"c", false}, {"d", true}}, true, false, 4},
		"never, always busy":   {[]try{{"a", true}, {"b", true}, {"c", true}, {"d", true}}, false, true, 4},
	} {
		w, tried := &witness{TB: t}, 0
		Attempts(w, func() (string, bool) {
			now := c.tries[tried]
			tried++
			return now.problem, now.busy
		})
		if got := fmt.Sprint(w.failed, w.skipped, tried); got != fmt.Sprint(c.failed, c.skipped, c.tried) {
			t.Errorf("%s: failed, skipped, tried: %s; want %v %v %d", name, got, c.failed, c.skipped, c.tried)
		}
	}
}
