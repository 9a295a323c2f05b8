package experiment_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/bench/command"
	"github.com/marconi-mq/marconi/bench/lying"
	"github.com/marconi-mq/marconi/bench/plan"
	"github.com/marconi-mq/marconi/bench/result"
	"github.com/marconi-mq/marconi/ledger"
)

// judged is what the program makes of a server.
type judged struct {
	status int
	said   string
	run    *result.Run
	files  string // the folder of the run
}

// judge runs the program with the plan of a deceit on the server.
func judge(t *testing.T, s *lying.Server, d lying.Deceit, api string) judged {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "lies.yaml"), filepath.Join(dir, "results")
	if err := os.WriteFile(file, d.Plan(s.URL, api), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	status := command.Run(t.Context(), command.Process{
		Args: []string{"run", file, "--out", out, "--quiet"}, Environ: os.Environ(), Stdout: &said, Stderr: &said,
	})
	f, err := result.Open(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	runs, err := f.Runs()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v\n%s", len(runs), err, said.String())
	}
	return judged{status: status, said: said.String(), run: runs[0], files: f.RunDir(runs[0].Cell, 1)}
}

// A server that lies is convicted: by the exit status, by the counts of its run, and by the violations, each with its message.
func TestALyingServerIsConvicted(t *testing.T) {
	deceits := append(lying.Deceits(), lying.Deceit{ // those who outlive their minute have been posted at the beginning
		Lie: lying.Outlive, Class: ledger.Overdue, Every: 5, Most: 5, Workload: lying.Events, Rate: 20, Length: 65 * time.Second,
	})
	for i, d := range deceits {
		quick := []lying.Lie{lying.Drop, lying.KeepRefused, lying.Swap, lying.Revive}
		if os.Getenv("MARCONI_TEST_SOAK") != "1" && !slices.Contains(quick, d.Lie) {
			continue
		}
		t.Run(string(d.Lie), func(t *testing.T) {
			t.Parallel()
			s := lying.Start(t, d.Options())
			got := judge(t, s, d, plan.Versions()[i%2])
			told := s.Told()
			if got.status != command.Violated || len(told) == 0 {
				t.Errorf("exit status %d after %d lies, want %d\n%s", got.status, len(told), command.Violated, got.said)
			}
			if got.run.Status != result.Invalid || len(got.run.Reasons) == 0 || got.run.Ledger.OK || !got.run.Ledger.Balanced {
				t.Errorf("the run is %s, because %v", got.run.Status, got.run.Reasons)
			}
			for class, n := range got.run.Ledger.Classes {
				want := int64(0)
				if class == string(d.Class) {
					want = int64(len(told))
				}
				if n != want {
					t.Errorf("%d %s in the ledger, want %d", n, class, want)
				}
			}
			got.wantNamed(t, d.Class, told)
		})
	}
}

// wantNamed looks whether violations.jsonl has as many lines as there were lies, and each of their messages.
func (j judged) wantNamed(t *testing.T, class ledger.Class, told []marconi.MessageID) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(j.files, "violations.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(text)) {
		var o ledger.Offender
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.Class != class || len(o.Evidence) == 0 {
			t.Errorf("violation %s: %v", line, err)
		}
		lines++
	}
	if lines != len(told) {
		t.Errorf("%d violations of %d lies", lines, len(told))
	}
	for _, id := range told {
		if !strings.Contains(string(text), `"`+string(id)+`"`) {
			t.Errorf("no violation names %s", id)
		}
	}
}

// An honest one is not, whatever else may be wrong with the machine.
func TestAnHonestServerIsNotConvicted(t *testing.T) {
	t.Parallel()
	d := lying.Deceits()[0]
	s := lying.Start(t, lying.Options{})
	got := judge(t, s, d, "1.1")
	if got.status != command.Fine && got.status != command.Unfit || !got.run.Ledger.OK {
		t.Errorf("exit status %d, run %s %v\n%s", got.status, got.run.Status, got.run.Reasons, got.said)
	}
	if _, err := os.Stat(filepath.Join(got.files, "violations.jsonl")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there are violations of a server that did not lie: %v", err)
	}
}
