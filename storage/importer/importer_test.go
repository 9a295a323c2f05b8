package importer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi"
)

var wholeShelf = Counts{Queues: 3, Messages: 31, Expired: 3}

func TestRun(t *testing.T) {
	s, target, journal := aShelf(), openTarget(t), journalPath(t)
	counts, err := Run(t.Context(), s, target, Options{Journal: journal})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wholeShelf, counts); diff != "" {
		t.Errorf("counts, wanted and got:\n%s", diff)
	}
	if err := s.holds(t.Context(), target); err != nil {
		t.Error(err)
	}

	again, err := Run(t.Context(), s, target, Options{Journal: journal})
	if err != nil || !cmp.Equal(again, counts) {
		t.Errorf("once more it gives %+v, %v; want the same as before", again, err)
	}
	if err := s.holds(t.Context(), target); err != nil {
		t.Errorf("after the second run: %v", err)
	}
}

func TestDryRun(t *testing.T) {
	counts, err := Run(t.Context(), aShelf(), Target{}, Options{DryRun: true, Journal: "/nowhere/journal"})
	if err != nil || !cmp.Equal(counts, wholeShelf) {
		t.Errorf("a dry run gives %+v, %v; want %+v", counts, err, wholeShelf)
	}
}

// However far a run came before it was cut off, the next one ends it: each message is there once.
func TestCutOffAnywhere(t *testing.T) {
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			s, target, journal := aShelf(), openTarget(t), journalPath(t)
			_, err := Run(t.Context(), s, fused(target, &fuse{n, late}), Options{Journal: journal})
			if err == nil {
				if n < 15 {
					t.Fatalf("a run makes only %d calls", n)
				}
				break
			}
			if !errors.Is(err, errCutOff) {
				t.Fatal(err)
			}
			// And once more, soon after the second start.
			_, err = Run(t.Context(), s, fused(target, &fuse{3, late}), Options{Journal: journal})
			if err != nil && !errors.Is(err, errCutOff) {
				t.Fatal(err)
			}
			counts, err := Run(t.Context(), s, target, Options{Journal: journal})
			if err == nil {
				err = s.holds(t.Context(), target)
			}
			if err != nil || !cmp.Equal(counts, wholeShelf) {
				t.Errorf("cut off at call %d (carried out: %t) and gone on with: %+v, %v", n, late, counts, err)
			}
		}
	}
}

// A journal that ends anywhere, as after a loss of power, never makes messages come twice or be lost.
func TestJournalCutOffAnywhere(t *testing.T) {
	s, target, path := aShelf(), openTarget(t), journalPath(t)
	if _, err := Run(t.Context(), s, target, Options{Journal: path}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 7 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		counts, err := Run(t.Context(), s, target, Options{Journal: path})
		if err == nil {
			err = s.holds(t.Context(), target)
		}
		if err != nil || counts.Queues+counts.Existing != 3 {
			t.Fatalf("with %d of %d bytes of the journal: %+v, %v", n, len(whole), counts, err)
		}
	}
}

func TestQueuesThatAreThereStay(t *testing.T) {
	s, target := aShelf(), openTarget(t)
	key := s.queues[0].Key
	before, _, err := target.Control.CreateQueue(t.Context(), key, marconi.Metadata(`{"mine": true}`))
	if err != nil {
		t.Fatal(err)
	}
	var told []Problem
	counts, err := Run(t.Context(), s, target, Options{Journal: journalPath(t), Problem: func(p Problem) { told = append(told, p) }})
	if err != nil || counts.Existing != 1 || counts.Queues != 2 || counts.Messages != 11 || counts.LeftOut() != 1 {
		t.Errorf("counts %+v, %v; want one queue left out", counts, err)
	}
	if len(told) != 1 || told[0].Reason != Exists || told[0].Queue != "first" {
		t.Errorf("told of %v", told)
	}
	after, err := target.Control.Queue(t.Context(), key)
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("the queue that was there, %v, before and after:\n%s", err, diff)
	}
}

// A client that makes the queue while its messages are still coming gets its own, and none of them.
func TestQueueMadeMeanwhile(t *testing.T) {
	s, target := aShelf(), openTarget(t)
	key := s.queues[0].Key
	s.onPage = func() {
		if _, _, err := target.Control.CreateQueue(context.Background(), key, marconi.Metadata(`{"mine": true}`)); err != nil {
			t.Error(err)
		}
	}
	counts, err := Run(t.Context(), s, target, Options{Journal: journalPath(t)})
	if err != nil || counts.Existing != 1 || counts.Queues != 2 {
		t.Errorf("counts %+v, %v; want one queue left out", counts, err)
	}
	q, err := target.Control.Queue(t.Context(), key)
	if err != nil || string(q.Metadata) != `{"mine": true}` {
		t.Errorf("the queue is %+v, %v", q, err)
	}
	if volume, err := target.Data.Volume(t.Context()); err != nil || volume.Total != 11 {
		t.Errorf("the store holds %+v, %v; want only the 11 messages of the other queue", volume, err)
	}
}

// What comes is out of sight until it is all there.
func TestOutOfSight(t *testing.T) {
	s, target := aShelf(), openTarget(t)
	pages := 0
	s.onPage = func() {
		if pages++; pages > 3 {
			return // the first queue is there
		}
		if q, err := target.Control.Queue(context.Background(), s.queues[0].Key); !errors.Is(err, marconi.ErrNoQueue) {
			t.Errorf("at page %d the queue is %+v, %v", pages, q, err)
		}
	}
	if _, err := Run(t.Context(), s, target, Options{Journal: journalPath(t)}); err != nil || pages < 3 {
		t.Error(pages, err)
	}
}

// Who interrupts a run finds nothing half done in the store, also if it is never gone on with.
func TestInterrupted(t *testing.T) {
	s, target, journal := aShelf(), openTarget(t), journalPath(t)
	ctx, cancel := context.WithCancel(t.Context())
	pages := 0
	s.onPage = func() {
		if pages++; pages == 2 {
			cancel()
		}
	}
	counts, err := Run(ctx, s, target, Options{Journal: journal})
	if !errors.Is(err, context.Canceled) || counts.Queues != 0 || counts.Messages != 0 {
		t.Errorf("interrupted: %+v, %v", counts, err)
	}
	if volume, err := target.Data.Volume(t.Context()); err != nil || volume.Total != 0 {
		t.Errorf("the store holds %+v, %v", volume, err)
	}
	s.onPage = nil
	if counts, err = Run(t.Context(), s, target, Options{Journal: journal}); err != nil || !cmp.Equal(counts, wholeShelf) {
		t.Errorf("gone on with: %+v, %v", counts, err)
	}
	if err := s.holds(t.Context(), target); err != nil {
		t.Error(err)
	}
}

func TestWrongJournals(t *testing.T) {
	target := openTarget(t)
	run := func(target Target, path string, projects ...marconi.Project) error {
		_, err := Run(t.Context(), aShelf(), target, Options{Journal: path, Projects: projects})
		return err
	}
	used := journalPath(t)
	if err := run(target, used); err != nil {
		t.Fatal(err)
	}
	foreign := journalPath(t)
	if err := os.WriteFile(foreign, []byte("my thesis\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := journalPath(t)
	if err := os.WriteFile(later, []byte(`{"step":"import","version":2,"from":"shelf://"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"of another store":     {run(openTarget(t), used), "another store"},
		"of other projects":    {run(target, used, "p"), "other projects"},
		"no journal at all":    {run(target, foreign), "line 1"},
		"of a later version":   {run(target, later), "version 2"},
		"where nothing can be": {run(target, "/nowhere/journal"), "/nowhere/journal"},
	} {
		if !errors.Is(row.err, ErrJournal) || !strings.Contains(row.err.Error(), row.want) {
			t.Errorf("a journal %s: %v; want %q", name, row.err, row.want)
		}
	}
	if text, err := os.ReadFile(foreign); err != nil || string(text) != "my thesis\n" {
		t.Errorf("a file that is no journal is now %q, %v", text, err)
	}
}

// Two runs with one journal would each drop what the other has under way.
func TestOneRunAtATime(t *testing.T) {
	s, target, journal := aShelf(), openTarget(t), journalPath(t)
	pages := 0
	s.onPage = func() {
		if pages++; pages > 1 {
			return
		}
		_, err := Run(context.Background(), aShelf(), target, Options{Journal: journal})
		if !errors.Is(err, ErrJournal) || !strings.Contains(err.Error(), "another import") {
			t.Errorf("a second run: %v", err)
		}
	}
	if _, err := Run(t.Context(), s, target, Options{Journal: journal}); err != nil {
		t.Fatal(err)
	}
	if err := s.holds(t.Context(), target); err != nil {
		t.Error(err)
	}
}

func TestNothingToImport(t *testing.T) {
	_, err := Run(t.Context(), &shelf{}, openTarget(t), Options{Journal: journalPath(t)})
	if !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "shelf://") {
		t.Errorf("from an empty source: %v", err)
	}
}

func TestForeignTarget(t *testing.T) {
	a, b := openTarget(t), openTarget(t)
	if _, err := Run(t.Context(), aShelf(), a, Options{Journal: journalPath(t)}); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), aShelf(), Target{Control: b.Control, Data: a.Data}, Options{Journal: journalPath(t)})
	if !errors.Is(err, marconi.ErrForeignData) {
		t.Errorf("into data of another control store: %v", err)
	}
}

func TestPostsAreBounded(t *testing.T) {
	var page []Message
	for i := range 2*postMessages + 50 {
		m := Message{Client: "a"}
		m.Body = make([]byte, 10)
		if i == 2*postMessages+40 {
			m.Client = "b"
		}
		if i > 2*postMessages+40 {
			m.Body = make([]byte, postBytes*2/5)
		}
		page = append(page, m)
	}
	var got []int
	for rest := page; len(rest) > 0; {
		n := together(rest)
		got, rest = append(got, n), rest[n:]
	}
	if want := []int{postMessages, postMessages, 40, 1, 2, 2, 2, 2, 1}; !cmp.Equal(got, want) {
		t.Errorf("posts of %v messages, want %v", got, want)
	}
}

func TestProblemString(t *testing.T) {
	p := Problem{Project: "p", Queue: "q", Message: "m\n", Reason: BadBody, Err: errors.New("it is cut off")}
	if got, want := fmt.Sprint(p), `project "p" queue "q" message "m\n": message-body: it is cut off`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
