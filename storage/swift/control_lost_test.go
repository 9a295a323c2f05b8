package swift

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// hide takes a queue's object away, and leaves it in the listing: so it looks while all servers that have it are away, and others
// stand in for them.
func (r rig) hide(lag *time.Duration, name marconi.QueueName) {
	r.t.Helper()
	before := *lag
	*lag = time.Hour
	if err := r.account.Delete(r.t.Context(), r.at(key("p", name))); err != nil {
		r.t.Fatal(err)
	}
	*lag = before
}

func newLaggingRig(t *testing.T) (r rig, lag *time.Duration) {
	t.Helper()
	lag = new(time.Duration)
	return newRig(t, swifttest.Options{Lag: func(objects.Path) time.Duration { return *lag }}), lag
}

// wantHidden has every call about a queue answer that it can't be told, and none make it anew.
func (r rig) wantHidden(name marconi.QueueName) {
	r.t.Helper()
	ctx, k := r.t.Context(), key("p", name)
	puts, deletes := r.faulty.Count(swifttest.Put), r.faulty.Count(swifttest.Delete)
	_, readErr := r.Queue(ctx, k)
	_, _, createErr := r.CreateQueue(ctx, k, nil)
	_, adoptErr := r.AdoptQueue(ctx, marconi.QueueRef{QueueKey: k, Incarnation: 5})
	_, deleteErr := r.DeleteQueue(ctx, k)
	for call, err := range map[string]error{
		"Queue": readErr, "CreateQueue": createErr, "AdoptQueue": adoptErr, "DeleteQueue": deleteErr,
		"SetMetadata": r.SetMetadata(ctx, k, nil),
	} {
		if marconi.KindOf(err) != marconi.Unavailable {
			r.t.Errorf("%s: %v; want Unavailable", call, err)
		}
	}
	puts, deletes = r.faulty.Count(swifttest.Put)-puts, r.faulty.Count(swifttest.Delete)-deletes
	if puts+deletes > 0 {
		r.t.Errorf("%d PUTs and %d DELETEs were made", puts, deletes)
	}
}

// Who asks for a queue that is out of reach must not be told that there is none: a deletion of its messages would be confirmed.
func TestWhatIsHiddenIsNotMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, swifttest.Options{})
		r.create("q")
		r.faulty.FailAll(swifttest.Get, swifttest.Vanished)
		r.wantHidden("q")
		if q, err := r.Queue(t.Context(), key("p", "none")); !errors.Is(err, marconi.ErrNoQueue) {
			t.Errorf("a queue that never was: %+v, %v; want ErrNoQueue", q, err)
		}
	})
}

// A process that has deleted a queue once believes the listing of the one that was made since.
func TestAQueueMadeAnewElsewhereIsNotMadeOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lag := newLaggingRig(t)
		r.create("q")
		if _, err := r.DeleteQueue(t.Context(), key("p", "q")); err != nil {
			t.Fatal(err)
		}
		if _, created, err := r.other().CreateQueue(t.Context(), key("p", "q"), nil); !created || err != nil {
			t.Fatalf("CreateQueue by another process: %v, %v", created, err)
		}
		r.hide(lag, "q")
		r.wantHidden("q")
	})
}

// failToDelete has all requests that are to delete a queue go without an answer, done or not. As long as a listing shows it, nobody can
// say then whether it is there.
func (r rig) failToDelete(name marconi.QueueName, fault swifttest.Fault) {
	r.t.Helper()
	r.faulty.FailAll(swifttest.Delete, fault)
	if ref, err := r.DeleteQueue(r.t.Context(), key("p", name)); err == nil || marconi.KindOf(err) != marconi.Unavailable {
		r.t.Fatalf("DeleteQueue = %v, %v", ref, err)
	}
	r.faulty.Reset()
}

// A deletion whose answer is lost is asked for again, and never takes a queue that was made meanwhile.
func TestADeletionIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{"it was done": swifttest.Confused, "it was not done": swifttest.Refused} {
		for _, anew := range []bool{false, true} {
			if anew && name == "it was not done" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				r, _ := newLaggingRig(t)
				q, _ := r.create("q")
				var theirs marconi.Queue
				if anew {
					fault.Then = func() {
						var err error
						if theirs, _, err = r.other().CreateQueue(t.Context(), key("p", "q"), nil); err != nil {
							t.Error(err)
						}
					}
				}
				r.faulty.Fail(swifttest.Delete, 1, fault)
				if ref, err := r.DeleteQueue(t.Context(), key("p", "q")); ref != q.QueueRef || err != nil {
					t.Errorf("%s: DeleteQueue = %v, %v; want %v", name, ref, err, q.QueueRef)
				}
				got, err := r.Queue(t.Context(), key("p", "q"))
				if anew && got.QueueRef != theirs.QueueRef || !anew && !errors.Is(err, marconi.ErrNoQueue) {
					t.Errorf("%s: then there is %v, %v; want %v", name, got.QueueRef, err, theirs.QueueRef)
				}
			})
		}
	}
}

// A queue that was to be deleted and was not is hidden as any other.
func TestADeletionThatFailedIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lag := newLaggingRig(t)
		r.create("q")
		r.failToDelete("q", swifttest.Refused)
		if page, err := r.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); err != nil || len(page.Items) != 1 {
			t.Errorf("ListQueues = %+v, %v; want the queue", page, err)
		}
		r.hide(lag, "q")
		r.wantHidden("q")
	})
}

// Who deletes a queue once more, for want of an answer, has its data dropped: by then there is no other trace of it.
func TestADeletionWhoseAnswerWasLost(t *testing.T) {
	for name, fault := range map[string]swifttest.Fault{"it was done": swifttest.Confused, "it was not done": swifttest.Refused} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, lag := newLaggingRig(t)
				q, _ := r.create("q")
				*lag = time.Minute
				r.failToDelete("q", fault)
				if name == "it was done" {
					r.wantHidden("q")
				}
				time.Sleep(*lag)
				if ref, err := r.DeleteQueue(t.Context(), key("p", "q")); ref != q.QueueRef || err != nil {
					t.Errorf("DeleteQueue once more = %v, %v; want %v", ref, err, q.QueueRef)
				}
				if ref, err := r.DeleteQueue(t.Context(), key("p", "q")); !errors.Is(err, marconi.ErrNoQueue) {
					t.Errorf("DeleteQueue a third time = %v, %v; want ErrNoQueue", ref, err)
				}
				if again, created := r.create("q"); !created || again.QueueRef == q.QueueRef {
					t.Errorf("CreateQueue = %+v, %v; want a new one", again, created)
				}
			})
		})
	}
}

// A deletion without an answer is not carried over to the queue that another process has made since.
func TestADeletionIsNotOfTheNextQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, lag := newLaggingRig(t)
		r.create("q")
		*lag = time.Minute
		r.failToDelete("q", swifttest.Confused)
		time.Sleep(*lag)
		*lag = 0
		theirs, _, err := r.other().CreateQueue(t.Context(), key("p", "q"), nil)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := r.account.Get(t.Context(), r.at(key("p", "q")), true)
		if err != nil {
			t.Fatal(err)
		}
		r.hide(lag, "q")
		r.wantHidden("q")
		if err := r.account.Put(t.Context(), r.at(key("p", "q")), stored.Body, stored.Attributes); err != nil {
			t.Fatal(err)
		}
		if ref, err := r.DeleteQueue(t.Context(), key("p", "q")); ref != theirs.QueueRef || err != nil {
			t.Errorf("DeleteQueue = %v, %v; want %v", ref, err, theirs.QueueRef)
		}
	})
}

// A queue that has come back shows in listings again.
func TestAQueueThatWasDeletedAndAdopted(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	q, _ := r.create("q")
	if _, err := r.DeleteQueue(t.Context(), key("p", "q")); err != nil {
		t.Fatal(err)
	}
	if adopted, err := r.AdoptQueue(t.Context(), q.QueueRef); !adopted || err != nil {
		t.Fatalf("AdoptQueue = %v, %v", adopted, err)
	}
	if page, err := r.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); err != nil || len(page.Items) != 1 {
		t.Errorf("ListQueues = %+v, %v; want the queue", page, err)
	}
}

// A proxy that reaches no server of the container says that there is none. What was there is not gone by that.
func TestAContainerOutOfReach(t *testing.T) {
	for name, look := range map[string]func(*testing.T, *controlStore){
		"to who made it": func(*testing.T, *controlStore) {},
		"to who read in it": func(t *testing.T, c *controlStore) {
			if _, err := c.ID(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"to who listed it": func(t *testing.T, c *controlStore) {
			if _, err := c.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, swifttest.Options{})
			first := r.controlStore
			if _, err := first.ID(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.create("q")
			if name != "to who made it" {
				r.controlStore = newControl(t, r.faulty, "")
			}
			look(t, r.controlStore)
			r.faulty.FailAll(swifttest.Get, swifttest.Vanished)
			r.faulty.FailAll(swifttest.List, swifttest.Fault{Before: objects.ErrContainer})
			r.wantHidden("q")
			if page, err := r.ListQueues(t.Context(), "p", marconi.QueueListing{Limit: 5}); marconi.KindOf(err) != marconi.Unavailable {
				t.Errorf("ListQueues = %+v, %v; want Unavailable", page, err)
			}
		})
	}
}

// What one request stored through a proxy whose clock is ahead is newer than the next request through another: no other process
// needs to be at work.
func TestProxiesWhoseClocksDiffer(t *testing.T) {
	const ahead = 900 * time.Millisecond
	metadata := marconi.Metadata(`{"a": 1}`)
	for name, call := range map[string]func(t *testing.T, here, fast *controlStore) error{
		"metadata is set": func(t *testing.T, here, _ *controlStore) error {
			return here.SetMetadata(t.Context(), key("p", "q"), metadata)
		},
		"a queue is deleted": func(t *testing.T, here, _ *controlStore) error {
			_, err := here.DeleteQueue(t.Context(), key("p", "q"))
			return err
		},
		"a queue is made again": func(t *testing.T, here, fast *controlStore) error {
			if _, err := fast.DeleteQueue(t.Context(), key("p", "q")); err != nil {
				t.Fatal(err)
			}
			_, _, err := here.CreateQueue(t.Context(), key("p", "q"), metadata)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				account := swifttest.NewMemory(swifttest.Options{})
				here, fast := newControl(t, account, ""), newControl(t, account.Through(ahead), "")
				faster := newControl(t, account.Through(time.Minute), "")
				if _, _, err := fast.CreateQueue(t.Context(), key("p", "q"), nil); err != nil {
					t.Fatal(err)
				}
				if err := call(t, here, fast); err != nil {
					t.Errorf("within a second: %v", err)
				}
				q, err := fast.Queue(t.Context(), key("p", "q"))
				if done := string(q.Metadata) == string(metadata) || errors.Is(err, marconi.ErrNoQueue); !done {
					t.Errorf("afterwards the queue is %+v, %v", q, err)
				}
				if _, _, err := faster.CreateQueue(t.Context(), key("p", "q"), nil); err != nil {
					t.Fatal(err)
				}
				if err := faster.SetMetadata(t.Context(), key("p", "q"), marconi.Metadata(`{"b": 1}`)); err != nil {
					t.Fatal(err)
				}
				if err := call(t, here, faster); marconi.KindOf(err) != marconi.Unavailable {
					t.Errorf("not within a second: %v; want Unavailable", err)
				}
			})
		})
	}
}

// Metadata that is stored though the answer says 202 is not taken for what was there before.
func TestMetadataStoredIn202(t *testing.T) {
	r := newRig(t, swifttest.Options{})
	r.create("q")
	r.faulty.Fail(swifttest.Put, 1, swifttest.LostPut)
	if err := r.SetMetadata(t.Context(), key("p", "q"), marconi.Metadata(`{"a": 1}`)); err != nil {
		t.Errorf("SetMetadata: %v", err)
	}
	if n := r.faulty.Count(swifttest.Put); n != 3 { // the container's first, which is none, that and this one
		t.Errorf("%d PUTs were made", n)
	}
}
