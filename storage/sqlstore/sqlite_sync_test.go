package sqlstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
)

// postSoon posts beside the test.
func (r *rig) postSoon(body string) <-chan error {
	done := make(chan error, 1)
	go func() { done <- r.write(context.Background(), r.postRun(body)) }()
	return done
}

// count is how many messages a read shows.
func (r *rig) count(ctx context.Context) (int, error) {
	page, err := r.opened.Data.List(ctx, ref("q"), marconi.Listing{Limit: 100, Echo: true})
	return len(page.Items), err
}

// TestNobodySeesWhatIsNotSafe: neither the caller nor a read is answered before the disk has what was posted, and the next post goes
// its way meanwhile.
func TestNobodySeesWhatIsNotSafe(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	s := r.w.syncs
	s.mu.Lock() // a sync takes its time
	posted := []<-chan error{r.postSoon("a")}
	for s.made.Load() == s.synced.Load() {
		time.Sleep(time.Millisecond)
	}
	first := s.made.Load()
	posted = append(posted, r.postSoon("b"))
	for s.made.Load() == first {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if n, err := r.count(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read beside a sync shows %d messages, %v; want it to wait", n, err)
	}
	for i, done := range posted {
		select {
		case err := <-done:
			t.Errorf("post %d was answered before its sync: %v", i, err)
		default:
		}
	}
	s.mu.Unlock()
	for i, done := range posted {
		if err := <-done; err != nil {
			t.Errorf("post %d: %v", i, err)
		}
	}
	r.wantBodies("first", "a", "b")
}

// brokenFile is a file that can't be synced.
func brokenFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// set changes something of how commits are made safe.
func (s *syncs) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// TestASyncThatFails: what came before it is confirmed to nobody until all of it was brought home, however well later syncs go.
func TestASyncThatFails(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	s := r.w.syncs
	broken := brokenFile(t)
	var log *os.File
	var home func(context.Context) (bool, error)
	s.set(func() {
		log, home = s.file, s.home
		s.file = broken
		s.home = func(context.Context) (bool, error) { return false, errors.New("no disk") }
	})

	err := r.write(t.Context(), r.postRun("a"))
	if err == nil || marconi.KindOf(err) != marconi.Unavailable || !strings.Contains(err.Error(), "may have been carried out") {
		t.Errorf("a post that could not be synced: %v, want an error that is %v and says what is not known", err, marconi.Unavailable)
	}
	s.set(func() { s.file = log })
	if err := r.write(t.Context(), r.postRun("b")); err == nil {
		t.Error("the next post is confirmed, though it is not known whether what came before is on the disk")
	}
	if n, err := r.count(t.Context()); err == nil {
		t.Errorf("a read shows %d messages that may not be on the disk", n)
	}
	s.set(func() { s.home = func(ctx context.Context) (bool, error) { _, err := home(ctx); return false, err } })
	if n, err := r.count(t.Context()); err == nil {
		t.Errorf("a read shows %d messages, though not all of them were brought home", n)
	}
	s.set(func() { s.home = home })
	r.wantBodies("first", "a", "b")
	post(t, r.opened, "last")
	s.set(func() {
		if s.broken {
			t.Error("what was brought home still counts as lost")
		}
	})
	r.wantBodies("first", "a", "b", "last")
}

// TestASyncThatFailsOnce is made good at once, where the log can be brought home.
func TestASyncThatFailsOnce(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	var log *os.File
	broken, s := brokenFile(t), r.w.syncs
	s.set(func() { log, s.file = s.file, broken })
	post(t, r.opened, "a")
	s.set(func() { s.file = log })
	post(t, r.opened, "b")
	r.wantBodies("first", "a", "b")
}

// TestReadsGoOnAfterACommitThatFailed: it has a number, too, which nobody else makes safe.
func TestReadsGoOnAfterACommitThatFailed(t *testing.T) {
	r := newRig(t, "")
	post(t, r.opened, "first")
	if err := r.write(t.Context(), failAtCommit); err == nil {
		t.Fatal("the commit went well")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if n, err := r.count(ctx); n != 1 || err != nil {
		t.Errorf("a read after it shows %d messages, %v; want 1", n, err)
	}
}
