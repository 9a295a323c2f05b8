//go:build unix

package indexed

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// A site is an index and an account that processes are started on.
type site struct {
	t       testing.TB
	index   *faultyIndex
	account *swifttest.Memory
	swift   *swifttest.Faulty
}

func newSite(t testing.TB) *site {
	s := &site{t: t, account: swifttest.NewMemory(swifttest.Options{})}
	s.swift = swifttest.NewFaulty(s.account)
	s.index = newFaultyIndex(t)
	return s
}

func newFaultyIndex(t testing.TB) *faultyIndex {
	t.Helper()
	inner := memory.New(storage.Options{}).Data
	t.Cleanup(func() {
		if err := inner.Close(); err != nil {
			t.Error(err)
		}
	})
	return &faultyIndex{DataStore: inner, Mover: inner.(marconi.Mover)}
}

// bind starts a process, which takes no time over the mark, and ends it.
func (s *site) bind(prefix string, adopt bool) error {
	s.t.Helper()
	opened, err := New(s.swift, s.index, Options{Prefix: prefix})
	if err != nil {
		s.t.Fatal(err)
	}
	opened.(*movingStore).pairing.settle = 0
	return errors.Join(opened.Bind(s.t.Context(), "a control store", adopt), opened.Close())
}

func (s *site) wantBound(what string, adopt bool) {
	s.t.Helper()
	if err := s.bind("", adopt); err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
}

func (s *site) wantForeign(what, says string) {
	s.t.Helper()
	if err := s.bind("", false); !errors.Is(err, marconi.ErrForeignPart) || !strings.Contains(err.Error(), says) {
		s.t.Errorf("%s: %v; want %v, and something about %q", what, err, marconi.ErrForeignPart, says)
	}
}

const otherContainers = "in other containers"

func TestIndexAndContainersBelongTogether(t *testing.T) {
	one, two := newSite(t), newSite(t)
	one.wantBound("the first start", false)
	calls, requests := one.index.count(), one.swift.Total()
	one.wantBound("another start", false)
	if calls, requests = one.index.count()-calls, one.swift.Total()-requests; calls != 1 || requests != 1 {
		t.Errorf("another start takes %d calls of the index and %d requests, want 1 and 1", calls, requests)
	}
	if err := one.bind("elsewhere", false); !errors.Is(err, marconi.ErrForeignPart) || !strings.Contains(err.Error(), otherContainers) {
		t.Errorf("the index with another prefix: %v, want %v", err, marconi.ErrForeignPart)
	}
	two.wantBound("another index with another account", false)

	mixed := *one
	mixed.swift = two.swift
	mixed.wantForeign("two that belong to others", otherContainers)
	mixed.swift = newSite(t).swift
	mixed.wantForeign("the index with a new account", otherContainers)
	mixed = *one
	mixed.index = newFaultyIndex(t)
	mixed.wantBound("the account with a new index", false)
	mixed.wantBound("the same again", false)
	mixed.swift = two.swift
	mixed.wantForeign("the new index with another account", otherContainers)

	one.wantBound("the first, after all", false)
	two.wantBound("the second, after all", false)
}

// Who has other containers for an index ties it to them.
func TestAdoptionOfContainers(t *testing.T) {
	one, two := newSite(t), newSite(t)
	one.wantBound("the first start", false)
	two.wantBound("the first start of others", false)
	for what, swift := range map[string]*swifttest.Faulty{"a new account": newSite(t).swift, "an account of others": two.swift} {
		old := *one
		one.swift = swift
		one.wantForeign(what, otherContainers)
		one.wantBound("adoption of "+what, true)
		one.wantBound("a start afterwards", false)
		old.wantForeign("the old account", otherContainers)
	}
	one.wantBound("adoption of what belongs together", true)
	one.wantBound("a start after that", false)
	two.wantBound("the others", false)
}

// Whatever step of a first start is the last of its process, the next one goes on; and whatever is not answered is no reason to take a thing
// for another's.
func TestFirstStartThatIsCutOff(t *testing.T) {
	for n := 1; n <= 3; n++ {
		for _, made := range []bool{false, true} {
			s := newSite(t)
			calls := 0
			s.index.plan(func(string) (before, after error) {
				if calls++; calls != n {
					return nil, nil
				} else if made {
					return nil, marconi.ErrUnavailable
				}
				return marconi.ErrUnavailable, nil
			})
			if err := s.bind("", false); !errors.Is(err, marconi.ErrUnavailable) {
				t.Errorf("call %d of the index fails: %v", n, err)
			}
			s.index.plan(nil)
			s.wantBound("a start after one whose index failed", false)
			s.wantBound("another", false)
		}
	}
	for _, k := range []swifttest.Kind{swifttest.Get, swifttest.List, swifttest.Put, swifttest.MakeContainer} {
		for _, fault := range []swifttest.Fault{swifttest.Refused, swifttest.Confused} {
			s := newSite(t)
			s.swift.FailAll(k, fault)
			if err := s.bind("", false); errors.Is(err, marconi.ErrForeignPart) {
				t.Errorf("each %s fails: %v", k, err)
			}
			s.swift.Reset()
			s.wantBound("a start after one whose Swift failed", false)
			s.wantBound("another", false)
			s.swift.Fail(k, 1, fault)
			s.wantBound("one whose Swift fails once", false)
		}
	}
}

// A mark that is listed and can't be found is neither made anew nor taken for missing.
func TestMarkThatIsHidden(t *testing.T) {
	s := newSite(t)
	s.wantBound("the first start", false)
	fresh := *s
	fresh.index = newFaultyIndex(t)
	for _, site := range []*site{s, &fresh} {
		site.swift.FailAll(swifttest.Get, swifttest.Vanished)
		if err := site.bind("", false); !errors.Is(err, marconi.ErrUnavailable) {
			t.Errorf("while it is hidden: %v, want %v", err, marconi.ErrUnavailable)
		}
		site.swift.Reset()
	}
	s.wantBound("when it is there again", false)
	fresh.wantBound("another index", false)
}

// An index that is full is emptied by its consumers, though nobody can write into it where it belongs.
func TestStartWithAFullIndex(t *testing.T) {
	s := newSite(t)
	s.index.failing("Post", marconi.ErrFull, false)
	s.wantBound("an index that is full", false)
	s.index.plan(nil)
	s.wantBound("when there is room", false)
	s.index.failing("Post", marconi.ErrFull, false)
	s.wantBound("full again", false)
	s.swift = newSite(t).swift
	s.wantForeign("full, with another account", otherContainers)
}

// Processes that start at the same moment agree on one account for an index; an account takes in all.
func TestFirstStartsAtOnce(t *testing.T) {
	const n = 12
	for name, tt := range map[string]struct {
		vary func(s *site, i int) // what the i-th has instead
		wins func(i int) int      // to which of those that exclude each other it belongs
	}{
		"of the same":        {func(*site, int) {}, func(int) int { return 0 }},
		"of two accounts":    {nil, func(i int) int { return i % 2 }},
		"of several indexes": {func(s *site, _ int) { s.index = newFaultyIndex(s.t) }, func(int) int { return 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			base, other := newSite(t), newSite(t)
			errs := make([]error, n)
			var group sync.WaitGroup
			for i := range n {
				s := *base
				if tt.vary != nil {
					tt.vary(&s, i)
				} else if i%2 == 1 {
					s.swift = other.swift
				}
				group.Go(func() { errs[i] = s.bind("", false) })
			}
			group.Wait()
			started := map[int]bool{}
			for i, err := range errs {
				if err == nil {
					started[tt.wins(i)] = true
				} else if !errors.Is(err, marconi.ErrForeignPart) {
					t.Error(err)
				}
			}
			if len(started) != 1 {
				t.Errorf("%d pairs have started, want 1", len(started))
			}
		})
	}
}

// Of two PUTs that both seem to make the mark the later one stays.
func TestMarkOfAnotherIsReadBack(t *testing.T) {
	s := newSite(t)
	p := pairing{prefix: DefaultPrefix}
	s.swift.Plan(func(c swifttest.Call) (swifttest.Fault, bool) {
		return swifttest.Fault{Then: func() {
			if err := s.account.Put(t.Context(), p.at(), []byte("another-1"), objects.Attributes{}); err != nil {
				t.Error(err)
			}
		}}, c.Kind == swifttest.Put && c.N == 2 // the first finds no container
	})
	s.wantBound("a start beside another", false)
	s.wantBound("a start afterwards", false)
}
