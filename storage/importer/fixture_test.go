package importer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A shelf is a source that gives what it was given.
type shelf struct {
	queues   []Queue
	messages map[marconi.QueueKey][]Message
	page     int
	onPage   func() // before each page
}

func (s *shelf) Place() string    { return "shelf://" }
func (s *shelf) Close()           {}
func (s *shelf) Unlisted() *int64 { return nil }

func (s *shelf) Queues(context.Context, []marconi.Project, *Tally) iter.Seq2[Queue, error] {
	return func(yield func(Queue, error) bool) {
		for _, q := range s.queues {
			if !yield(q, nil) {
				return
			}
		}
	}
}

func (s *shelf) Messages(ctx context.Context, q Queue, t *Tally) iter.Seq2[[]Message, error] {
	return func(yield func([]Message, error) bool) {
		t.Expired++ // one a queue, to see that counts are kept
		for rest := s.messages[q.Key]; len(rest) > 0; {
			if s.onPage != nil {
				s.onPage()
			}
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			n := min(s.page, len(rest))
			if !yield(rest[:n], nil) {
				return
			}
			rest = rest[n:]
		}
	}
}

// aShelf has three queues: with messages of two clients, with none, and with many in another project.
func aShelf() *shelf {
	s := &shelf{page: 7, messages: map[marconi.QueueKey][]Message{}}
	add := func(project marconi.Project, name marconi.QueueName, metadata string, n int) {
		key := marconi.QueueKey{Project: project, Name: name}
		s.queues = append(s.queues, Queue{key, marconi.Metadata(metadata)})
		for i := range n {
			m := Message{Client: marconi.ClientID(fmt.Sprintf("client-%d", i/3%2))}
			m.TTL, m.Body = 600, fmt.Appendf(nil, `"%s %d"`, name, i)
			s.messages[key] = append(s.messages[key], m)
		}
	}
	add("", "first", `{"a": 1}`, 20)
	add("", "none", `{"b": [2]}`, 0)
	add("p/{ü}", "last", `{}`, 11)
	return s
}

func openTarget(t *testing.T) Target {
	t.Helper()
	opened, err := memory.Open(t.Context(), "memory://", storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(opened.Data.Close(), opened.Control.Close()); err != nil {
			t.Error(err)
		}
	})
	return Target{Control: opened.Control, Data: opened.Data}
}

func journalPath(t *testing.T) string { return filepath.Join(t.TempDir(), "journal") }

// holds tells what is wrong with the target, if it has not just what is on the shelf.
func (s *shelf) holds(ctx context.Context, target Target) error {
	var errs []error
	for _, q := range s.queues {
		stored, err := target.Control.Queue(ctx, q.Key)
		if err != nil {
			errs = append(errs, fmt.Errorf("queue %q: %w", q.Key.Name, err))
			continue
		}
		if string(stored.Metadata) != string(q.Metadata) {
			errs = append(errs, fmt.Errorf("queue %q has metadata %s, want %s", q.Key.Name, stored.Metadata, q.Metadata))
		}
		page, err := target.Data.List(ctx, stored.QueueRef, marconi.Listing{Limit: 1000, Echo: true, IncludeDelayed: true})
		if err != nil {
			errs = append(errs, err)
		}
		if got, want := described(page.Items), describe(s.messages[q.Key]); got != want {
			errs = append(errs, fmt.Errorf("queue %q holds\n%s\nwant\n%s", q.Key.Name, got, want))
		}
	}
	volume, err := target.Data.Volume(ctx)
	total := 0
	for _, messages := range s.messages {
		total += len(messages)
	}
	if volume.Total != int64(total) {
		errs = append(errs, fmt.Errorf("the store holds %d messages in all, want %d", volume.Total, total))
	}
	return errors.Join(append(errs, err)...)
}

func described(messages []marconi.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintln(&b, m.Client, m.TTL, string(m.Body))
	}
	return b.String()
}

func describe(messages []Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintln(&b, m.Client, m.TTL, string(m.Body))
	}
	return b.String()
}

var errCutOff = errors.New("cut off")

// A fuse lets so many calls that change something through, and none after them. The last one may still be carried out,
// though its caller does not learn of it.
type fuse struct {
	left int // below 0: no end
	late bool
}

func (f *fuse) call(do func() error) error {
	switch {
	case f.left < 0:
		return do()
	case f.left > 1:
		f.left--
		return do()
	case f.left == 1 && f.late:
		_ = do()
	}
	f.left = 0
	return errCutOff
}

type fusedData struct {
	marconi.DataStore
	*fuse
}

func (d fusedData) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) (ids []marconi.MessageID, err error) {
	err = d.call(func() (err error) { ids, err = d.DataStore.Post(ctx, q, p); return err })
	return ids, err
}

func (d fusedData) DeleteQueue(ctx context.Context, q marconi.QueueRef) error {
	return d.call(func() error { return d.DataStore.DeleteQueue(ctx, q) })
}

func (d fusedData) Bind(ctx context.Context, id string, adopt bool) error {
	return d.call(func() error { return d.DataStore.Bind(ctx, id, adopt) })
}

type fusedControl struct {
	marconi.ControlStore
	*fuse
}

func (c fusedControl) AdoptQueue(ctx context.Context, q marconi.QueueRef) (adopted bool, err error) {
	err = c.call(func() (err error) { adopted, err = c.ControlStore.AdoptQueue(ctx, q); return err })
	return adopted, err
}

func (c fusedControl) SetMetadata(ctx context.Context, key marconi.QueueKey, m marconi.Metadata) error {
	return c.call(func() error { return c.ControlStore.SetMetadata(ctx, key, m) })
}

func fused(t Target, f *fuse) Target {
	return Target{Control: fusedControl{t.Control, f}, Data: fusedData{t.Data, f}}
}
