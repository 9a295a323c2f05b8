package upstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/importer"
)

const queuesPage = 500

var errStop = errors.New("no more is wanted")

// Queues implements [importer.Source]: by project, and within one in the order of names. Of all projects it learns by going over all keys.
func (s *source) Queues(ctx context.Context, projects []marconi.Project, t *importer.Tally) iter.Seq2[importer.Queue, error] {
	return func(yield func(importer.Queue, error) bool) {
		err := s.queues(ctx, projects, t, func(q importer.Queue) bool { return yield(q, nil) })
		if err != nil && !errors.Is(err, errStop) {
			yield(importer.Queue{}, err)
		}
	}
}

func (s *source) queues(ctx context.Context, projects []marconi.Project, t *importer.Tally, yield func(importer.Queue) bool) error {
	chosen := len(projects) > 0
	if !chosen {
		var err error
		if projects, err = s.look(ctx); err != nil {
			return err
		}
	}
	for _, p := range projects {
		if err := s.project(ctx, string(p), t, yield); err != nil {
			return err
		}
	}
	if !chosen {
		return s.strays(ctx, t)
	}
	return nil
}

// look goes over all keys.
func (s *source) look(ctx context.Context) ([]marconi.Project, error) {
	begin := func() { s.survey = newSurvey() }
	err := s.Keys(ctx, begin, func(keys []string) error {
		ids := s.survey.keys(keys)
		return s.ends(ctx, ids)
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(s.survey.projects()), nil
}

// ends notes when those messages end that are there.
func (s *source) ends(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	commands := make([][]string, len(ids))
	for i, id := range ids {
		commands[i] = []string{"HMGET", id, "e", "u"} // claims have ends, too, and no client
	}
	replies, err := s.Read(ctx, commands...)
	if err != nil {
		return err
	}
	for _, r := range replies {
		if r.WrongType || len(r.Values) != 2 || !r.Values[1].Found {
			continue
		}
		if end, err := seconds(r.Values[0]); err == nil {
			s.survey.message(end, s.now())
		}
	}
	return nil
}

// project gives a project's queues.
func (s *source) project(ctx context.Context, project string, t *importer.Tally, yield func(importer.Queue) bool) error {
	key := project + queuesEnd
	kind, err := s.one(ctx, "TYPE", key)
	if err != nil {
		return err
	}
	switch kind.Values[0].Text {
	case "zset":
	case "none", "hash": // a hash is the record of a queue that has the list's name
		return nil
	default:
		t.Damage(importer.Problem{Project: marconi.Project(project), Reason: importer.BadQueues, Err: fmt.Errorf("its type is %s", kind.Values[0].Text)})
		return nil
	}
	for stems, err := range s.stems(ctx, key) {
		if err != nil {
			return err
		}
		if err := s.page(ctx, project, stems, t, yield); err != nil {
			return err
		}
	}
	return nil
}

// stems gives the members of a list of queues. They have one score, so that they are in the order of their bytes, and a page can
// begin behind the last one; if somebody has given them others, by those.
func (s *source) stems(ctx context.Context, key string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		replies, err := s.Read(ctx, []string{"ZCARD", key}, []string{"ZCOUNT", key, "1", "1"})
		if err != nil {
			yield(nil, err)
			return
		}
		if !slices.Equal(replies[0].Values, replies[1].Values) {
			s.byScore(ctx, key, queuesPage)(yield)
			return
		}
		from := "-"
		for {
			reply, err := s.Read(ctx, []string{"ZRANGEBYLEX", key, from, "+", "LIMIT", "0", strconv.Itoa(queuesPage)})
			if err != nil {
				yield(nil, err)
				return
			}
			stems := texts(reply[0])
			if len(stems) == 0 || !yield(stems, nil) {
				return
			}
			from = "(" + stems[len(stems)-1]
		}
	}
}

// page gives those of a project's queues that have the stems.
func (s *source) page(ctx context.Context, project string, stems []string, t *importer.Tally, yield func(importer.Queue) bool) error {
	commands := make([][]string, len(stems))
	for i, stem := range stems {
		commands[i] = []string{"HMGET", stem, "m", "t"}
	}
	records, err := s.Read(ctx, commands...)
	if err != nil {
		return err
	}
	for i, stem := range stems {
		n := name{project, stem}
		s.survey.stem(stem)
		problem := importer.Problem{Project: marconi.Project(project), Queue: n.queue()}
		key, err := n.key()
		if err != nil {
			problem.Reason, problem.Err = importer.BadName, err
			t.Damage(problem)
			continue
		}
		other, is, err := s.shared(ctx, n)
		if err != nil {
			return err
		}
		if is {
			problem.Reason, problem.Err = importer.SharedKeys, fmt.Errorf("so has a queue of project %q", other)
			t.Damage(problem)
			continue
		}
		s.survey.given++
		q := importer.Queue{Key: key, Metadata: s.metadata(records[i], problem, t)}
		if !yield(q) {
			return errStop
		}
	}
	return nil
}

// shared is the project of another queue with the same keys, if there is one.
func (s *source) shared(ctx context.Context, n name) (project string, is bool, err error) {
	others := n.others()
	if len(others) == 0 {
		return "", false, nil
	}
	commands := make([][]string, len(others))
	for i, o := range others {
		commands[i] = []string{"ZSCORE", o.project + queuesEnd, o.stem}
	}
	replies, err := s.Read(ctx, commands...)
	if err != nil {
		return "", false, err
	}
	for i, r := range replies {
		if !r.WrongType && len(r.Values) == 1 && r.Values[0].Found {
			return others[i].project, true, nil
		}
	}
	return "", false, nil
}

// strays reports the lists of messages that belong to no queue.
func (s *source) strays(ctx context.Context, t *importer.Tally) error {
	for stems := range slices.Chunk(s.survey.stray(), queuesPage) {
		commands := make([][]string, len(stems))
		for i, stem := range stems {
			commands[i] = []string{"TYPE", stem + messagesEnd}
		}
		replies, err := s.Read(ctx, commands...)
		if err != nil {
			return err
		}
		for i, r := range replies {
			if slices.Equal(texts(r), []string{"zset"}) {
				t.Damage(importer.Problem{Queue: stems[i], Reason: importer.Stray})
			}
		}
	}
	return nil
}
