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
	four, strict := patience{tries: 4}, patience{tries: 4, strict: true}
	for name, c := range map[string]struct {
		patience        patience
		tries           []try
		failed, skipped bool
		tried           int
	}{
		"at once":                    {four, []try{{"", false}}, false, false, 1},
		"the third time":             {four, []try{{"a", true}, {"b", false}, {"", false}}, false, false, 3},
		"never":                      {four, []try{{"a", false}, {"b", false}, {"c", false}, {"d", false}}, true, false, 4},
		"never, and once idle":       {four, []try{{"a", true}, {"b", true}, {"c", false}, {"d", true}}, true, false, 4},
		"never, always busy":         {four, []try{{"a", true}, {"b", true}, {"c", true}, {"d", true}}, false, true, 4},
		"strict, never, always busy": {strict, []try{{"a", true}, {"b", true}, {"c", true}, {"d", true}}, true, false, 4},
		"strict, the last time":      {strict, []try{{"a", true}, {"b", true}, {"c", true}, {"", false}}, false, false, 4},
	} {
		w, tried := &witness{TB: t}, 0
		c.patience.attempt(w, func() (string, bool) {
			now := c.tries[tried]
			tried++
			return now.problem, now.busy
		})
		if got := fmt.Sprint(w.failed, w.skipped, tried); got != fmt.Sprint(c.failed, c.skipped, c.tried) {
			t.Errorf("%s: failed, skipped, tried: %s; want %v %v %d", name, got, c.failed, c.skipped, c.tried)
		}
	}
}

// With CI=true more is tried, and what is never seen is a failure: a test that is skipped there is seen by nobody.
func TestPatience(t *testing.T) {
	t.Setenv("CI", "")
	here := usual()
	t.Setenv("CI", "true")
	there := usual()
	if here.strict || there.strict == Raced || there.tries <= here.tries != Raced {
		t.Errorf("patience is %+v here and %+v with CI=true", here, there)
	}
}
