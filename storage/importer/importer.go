// Package importer moves the queues of another service into a store, once and completely.
//
// A queue is imported out of sight. Its messages are posted to an incarnation that the control store does not know yet, so
// that nobody can read, post or claim there; when all are in, the control store adopts that incarnation, in one step. What
// an interruption leaves half done was never visible, and is dropped by the next run, which begins that queue anew. So a queue
// is either there as a whole or not at all, and no message is doubled or lost, wherever a run was cut off.
//
// What is done is kept in a file, the journal. Without it a run finds the queues that are there already, and leaves them alone.
//
// A message keeps its place, body, client and checksum. It is a new message otherwise: its ID and age begin anew, its TTL is
// what it still had to live, its claims are not counted. One under a claim is free: the claim can't move along, since its ID and
// the IDs of its messages mean nothing in another store.
package importer

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/marconi-mq/marconi"
)

// What a post holds at most.
const (
	postMessages = 250
	postBytes    = 1 << 20
)

// tidyTime is how long a run that was interrupted takes to drop what it has half done.
const tidyTime = 5 * time.Second

// A Target is where queues go.
type Target struct {
	Control marconi.ControlStore
	Data    marconi.DataStore
}

// Options say what is imported, and how.
type Options struct {
	Projects []marconi.Project // none: all
	Journal  string            // the path of the file that knows what is done; required, but for a dry run
	DryRun   bool              // count only: nothing is written, no target is needed
	Progress func(Progress)    // called now and then by Run, if it is set
	Problem  func(Problem)     // called for each thing that can't be imported as it is, if it is set
}

// Progress is how far an import is.
type Progress struct {
	Queue  marconi.QueueKey // the one under way
	Counts Counts           // up to now, those of earlier runs with the same journal included
}

// ErrNothing says that the source holds no queues.
var ErrNothing = errors.New("there are no queues to import")

// Run imports what o says from s into t, or goes on with an import that was interrupted. The counts are those of all runs
// with this journal; they are right also beside an error. When ctx ends the run stops in order, and can be gone on with.
func Run(ctx context.Context, s Source, t Target, o Options) (Counts, error) {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Problem == nil {
		o.Problem = func(Problem) {}
	}
	r := &run{source: s, target: t, options: o}
	if !o.DryRun {
		id, err := bind(ctx, t)
		if err != nil {
			return Counts{}, err
		}
		if r.journal, err = openJournal(o.Journal, header{From: s.Place(), To: id, Projects: o.Projects}); err != nil {
			return Counts{}, err
		}
		defer r.journal.close()
		r.total = r.journal.counts
	}
	err := r.all(ctx)
	return r.total, err
}

// bind ties the data to its control store, as a server does that opens the two.
func bind(ctx context.Context, t Target) (id string, err error) {
	if id, err = t.Control.ID(ctx); err != nil {
		return "", fmt.Errorf("ask the control store's ID: %w", err)
	}
	if err = t.Data.Bind(ctx, id, false); err != nil {
		return "", fmt.Errorf("bind the data to the control store: %w", err)
	}
	return id, nil
}

// A run is one of the runs of an import.
type run struct {
	source  Source
	target  Target
	options Options
	journal *journal // nil: a dry run
	total   Counts
	seen    int64 // queues that the source has given
}

func (r *run) all(ctx context.Context) error {
	if r.journal != nil {
		if err := r.mend(ctx); err != nil {
			return err
		}
	}
	found := &Tally{problem: r.options.Problem}
	err := r.each(ctx, found)
	if err == nil {
		found.Unlisted = r.source.Unlisted()
	}
	r.total.Add(found.Counts)
	if err == nil && r.seen == 0 && found.LeftOut() == 0 {
		return fmt.Errorf("%w in %s", ErrNothing, r.source.Place())
	}
	return err
}

// each imports the queues that are not done.
func (r *run) each(ctx context.Context, found *Tally) error {
	for q, err := range r.source.Queues(ctx, r.options.Projects, found) {
		if err != nil {
			return fmt.Errorf("list the queues: %w", err)
		}
		r.seen++
		if r.journal != nil && r.journal.done[q.Key] {
			continue
		}
		if err := r.queue(ctx, q); err != nil {
			return fmt.Errorf("import queue %q of project %q: %w", q.Key.Name, q.Key.Project, err)
		}
	}
	return nil
}

// newIncarnation is 53 random bits, but never 0.
func newIncarnation() marconi.Incarnation {
	var raw [8]byte
	for {
		rand.Read(raw[:]) // never fails
		if n := binary.BigEndian.Uint64(raw[:]) >> 11; n != 0 {
			return marconi.Incarnation(n)
		}
	}
}
