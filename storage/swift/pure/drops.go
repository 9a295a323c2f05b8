package pure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// droppedPrefix begins the names, beside the settings, of what says that a queue was deleted. It stands outside the queue's containers, so
// that it can go after them.
const droppedPrefix = "dropped/"

// keepDropped is for how long a deleted queue is looked at again: a process that has not heard may post to it, for minutes if the
// control store is away.
const keepDropped = time.Hour

// A drop says what went with a deleted queue.
type drop struct {
	upTo string // what the process that deleted it had posted up to here; "": there was no drop
	node string // that process. What others post for as long as a drop is kept goes as well
}

// covers reports whether the message of that name went with its queue. What comes later still is of a queue that lives again: its control
// store has been restored, or a change of metadata met the deletion.
func (d drop) covers(name string) bool {
	return d.upTo != "" && (name <= d.upTo || nodeOf(name) != d.node && stampOf(name) <= stampOf(d.upTo)+keepDropped.Microseconds())
}

func (d drop) String() string {
	b := parameters(dropType)
	b.text("u", d.upTo)
	b.text("n", d.node)
	return string(b)
}

func parseDrop(contentType string) (drop, bool) {
	f, ok := parseFields(contentType, dropType)
	d := drop{upTo: f.text("u"), node: f.text("n")}
	return d, ok && !f.bad && isName(d.upTo)
}

// droppedAt is where it stands that a queue was deleted.
func (s *Store) droppedAt(q marconi.QueueRef) objects.Path {
	return s.settings(droppedPrefix + s.placeOf(q).stem)
}

// DeleteQueue implements [marconi.DataStore]. This process sees nothing of the queue from now on; the objects are removed in the
// background, by another process if this one dies. Others hear of it from the control store: nobody will ask for this incarnation again.
func (s *Store) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	if err := s.door.Enter(ctx); err != nil {
		return err
	}
	defer s.door.Leave()
	d := drop{s.names.latest(), s.names.node}
	s.marks.set(q, s.o.Now(), func(m *mark) { m.drop = d })
	s.ready.drop(s.placeOf(q).stem)
	err := s.noteDrop(ctx, q, d)
	noted := err == nil
	s.reaper.addTask(task{alone: !noted, do: func(ctx context.Context) error {
		if !noted {
			if err := s.noteDrop(ctx, q, d); err != nil {
				return err
			}
			noted = true
		}
		_, err := s.reapQueue(ctx, q, d)
		return err
	}})
	return err
}

// noteDrop writes down that a queue was deleted, for whoever comes to finish that.
func (s *Store) noteDrop(ctx context.Context, q marconi.QueueRef, d drop) error {
	err := s.put(ctx, s.droppedAt(q), cardOf(q).Body, objects.Attributes{ContentType: d.String()})
	if err != nil && !errors.Is(err, objects.ErrNotStored) { // for then there is one of another process
		return fmt.Errorf("note that a queue was deleted: %w", err)
	}
	return nil
}

// isDropped reports whether some process has deleted the queue.
func (s *Store) isDropped(ctx context.Context, q marconi.QueueRef) (bool, error) {
	_, err := s.c.Head(ctx, s.droppedAt(q), true)
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// finishDrops goes on with what is left of all deleted queues, whichever process has deleted them.
func (s *Store) finishDrops(ctx context.Context) (total int, err error) {
	var t troubles
	for e, err := range s.entries(ctx, s.o.Namespace, droppedPrefix) {
		if err != nil {
			return total, errors.Join(t.all(), fmt.Errorf("list deleted queues: %w", err))
		}
		n, err := s.finishDrop(ctx, s.settings(e.Name))
		total += n
		if t.note(err); t.tooMany() || ctx.Err() != nil {
			break
		}
	}
	return total, t.all()
}

// finishDrop goes on with one. When its containers have gone, and nobody can come late any more, it is forgotten.
func (s *Store) finishDrop(ctx context.Context, at objects.Path) (int, error) {
	o, err := s.c.Get(ctx, at, true)
	if isMissing(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	q, d, ok := s.readDrop(at, o)
	if !ok {
		return 0, nil // nothing of ours
	}
	left, err := s.c.Containers(ctx, objects.Listing{Prefix: s.placeOf(q).stem})
	if err != nil {
		return 0, err
	}
	if len(left) == 0 {
		return 0, s.forgetDrop(ctx, at, o.Modified)
	}
	n, err := s.reapQueue(ctx, q, d)
	if errors.Is(err, errNotEmpty) {
		err = s.forgetIfAlive(ctx, at, q, d, o.Modified)
	}
	return n, err
}

// forgetIfAlive forgets a drop of a queue that has messages which did not go with it.
func (s *Store) forgetIfAlive(ctx context.Context, at objects.Path, q marconi.QueueRef, d drop, noted time.Time) error {
	for w := s.walkBehind(s.placeOf(q), d.upTo); !w.done(); {
		records, err := w.next(ctx, 0)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(records, func(r record) bool { return r.found && nodeOf(r.name) != d.node && !d.covers(r.name) }) {
			s.o.Logger.Warn("a queue that was deleted is in use again", "project", q.Project, "queue", q.Name)
			return s.forgetDrop(ctx, at, noted)
		}
	}
	return nil
}

// readDrop reads which queue was deleted, and what went with it.
func (s *Store) readDrop(at objects.Path, o objects.Object) (marconi.QueueRef, drop, bool) {
	q, err := parseCard(o.Body)
	d, ok := parseDrop(o.ContentType)
	return q, d, ok && err == nil && s.droppedAt(q) == at
}

// forgetDrop removes what says that a queue was deleted, if nobody can come late any more.
func (s *Store) forgetDrop(ctx context.Context, at objects.Path, noted time.Time) error {
	if s.o.Now().Sub(noted) <= keepDropped {
		return nil
	}
	return s.c.Delete(ctx, at)
}

// reapQueue removes what a queue held when it was deleted, and its containers if nothing is left in them.
func (s *Store) reapQueue(ctx context.Context, q marconi.QueueRef, d drop) (int, error) {
	n, err := s.sweep(ctx, q, d)
	if err != nil {
		return n, err
	}
	return n, s.removeEmpty(ctx, s.placeOf(q))
}

// errNotEmpty says that a deleted queue's containers have to wait: for a listing that shows what was removed, or for the end of what
// was posted late.
var errNotEmpty = errors.New("a deleted queue is not empty yet")

// removeEmpty removes the containers of a queue without messages. Claims are listed first: those listed hold none of the messages
// that may come meanwhile. They go whether or not the card is still there: an earlier try may have come half the way.
func (s *Store) removeEmpty(ctx context.Context, at place) error {
	claims, err := s.c.List(ctx, at.stem, objects.Listing{Prefix: claimPrefix})
	if err != nil && !isMissing(err) {
		return err
	}
	for i := range at.shards {
		left, err := s.c.List(ctx, at.shard(i), objects.Listing{Prefix: messagePrefix, Limit: 1})
		if err != nil && !isMissing(err) {
			return err
		}
		if len(left) > 0 {
			return errNotEmpty
		}
	}
	paths := []objects.Path{at.card()}
	for _, e := range claims {
		paths = append(paths, objects.Path{Container: at.stem, Name: e.Name})
	}
	if err := s.removeAll(ctx, paths); err != nil {
		return err
	}
	return s.removeContainers(ctx, at)
}

// removeContainers removes a queue's containers, the first one last: as long as it is there, it shows where the others are. If one is not
// empty, somebody has posted.
func (s *Store) removeContainers(ctx context.Context, at place) error {
	for i := at.shards - 1; i >= 0; i-- {
		err := s.c.DeleteContainer(ctx, at.shard(i))
		if errors.Is(err, objects.ErrConflict) {
			return errNotEmpty
		}
		if err != nil {
			return err
		}
	}
	s.ready.drop(at.stem)
	return nil
}
