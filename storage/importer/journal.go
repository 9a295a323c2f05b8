package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/marconi-mq/marconi"
)

// The steps of a queue, and the first line of a journal.
const (
	stepImport  = "import"  // from where, to where
	stepBegin   = "begin"   // messages may be posted to the incarnation, which nobody sees
	stepPublish = "publish" // they are all there; it may be seen from now on
	stepDone    = "done"
)

const journalVersion = 1

// ErrJournal says that a journal can't be had, or is that of another import. Nothing was done.
var ErrJournal = errors.New("the journal can't be used")

// A header says what a journal is about.
type header struct {
	From     string            `json:"from,omitempty"`
	To       string            `json:"to,omitempty"` // the ID of the control store
	Projects []marconi.Project `json:"projects,omitempty"`
}

// A record is a line of a journal.
type record struct {
	Step    string `json:"step"`
	Version int    `json:"version,omitempty"` // of the first line
	header
	Project     marconi.Project     `json:"project,omitempty"`
	Queue       marconi.QueueName   `json:"queue,omitempty"`
	Incarnation marconi.Incarnation `json:"incarnation,omitempty"`
	Metadata    []byte              `json:"metadata,omitempty"` // as it is, whatever JSON would make of it
	Counts      *Counts             `json:"counts,omitempty"`
}

func (r *record) ref() marconi.QueueRef {
	return marconi.QueueRef{QueueKey: marconi.QueueKey{Project: r.Project, Name: r.Queue}, Incarnation: r.Incarnation}
}

// A journal is a file that knows which queues are done, and what is under way. A line is written before what it
// announces, so that whatever the file says last can be ended or done anew. One run has it at a time.
type journal struct {
	file    *os.File
	done    map[marconi.QueueKey]bool
	counts  Counts  // of the queues that are done
	pending *record // the begin or publish of the queue under way, nil if there is none
}

// openJournal opens the journal at path, or begins it. It has to be about what h says.
func openJournal(path string, h header) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJournal, err)
	}
	j := &journal{file: f, done: map[marconi.QueueKey]bool{}}
	if err := j.open(h); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrJournal, path, err)
	}
	return j, nil
}

func (j *journal) open(h header) error {
	if err := lock(j.file); err != nil {
		return err
	}
	whole, err := j.read(h)
	if err != nil {
		return err
	}
	if err := j.file.Truncate(whole); err != nil {
		return err
	}
	if _, err := j.file.Seek(whole, io.SeekStart); err != nil {
		return err
	}
	if whole > 0 {
		return nil
	}
	return j.write(record{Step: stepImport, Version: journalVersion, header: h}, true)
}

// read gives the length of the lines that are whole: a run may have been cut off while it wrote the last one.
func (j *journal) read(h header) (whole int64, err error) {
	in := bufio.NewReader(j.file)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return 0, err
		}
		r := &record{}
		if err := json.Unmarshal(bytes.TrimSpace(line), r); err != nil || (n == 1) != (r.Step == stepImport) {
			return 0, fmt.Errorf("line %d is none of a journal: name another file", n)
		}
		if err := j.take(r, h); err != nil {
			return 0, err
		}
		whole += int64(len(line))
	}
}

func (j *journal) take(r *record, h header) error {
	switch r.Step {
	case stepImport:
		if r.Version != journalVersion {
			return fmt.Errorf("it is of version %d, and this program writes %d", r.Version, journalVersion)
		}
		return r.same(h)
	case stepDone:
		j.pending = nil
		j.done[r.ref().QueueKey] = true
		if r.Counts != nil {
			j.counts.Add(*r.Counts)
		}
	default:
		j.pending = r
	}
	return nil
}

// same refuses the journal of another import: with it queues would be left out, or imported twice.
func (r *record) same(h header) error {
	switch {
	case r.From != h.From:
		return fmt.Errorf("it is of an import from %s, not from %s: name another file", r.From, h.From)
	case r.To != h.To:
		return errors.New("it is of an import into another store: name another file")
	case !slices.Equal(r.Projects, h.Projects):
		return errors.New("it is of an import of other projects: name another file")
	}
	return nil
}

func (j *journal) begin(ref marconi.QueueRef) error {
	r := record{Step: stepBegin, Project: ref.Project, Queue: ref.Name, Incarnation: ref.Incarnation}
	j.pending = &r
	return j.write(r, false)
}

// publish is synced if a loss of power could lose anything by it: metadata, or that the messages are all there.
func (j *journal) publish(ref marconi.QueueRef, m marconi.Metadata, c Counts) error {
	r := record{
		Step: stepPublish, Project: ref.Project, Queue: ref.Name, Incarnation: ref.Incarnation, Metadata: m, Counts: &c,
	}
	j.pending = &r
	return j.write(r, c.Messages > 0 || !slices.Equal(m, noMetadata))
}

func (j *journal) finish(key marconi.QueueKey, c Counts) error {
	j.pending = nil
	j.done[key] = true
	return j.write(record{Step: stepDone, Project: key.Project, Queue: key.Name, Counts: &c}, false)
}

func (j *journal) write(r record, sync bool) error {
	line, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

// close syncs what was not yet.
func (j *journal) close() {
	_ = j.file.Sync()
	_ = j.file.Close()
}
