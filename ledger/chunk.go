package ledger

import (
	"slices"
	"sync"
	"time"
)

// chunkSize makes a chunk's records fill one of the allocator's classes, 4096 bytes, but for sixteen.
const chunkSize = 68

// A chunk holds a run of one producer's messages. Its lock is taken before those of claims, suspicions and the docket.
type chunk struct {
	mu      sync.Mutex // guards what follows
	held    []holding
	ids     []byte // of confirmed messages: slot, length, text
	gone    uint8
	records *records
	segment *segment // that the records are in, which has to stay; nil: they are in memory
}

// A holding is the last claim of a message that isn't known to be gone, whether that claim is over or not.
type holding struct {
	claim *Claim
	lives time.Duration // the latest time up to which earlier claims may have made the message live
	slot  uint8
}

// holding is the last claim of the message, or nil.
func (c *chunk) holding(slot int) *holding {
	for i := range c.held {
		if int(c.held[i].slot) == slot {
			return &c.held[i]
		}
	}
	return nil
}

// hold notes that the claim has taken the message. Reports may come late: of two claims the later one counts.
func (c *chunk) hold(slot int, claim *Claim) {
	h := c.holding(slot)
	switch {
	case h == nil:
		c.held = append(c.held, holding{claim: claim, slot: uint8(slot)})
	case h.claim.call.Sent > claim.call.Answered:
		h.lives = max(h.lives, claim.livesBy())
	default:
		h.lives = max(h.lives, h.claim.livesBy())
		h.claim = claim
	}
}

func (c *chunk) drop(slot int) {
	c.held = slices.DeleteFunc(c.held, func(h holding) bool { return int(h.slot) == slot })
	if len(c.held) == 0 {
		c.held = nil
	}
}

// leave notes that a call has taken the message away, or found it gone.
func (c *chunk) leave(slot int, call Call) {
	r := &c.records[slot]
	r.sendAway(call.Sent)
	if r.gone() {
		r.goBy(min(r.goneBy(), call.Answered))
		return
	}
	r.goBy(call.Answered)
	if h := c.holding(slot); h != nil && !h.claim.mayEndBy(call.Answered) {
		r.flags |= heldToEnd
	}
	c.drop(slot)
	if c.gone++; c.gone == chunkSize && !c.wanted() {
		c.ids = nil
	}
}

// wanted reports whether the verdict may have to name one of the messages.
func (c *chunk) wanted() bool {
	return slices.ContainsFunc(c.records[:], func(r record) bool { return r.flags.has(accused | suspected) })
}

// keepID keeps the ID of a message for as long as the chunk is not all gone, and longer if there is something wrong.
func (c *chunk) keepID(slot int, id string) {
	if len(id) < 1<<8 {
		c.ids = append(append(c.ids, byte(slot), byte(len(id))), id...)
	}
}

// keptID is the ID of a message, or "".
func (c *chunk) keptID(slot int) string {
	for rest := c.ids; len(rest) > 0; rest = rest[2+int(rest[1]):] {
		if int(rest[0]) == slot {
			return string(rest[2 : 2+int(rest[1])])
		}
	}
	return ""
}
