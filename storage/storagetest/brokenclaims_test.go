package storagetest

import (
	"runtime"
	"sync"

	"github.com/marconi-mq/marconi"
)

func brokenClaims() []broken {
	return []broken{
		{name: "claims twice", test: "laws/C1 each message is claimed once (Par)", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				got, err := h.base.Claim(c, q, r)
				if err == nil && len(got.Messages) > 2 { // as if two had found them free before either wrote
					err = h.base.Release(c, q, r.ID)
				}
				return got, err
			}
		}},
		{name: "pops what it has looked up before", test: "laws/C1 each message is popped once (Par)", data: func(h *hooked) {
			h.pop = func(c ctx, q ref, limit int) ([]marconi.Message, error) {
				page, err := h.base.List(c, q, marconi.Listing{Limit: limit, Echo: true})
				if err != nil {
					return nil, err
				}
				runtime.Gosched()
				return page.Items, h.base.DeleteMessages(c, q, idsOf(page.Items), nil)
			}
		}},
		{name: "ends some claims too early", test: "laws/C1 exclusive, while claims end (Par)", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				got, err := h.base.Claim(c, q, r)
				if err == nil && len(got.Messages) == 2 {
					err = h.base.Release(c, q, r.ID)
				}
				return got, err
			}
		}},
	}
}

func brokenClaimTimes() []broken {
	return []broken{
		{name: "never ends a claim", test: "claims/C4 a claim ends by itself", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				r.TTL += 10_000
				return h.base.Claim(c, q, r)
			}
		}},
		{name: "steals from a longer claim", test: "claims/C9 no theft", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				if err := freeAllBehindFirst(c, h, q); err != nil {
					return marconi.Claimed{}, err
				}
				return h.base.Claim(c, q, r)
			}
		}},
		{name: "does not store an extension", test: "extension/C5 an extension is stored", data: func(h *hooked) {
			h.message, h.claimed = endsAsPosted(h)
		}},
		{name: "forgets the grace", test: "extension/C5 extension", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				r.Grace = 0
				return h.base.Claim(c, q, r)
			}
		}},
	}
}

func brokenClaimIDs() []broken {
	return []broken{
		{name: "makes a claim of a repeated ID anew", test: "claims/the same claim ID again returns the same messages", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				if _, err := h.base.Claimed(c, q, r.ID); err == nil {
					r.ID = newClaimID()
				}
				return h.base.Claim(c, q, r)
			}
		}},
		{name: "updates the TTL, not the age", test: "claims/C6 an update starts the time anew", data: func(h *hooked) {
			h.update = func(c ctx, q ref, id claimID, u marconi.ClaimUpdate) error {
				held, err := h.base.Claimed(c, q, id)
				if err != nil {
					return err
				}
				u.TTL = max(1, u.TTL-held.Age)
				return h.base.UpdateClaim(c, q, id, u)
			}
		}},
		{name: "keeps claims without messages", test: "claims/C8 a claim ends with its last message", data: func(h *hooked) {
			h.claimed = func(c ctx, q ref, id claimID) (marconi.Claim, error) {
				held, err := h.base.Claimed(c, q, id)
				if err != nil && len(id) == len(newClaimID()) {
					return marconi.Claim{ID: id}, nil
				}
				return held, err
			}
		}},
	}
}

func brokenHandOuts() []broken {
	return []broken{
		{name: "hands out spent messages", test: "dead letters/D1 a message claimed often enough is not handed out again", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				r.MaxClaims = 0
				return h.base.Claim(c, q, r)
			}
		}},
		{name: "posts dead letters, and forgets to delete them", test: "laws/D2 each dead letter ends in one place (Par)", data: func(h *hooked) {
			h.moveDead = func(c ctx, from ref, _ claimID, ids []msgID, d marconi.DeadLetter) error {
				got, err := h.base.Messages(c, from, ids)
				if err != nil {
					return err
				}
				for _, m := range got {
					letter := marconi.Post{Client: m.Client, Messages: []marconi.NewMessage{{TTL: m.TTL, Body: m.Body}}}
					if _, err := h.base.Post(c, d.Queue, letter); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{name: "lists what is claimed", test: "listing/claimed messages are hidden unless asked for", data: func(h *hooked) {
			h.list = func(c ctx, q ref, l marconi.Listing) (marconi.Page[marconi.Message], error) {
				l.IncludeClaimed = true
				return h.base.List(c, q, l)
			}
		}},
		{name: "hands out three messages at most", test: "laws/every answer is the model's (Seq)", data: func(h *hooked) {
			h.claim = func(c ctx, q ref, r marconi.ClaimRequest) (marconi.Claimed, error) {
				r.Limit = min(r.Limit, 3)
				return h.base.Claim(c, q, r)
			}
		}},
	}
}

// freeAllBehindFirst is what goes wrong if everything behind the first free message is taken for free.
func freeAllBehindFirst(c ctx, h *hooked, q ref) error {
	free, err := h.base.List(c, q, marconi.Listing{Limit: 1, Echo: true})
	if err != nil || len(free.Items) == 0 {
		return err
	}
	behind, err := h.base.List(c, q, marconi.Listing{Marker: free.Next, Limit: 100, Echo: true, IncludeClaimed: true})
	if err != nil {
		return err
	}
	for _, m := range behind.Items {
		if err := h.base.Release(c, q, m.Claim); err != nil {
			return err
		}
	}
	return nil
}

// endsAsPosted lets messages end with the TTL that they were posted with, whatever they show.
func endsAsPosted(h *hooked) (
	message func(ctx, ref, msgID) (marconi.Message, error), claimed func(ctx, ref, claimID) (marconi.Claim, error),
) {
	var ttls sync.Map
	h.post = func(c ctx, q ref, p marconi.Post) ([]msgID, error) {
		ids, err := h.base.Post(c, q, p)
		for i, id := range ids {
			ttls.Store(id, p.Messages[i].TTL)
		}
		return ids, err
	}
	gone := func(m marconi.Message) bool {
		ttl, known := ttls.Load(m.ID)
		return known && m.Age >= ttl.(marconi.Seconds)
	}
	message = func(c ctx, q ref, id msgID) (marconi.Message, error) {
		m, err := h.base.Message(c, q, id)
		if gone(m) {
			return marconi.Message{}, marconi.ErrNoMessage
		}
		return m, err
	}
	claimed = func(c ctx, q ref, id claimID) (marconi.Claim, error) {
		held, err := h.base.Claimed(c, q, id)
		if len(held.Messages) > 0 && gone(held.Messages[0]) {
			return marconi.Claim{}, marconi.ErrNoClaim
		}
		return held, err
	}
	return message, claimed
}

func brokenDeletes() []broken {
	return []broken{
		{name: "deletes claimed messages without their claim", test: "delete/a claimed message needs its claim", data: func(h *hooked) {
			h.del = func(c ctx, q ref, id msgID, claim claimID) error {
				if claim == "" {
					return h.base.DeleteMessages(c, q, []msgID{id}, nil)
				}
				return h.base.Delete(c, q, id, claim)
			}
		}},
		{name: "looks for the claim before the message", test: "delete/a missing message is deleted already, whatever the claim", data: func(h *hooked) {
			h.del = func(c ctx, q ref, id msgID, claim claimID) error {
				if claim != "" {
					if _, err := h.base.Claimed(c, q, claim); err != nil {
						return err
					}
				}
				return h.base.Delete(c, q, id, claim)
			}
		}},
		{name: "deletes a free message with a claim that is gone", test: "delete/a free message is not deleted with a claim", data: func(h *hooked) {
			h.del = func(c ctx, q ref, id msgID, claim claimID) error {
				err := h.base.Delete(c, q, id, claim)
				if isErr(err, marconi.ErrNotClaimed) || isErr(err, marconi.ErrNoClaim) {
					return h.base.Delete(c, q, id, "")
				}
				return err
			}
		}},
		{name: "says that a claim that is gone holds nothing", test: "delete/a message claimed by another is not deleted with a claim that is gone", data: func(h *hooked) {
			h.del = func(c ctx, q ref, id msgID, claim claimID) error {
				err := h.base.Delete(c, q, id, claim)
				if isErr(err, marconi.ErrNoClaim) {
					return marconi.ErrNotOwner
				}
				return err
			}
		}},
	}
}

func brokenBulkDeletes() []broken {
	return []broken{
		{name: "looks at a message, then deletes it", test: "laws/C1 calls take effect one after the other (Par)", data: func(h *hooked) {
			h.del = func(c ctx, q ref, id msgID, claim claimID) error {
				m, err := h.base.Message(c, q, id)
				if err != nil || m.Claim != claim {
					return h.base.Delete(c, q, id, claim)
				}
				runtime.Gosched()
				return h.base.DeleteMessages(c, q, []msgID{id}, nil)
			}
		}},
		{name: "deletes the first part of a batch", test: "delete/bulk: one free message, and nothing is deleted", data: func(h *hooked) {
			h.delAll = func(c ctx, q ref, ids []msgID, claims []claimID) error {
				for _, id := range ids {
					if err := h.base.DeleteMessages(c, q, []msgID{id}, claims); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{name: "spares claimed messages in a bulk delete", test: "delete/bulk: without claims, claimed messages go too", data: func(h *hooked) {
			h.delAll = func(c ctx, q ref, ids []msgID, claims []claimID) error {
				for _, id := range ids {
					if m, err := h.base.Message(c, q, id); err == nil && m.Claim != "" && len(claims) == 0 {
						return marconi.ErrClaimed
					}
				}
				return h.base.DeleteMessages(c, q, ids, claims)
			}
		}},
	}
}
