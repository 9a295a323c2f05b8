package storagetest

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A broken store forgets one promise, and the case named for it has to say so.
type broken struct {
	name string // what is wrong
	test string // the case, from its group on

	data       func(h *hooked)
	control    func(h *hookedControl)
	behindLine bool // data breaks what lies on our side of a line
}

// harness opens memory, broken.
func (b broken) harness() Harness {
	breakData := func(ds marconi.DataStore, now func() time.Time) marconi.DataStore {
		if b.data == nil {
			return ds
		}
		h := &hooked{base: newBase(ds), now: now}
		b.data(h)
		return h
	}
	if b.behindLine {
		return lineHarness(func(ds marconi.DataStore) marconi.DataStore { return breakData(ds, time.Now) })
	}
	h := memoryHarness()
	openMemory := h.Open
	h.Open = func(t testing.TB, o storage.Options) storage.Opened {
		s := openMemory(t, o)
		s.Data = breakData(s.Data, o.Now)
		if b.control != nil {
			control := &hookedControl{ControlStore: s.Control}
			b.control(control)
			s.Control = control
		}
		return s
	}
	return h
}

func brokenStores() []broken {
	return slices.Concat(
		brokenPosts(), brokenMessages(), brokenRepeats(), brokenListings(), brokenLookUps(),
		brokenClaims(), brokenClaimTimes(), brokenClaimIDs(), brokenHandOuts(), brokenDeletes(), brokenBulkDeletes(),
		brokenOthers(), brokenUpkeep(), brokenWatches(), brokenControls(),
	)
}

type (
	ctx     = context.Context
	ref     = marconi.QueueRef
	msgID   = marconi.MessageID
	claimID = marconi.ClaimID
)

func brokenPosts() []broken {
	return []broken{
		{name: "turns batches round", test: "laws/P3 order (Par)", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				p.Messages = slices.Clone(p.Messages)
				slices.Reverse(p.Messages)
				ids, err := h.base.Post(c, q, p)
				slices.Reverse(ids)
				return ids, err
			}
		}},
		{name: "posts message by message", test: "laws/P1 all or none (Par)", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) (ids []msgID, err error) {
				for _, m := range p.Messages {
					id, err := h.base.Post(c, q, marconi.Post{Client: p.Client, Messages: []marconi.NewMessage{m}})
					if err != nil {
						return nil, err
					}
					ids = append(ids, id...)
					runtime.Gosched()
				}
				return ids, nil
			}
		}},
		{name: "drops the last message of a batch", test: "messages/a post gives an ID for each message, in order", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				if len(p.Messages) > 1 {
					p.Messages = p.Messages[:len(p.Messages)-1]
				}
				ids, err := h.base.Post(c, q, p)
				return append(ids, "dropped"), err
			}
		}},
	}
}

func brokenMessages() []broken {
	return []broken{
		{name: "ignores the TTL", test: "lifecycle/P5 a message lives for its TTL", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				return h.base.Post(c, q, changed(p, func(m *marconi.NewMessage) { m.TTL += 1000 }))
			}
		}},
		{name: "ignores the delay", test: "delay/T1 a delayed message is not handed out before its time", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				return h.base.Post(c, q, changed(p, func(m *marconi.NewMessage) { m.Delay = 0 }))
			}
		}},
		{name: "writes bodies anew", test: "messages/a body keeps its bytes", data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				return h.base.Post(c, q, changed(p, func(m *marconi.NewMessage) {
					m.Body = []byte(strings.ReplaceAll(string(m.Body), ": ", ":"))
				}))
			}
		}},
	}
}

func brokenRepeats() []broken {
	return []broken{
		{name: "repeats a post that had no answer", test: "laws/P1 P4 one try, one copy (Crash)", behindLine: true, data: func(h *hooked) {
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				ids, err := h.base.Post(c, q, p)
				if errors.Is(err, marconi.ErrUnavailable) {
					return h.base.Post(c, q, p)
				}
				return ids, err
			}
		}},
		{name: "repeats a claim that had no answer as another", test: "laws/C1 a claim whose answer was lost is found again (Crash)", behindLine: true,
			data: func(h *hooked) {
				h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
					got, err := h.base.Claim(c, q, r)
					if errors.Is(err, marconi.ErrUnavailable) {
						r.ID = newClaimID()
						return h.base.Claim(c, q, r)
					}
					return got, err
				}
			}},
	}
}

// changed is a post with each message changed.
func changed(p marconi.Post, change func(*marconi.NewMessage)) marconi.Post {
	p.Messages = slices.Clone(p.Messages)
	for i := range p.Messages {
		change(&p.Messages[i])
	}
	return p
}

func brokenListings() []broken {
	return []broken{
		{name: "pages by offset", test: "listing/L3 a marker outlives its message", data: func(h *hooked) {
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				skip, err := strconv.Atoi(cmp.Or(string(l.Marker), "0"))
				if err != nil {
					return marconi.Page[marconi.Message]{}, nil
				}
				limit := l.Limit
				l.Marker, l.Limit = "", skip+limit
				page, err := h.base.List(c, q, l)
				page.Items = page.Items[min(skip, len(page.Items)):]
				page.Next = marconi.Marker(strconv.Itoa(skip + len(page.Items)))
				return page, err
			}
		}},
		{name: "filters after cutting the page", test: "listing/L5 what is filtered out does not end a listing", data: func(h *hooked) {
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				all := l
				all.Echo = true
				page, err := h.base.List(c, q, all)
				page.Items = slices.DeleteFunc(page.Items, func(m marconi.Message) bool { return !l.Echo && m.Client == l.Client })
				return page, err
			}
		}},
		{name: "takes a garbage marker for the start", test: "listing/L4 a garbage marker gives an empty page", data: func(h *hooked) {
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				if _, err := strconv.Atoi(string(l.Marker)); err != nil {
					l.Marker = ""
				}
				return h.base.List(c, q, l)
			}
		}},
		{name: "has no marker on the last page", test: "listing/L6 the last page has a marker for what comes later", data: func(h *hooked) {
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				limit := l.Limit
				l.Limit++
				page, err := h.base.List(c, q, l)
				if len(page.Items) <= limit {
					page.Next = ""
					return page, err
				}
				l.Limit = limit
				return h.base.List(c, q, l)
			}
		}},
	}
}

func brokenLookUps() []broken {
	return []broken{
		{name: "shows late what was posted early", test: "laws/L1 L2 nothing skipped, nothing twice (Par)", data: func(h *hooked) {
			var n int
			var mu sync.Mutex
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				page, err := h.base.List(c, q, l)
				mu.Lock()
				defer mu.Unlock()
				if n++; n%5 == 0 && len(page.Items) > 1 { // as if its transaction were not yet committed
					page.Items = slices.Delete(page.Items, 0, 1)
				}
				return page, err
			}
		}},
		{name: "gets messages by ID alone", test: "laws/Q1 a known ID opens nothing elsewhere", data: func(h *hooked) {
			var home sync.Map
			h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
				ids, err := h.base.Post(c, q, p)
				for _, id := range ids {
					home.Store(id, q)
				}
				return ids, err
			}
			h.message = func(c ctx, q ref, id msgID) (marconi.Message, error) {
				if at, known := home.Load(id); known {
					q = at.(ref)
				}
				return h.base.Message(c, q, id)
			}
		}},
		{name: "gives the oldest that is free", test: "laws/every answer is the model's (Seq)", data: func(h *hooked) {
			h.first = func(c ctx, q ref, end marconi.End) (marconi.Message, error) {
				page, err := h.base.List(c, q, marconi.Listing{Limit: 1, Echo: true})
				if err == nil && end == marconi.Oldest && len(page.Items) > 0 {
					return page.Items[0], nil
				}
				return h.base.First(c, q, end)
			}
		}},
	}
}
