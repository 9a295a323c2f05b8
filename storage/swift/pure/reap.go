package pure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

const (
	// reapAfter is how long a message must have expired before it is removed: another process's clock may be behind, and a claim
	// that extends it under way.
	reapAfter = time.Minute

	// lastReap is for how long a store that is closed goes on to remove what it was about to.
	lastReap = 5 * time.Second

	// What waits to be removed is bounded: Swift removes objects by themselves, a day after they were of use, and what was to be done with
	// queues is finished by the next that looks through all.
	mostPaths   = 100_000
	mostOrphans = 100_000
	mostTasks   = 10_000

	// firstSweep is by how much sooner the first look through all queues comes: somebody may have died, or restart before an hour is over.
	firstSweep = 12

	// What fails is tried again after a second, and after twice as long each time, up to this.
	longestRest = 5 * time.Minute
)

// A reaper holds what is to be removed in the background.
type reaper struct {
	mu      sync.Mutex // guards what follows
	paths   []objects.Path
	orphans map[place][]string // deleted messages that may have left leases, by their queue
	known   int                // of them
	tasks   []task
}

// A task is something to be done with a queue.
type task struct {
	do    func(ctx context.Context) error
	alone bool // nothing in Swift tells anybody else of it
	soon  bool // it waits for no other that is not: a message is hidden until it is done
	tries int
	after time.Time // not before
}

func newReaper() reaper { return reaper{} }

// add has objects removed.
func (r *reaper) add(paths ...objects.Path) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, paths[:min(len(paths), mostPaths-len(r.paths))]...)
}

// addOrphans has the leases removed of messages of a queue that were deleted: a listing has to tell which they are.
func (r *reaper) addOrphans(at place, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names = names[:min(len(names), mostOrphans-r.known)]
	if len(names) == 0 {
		return
	}
	if r.orphans == nil {
		r.orphans = map[place][]string{}
	}
	r.orphans[at] = append(r.orphans[at], names...)
	r.known += len(names)
}

// addTask has something done with a queue.
func (r *reaper) addTask(t task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.alone || len(r.tasks) < mostTasks {
		r.tasks = append(r.tasks, t)
	}
}

// empty gives the objects that are to be removed.
func (r *reaper) empty() ([]objects.Path, map[place][]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	paths, orphans := r.paths, r.orphans
	r.paths, r.orphans, r.known = nil, nil, 0
	return paths, orphans
}

// takeTasks gives the tasks that are to be done soon, or the others.
func (r *reaper) takeTasks(soon bool) []task {
	r.mu.Lock()
	defer r.mu.Unlock()
	var taken, left []task
	for _, t := range r.tasks {
		if t.soon == soon {
			taken = append(taken, t)
		} else {
			left = append(left, t)
		}
	}
	r.tasks = left
	return taken
}

// reapAlways removes what is to be removed, until the store is closed. Deleted queues, which go one after the other, and objects may take long:
// neither keeps the rest waiting.
func (s *Store) reapAlways() {
	var reaping sync.WaitGroup
	for _, do := range []func() error{
		func() error { return s.reapTasks(s.living, true, false) },
		func() error { return s.reapTasks(s.living, false, false) },
		func() error { return s.reapObjects(s.living) },
	} {
		reaping.Go(func() { s.everyReap(do) })
	}
	reaping.Wait()
	s.reapLast()
}

// everyReap does something again and again, until the store is closed.
func (s *Store) everyReap(do func() error) {
	reap := time.NewTicker(s.o.ReapEvery)
	defer reap.Stop()
	for {
		select {
		case <-s.living.Done():
			return
		case <-reap.C:
			s.tellTrouble(do())
		}
	}
}

// sweepAlways looks through all queues now and then, until the store is closed. That may take long, and keeps nothing waiting.
func (s *Store) sweepAlways() {
	sweep := time.NewTimer(s.o.SweepEvery / firstSweep)
	defer sweep.Stop()
	for {
		select {
		case <-s.living.Done():
			return
		case <-sweep.C:
			_, err := s.sweepAll(s.living)
			s.tellTrouble(err)
			sweep.Reset(s.o.SweepEvery)
		}
	}
}

func (s *Store) tellTrouble(err error) {
	if err != nil && s.living.Err() == nil {
		s.o.Logger.Warn("removing what is of no use any more failed; it is tried again", "error", err)
	}
}

// reapLast does what there is to do when the store is closed.
func (s *Store) reapLast() {
	ctx, cancel := context.WithTimeout(context.Background(), lastReap)
	defer cancel()
	if err := s.reap(ctx); err != nil {
		s.o.Logger.Warn("removing what is of no use any more failed; it ends by itself", "error", err)
	}
}

// reap does what there is to do, one after the other: what hides messages first, and single objects last, for there may be many.
func (s *Store) reap(ctx context.Context) error {
	return errors.Join(s.reapTasks(ctx, true, true), s.reapTasks(ctx, false, true), s.reapObjects(ctx))
}

// reapTasks does the tasks that are to be done soon, or the others. What fails is done again later: after a rest, or the next time where all is
// to be tried.
func (s *Store) reapTasks(ctx context.Context, soon, all bool) error {
	var errs []error
	for _, t := range s.reaper.takeTasks(soon) {
		errs = append(errs, s.try(ctx, t, all))
	}
	return errors.Join(errs...)
}

// reapObjects removes objects. What fails is tried again the next time.
func (s *Store) reapObjects(ctx context.Context) error {
	paths, orphans := s.reaper.empty()
	err := s.removeAll(ctx, paths)
	if err != nil {
		s.reaper.add(paths...)
	}
	errs := []error{err}
	for at, names := range orphans {
		err := s.reapOrphans(ctx, at, names)
		if err != nil {
			s.reaper.addOrphans(at, names)
		}
		errs = append(errs, err)
	}
	s.marks.forget(s.o.Now())
	return errors.Join(errs...)
}

// try does a task if its time has come, and has it done again if that fails.
func (s *Store) try(ctx context.Context, t task, now bool) error {
	if !now && time.Now().Before(t.after) {
		s.reaper.addTask(t)
		return nil
	}
	err := t.do(ctx)
	if err != nil {
		t.after = time.Now().Add(min(time.Second<<min(t.tries, 10), longestRest))
		t.tries++
		s.reaper.addTask(t)
	}
	if errors.Is(err, errNotEmpty) { // that is no trouble
		return nil
	}
	return err
}

// Collect implements [marconi.DataStore].
func (s *Store) Collect(ctx context.Context) (int, error) {
	if err := s.door.Enter(ctx); err != nil {
		return 0, err
	}
	defer s.door.Leave()
	err := s.reap(ctx)
	n, sweepErr := s.sweepAll(ctx)
	if err := errors.Join(err, sweepErr); err != nil {
		return n, fmt.Errorf("collect: %w", err)
	}
	return n, nil
}

// sweepAll finishes what is left of deleted queues, and removes what has expired in all others. Their containers stay, also if they are
// empty: a message that is posted while its container goes would be in no listing any more. A queue that fails keeps none of the others
// waiting.
func (s *Store) sweepAll(ctx context.Context) (int, error) {
	total, dropErr := s.finishDrops(ctx)
	var t troubles
	for stem, err := range s.stems(ctx) {
		if err == nil {
			err = s.visit(ctx, stem, func(q marconi.QueueRef) error {
				n, err := s.sweep(ctx, q, drop{})
				total += n
				return err
			})
		}
		if t.note(err); t.tooMany() || ctx.Err() != nil {
			break
		}
	}
	return total, errors.Join(dropErr, t.all())
}

// sweep removes the messages of a queue that have expired long enough ago or were purged, or went with a drop, then their leases, and
// says how many messages that were.
func (s *Store) sweep(ctx context.Context, q marconi.QueueRef, d drop) (total int, err error) {
	var v *view
	for w := s.walkBehind(s.placeOf(q), ""); !w.done(); {
		records, err := w.next(ctx, 0)
		if err != nil {
			return total, err
		}
		if len(records) == 0 {
			break
		}
		v = s.viewOf(q)
		if d.upTo != "" {
			v.mark.drop = d
		}
		n, err := s.sweepPage(ctx, v, records)
		if total += n; err != nil {
			return total, err
		}
	}
	if d.upTo != "" {
		return total, nil // its marks go with its containers
	}
	if v == nil { // claims were not listed, nor marks of purges
		v = s.viewOf(q)
		if err := v.readClaims(ctx); err != nil {
			return total, err
		}
	}
	return total, s.forgetPurges(ctx, v)
}

func (s *Store) sweepPage(ctx context.Context, v *view, records []record) (int, error) {
	if err := v.readClaims(ctx); err != nil {
		return 0, err
	}
	gone := make([]bool, len(records))
	err := s.parallel(len(records), func(i int) (err error) {
		gone[i], err = s.isOver(ctx, v, &records[i])
		return err
	})
	if err != nil {
		return 0, err
	}
	return s.removeRecords(ctx, v.at, records, gone)
}

// isOver reports whether a message can be removed. A lease that extended it may be missing in a listing that lags, or be there as it
// was before a claim was renewed.
func (s *Store) isOver(ctx context.Context, v *view, r *record) (bool, error) {
	if !r.found {
		return v.mark.drop.covers(r.name), nil
	}
	if v.mark.covers(r.name, r.modified) {
		return true, nil
	}
	if r.ends()+reapAfter.Milliseconds() > v.now {
		return false, nil
	}
	if extended, err := s.isExtended(ctx, v, r); extended || err != nil {
		return false, err
	}
	_, err := s.c.Head(ctx, v.at.lease(r.name, r.generation+1), true)
	if isMissing(err) {
		return true, nil
	}
	return false, err
}

// isExtended asks all replicas whether the lease of a message puts its end off further than listings say. A lease that is listed and can't be
// found may do so: servers that have it may be away.
func (s *Store) isExtended(ctx context.Context, v *view, r *record) (bool, error) {
	if r.generation == 0 {
		return false, nil
	}
	o, err := s.c.Head(ctx, v.at.lease(r.name, r.generation), true)
	if isMissing(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	l, ok := parseLease(o.ContentType)
	return ok && l.until+reapAfter.Milliseconds() > v.now, nil
}

func (s *Store) removeRecords(ctx context.Context, at place, records []record, gone []bool) (int, error) {
	var messages, leases []objects.Path
	for i := range records {
		if !gone[i] {
			continue
		}
		if records[i].found {
			messages = append(messages, at.message(records[i].name))
		}
		leases = append(leases, at.leases(records[i].name, records[i].generation)...)
	}
	if err := s.removeMessages(ctx, messages); err != nil {
		return 0, err
	}
	return len(messages), s.removeAll(ctx, leases)
}

// reapOrphans removes the leases of deleted messages, as far as a listing shows them without the message.
func (s *Store) reapOrphans(ctx context.Context, at place, names []string) error {
	listed, err := s.recordsOf(ctx, at, names)
	if err != nil {
		return err
	}
	var leases []objects.Path
	for name, r := range listed {
		if !r.found {
			leases = append(leases, at.leases(name, r.generation)...)
		}
	}
	return s.removeAll(ctx, leases)
}
