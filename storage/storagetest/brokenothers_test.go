package storagetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
)

func brokenOthers() []broken {
	return []broken{
		{name: "pops the newest first", test: "pop/O2 oldest first, and free ones only", data: func(h *hooked) {
			h.pop = func(c ctx, q ref, limit int) ([]marconi.Message, error) {
				got, err := h.base.Pop(c, q, limit)
				slices.Reverse(got)
				return got, err
			}
		}},
		{name: "counts what it counted before", test: "stats/S1 counts follow deletes", data: func(h *hooked) {
			var last sync.Map
			h.stats = func(c ctx, q ref) (marconi.Stats, error) {
				now, err := h.base.Stats(c, q)
				if before, counted := last.Swap(q, now); counted {
					return before.(marconi.Stats), err
				}
				return now, err
			}
		}},
		{name: "counts claims that have ended", test: "stats/S1 a claim's end changes counts and fails nothing", data: func(h *hooked) {
			var claimed sync.Map
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				got, err := h.base.Claim(c, q, r)
				n, _ := claimed.LoadOrStore(q, int64(0))
				claimed.Store(q, n.(int64)+int64(len(got.Messages)))
				return got, err
			}
			h.stats = func(c ctx, q ref) (marconi.Stats, error) {
				s, err := h.base.Stats(c, q)
				if n, ok := claimed.Load(q); ok {
					s.Claimed, s.Free = n.(int64), s.Total-n.(int64)
				}
				return s, err
			}
		}},
	}
}

func brokenUpkeep() []broken {
	return []broken{
		{name: "lets a queue made anew have the old messages", test: "laws/Q2 a queue made anew has nothing of the old one", data: func(h *hooked) {
			var known sync.Map
			h.drop = func(ctx, ref) error { return nil }
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				first, _ := known.LoadOrStore(q.QueueKey, q)
				return h.base.List(c, first.(ref), l)
			}
		}},
		{name: "collects what is claimed", test: "lifecycle/G1 collecting changes no answer", data: func(h *hooked) {
			var held sync.Map
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				held.Store(r.ID, q)
				return h.base.Claim(c, q, r)
			}
			h.collect = func(c ctx) (int, error) {
				held.Range(func(id, q any) bool { return h.base.Release(c, q.(ref), id.(claimID)) == nil })
				return h.base.Collect(c)
			}
		}},
		{name: "never collects", test: "laws/G2 no leak", data: func(h *hooked) {
			var kept []marconi.NewMessage
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				for _, m := range p.Messages {
					kept = append(kept, marconi.NewMessage{Body: slices.Clone(m.Body)})
				}
				return h.base.Post(c, q, p)
			}
		}},
		{name: "takes any control store", test: "lifecycle/data belongs to one control store", data: func(h *hooked) {
			h.bind = func(c ctx, control string, _ bool) error { return h.base.Bind(c, control, true) }
		}},
		{name: "works on for a caller who has gone", test: "lifecycle/a call whose context has ended does nothing", data: func(h *hooked) {
			h.post = func(_ ctx, q ref, p marconi.Post) ([]msgID, error) { return h.base.Post(context.Background(), q, p) }
		}},
	}
}

// A hookedWatch is a Watch that is broken where it is set.
type hookedWatch struct {
	marconi.Watch
	c     <-chan struct{}
	close func()
	pass  func()
}

func (w *hookedWatch) C() <-chan struct{} {
	if w.c != nil {
		return w.c
	}
	return w.Watch.C()
}

func (w *hookedWatch) Pass() {
	if w.pass != nil {
		w.pass()
		return
	}
	w.Watch.Pass()
}

func (w *hookedWatch) Close() {
	if w.close != nil {
		w.close()
	}
	w.Watch.Close()
}

// gated lets a signal through when gate has returned true.
func gated(inner marconi.Watch, gate func() bool) marconi.Watch {
	out, end := make(chan struct{}, 1), make(chan struct{})
	go func() {
		for {
			select {
			case <-inner.C():
				if gate() {
					out <- struct{}{}
				}
			case <-end:
				return
			}
		}
	}()
	return &hookedWatch{Watch: inner, c: out, close: sync.OnceFunc(func() { close(end) })}
}

func brokenWatches() []broken {
	return []broken{
		{name: "wakes nobody", test: "watch/W1 a post wakes who takes", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				return &hookedWatch{Watch: h.base.Watch(q, i), c: make(chan struct{})}
			}
		}},
		{name: "looks once a second", test: "watch/W1 a post wakes who takes", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				return gated(h.base.Watch(q, i), func() bool {
					time.Sleep(time.Second)
					return true
				})
			}
		}},
		{name: "wakes everybody", test: "watch/W1 one message wakes one of those who take", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				i.Take, i.Client = false, observer
				return h.base.Watch(q, i)
			}
		}},
		{name: "forgets that a claim ends", test: "watch/W2 a claim's end wakes who takes", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				begun := time.Now()
				return gated(h.base.Watch(q, i), func() bool { return time.Since(begun) < time.Second/2 })
			}
		}},
		{name: "takes its signal along", test: "watch/W4 who closes a watch passes its signal on", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				w := h.base.Watch(q, i)
				return &hookedWatch{Watch: w, close: func() {
					select {
					case <-w.C():
					default:
					}
				}}
			}
		}},
		{name: "passes nothing on", test: "watch/W4 a signal that was not acted on goes to the next", data: func(h *hooked) {
			h.watch = func(q ref, i marconi.Interest) marconi.Watch {
				return &hookedWatch{Watch: h.base.Watch(q, i), pass: func() {}}
			}
		}},
	}
}

func brokenControls() []broken {
	return []broken{
		{name: "makes queues over and over", test: "queues/a queue is made once", control: func(h *hookedControl) {
			h.create = func(c ctx, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
				q, created, err := h.ControlStore.CreateQueue(c, key, m)
				if err == nil && !created {
					err = h.ControlStore.SetMetadata(c, key, m)
				}
				return q, created, err
			}
		}},
		{name: "lets the last maker win", test: "queue lists/of makers at one moment one wins (Par)", control: func(h *hookedControl) {
			h.create = func(c ctx, key marconi.QueueKey, m marconi.Metadata) (marconi.Queue, bool, error) {
				if q, err := h.ControlStore.Queue(c, key); err == nil {
					return q, false, nil
				}
				time.Sleep(time.Millisecond)
				q, _, err := h.ControlStore.CreateQueue(c, key, m)
				return q, true, err
			}
		}},
		{name: "merges metadata", test: "queues/metadata is replaced as a whole", control: func(h *hookedControl) {
			h.set = func(c ctx, key marconi.QueueKey, m marconi.Metadata) error {
				old, err := h.ControlStore.Queue(c, key)
				if err != nil || string(old.Metadata) == "{}" {
					return h.ControlStore.SetMetadata(c, key, m)
				}
				both := strings.TrimSuffix(string(old.Metadata), "}") + "," + strings.TrimPrefix(string(m), "{")
				return h.ControlStore.SetMetadata(c, key, marconi.Metadata(both))
			}
		}},
		{name: "pages behind queues that are there", test: "queue lists/Q3 a marker outlives its queue", control: func(h *hookedControl) {
			h.list = func(c ctx, p marconi.Project, l marconi.QueueListing) (marconi.Page[marconi.Queue], error) {
				_, err := h.ControlStore.Queue(c, marconi.QueueKey{Project: p, Name: marconi.QueueName(l.Marker)})
				if isErr(err, marconi.ErrNoQueue) {
					l.Marker = ""
				}
				return h.ControlStore.ListQueues(c, p, l)
			}
		}},
		{name: "adopts what is there", test: "queues/data without a queue is adopted", control: func(h *hookedControl) {
			h.adopt = func(c ctx, q ref) (bool, error) {
				_, err := h.ControlStore.AdoptQueue(c, q)
				return true, err
			}
		}},
		{name: "forgets the tenth metadata", test: "laws/every answer is the model's (Seq)", control: func(h *hookedControl) {
			n := 0
			h.set = func(c ctx, key marconi.QueueKey, m marconi.Metadata) error {
				if n++; n%10 == 0 {
					_, err := h.ControlStore.Queue(c, key)
					return err
				}
				return h.ControlStore.SetMetadata(c, key, m)
			}
		}},
	}
}
