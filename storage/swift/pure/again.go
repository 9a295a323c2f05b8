package pure

import (
	"context"
	"errors"

	"github.com/marconi-mq/marconi"
)

// again is a claim whose ID is that of a live one: an earlier try whose answer was lost, or that died on its way. It gives
// what that has, and goes on where it stopped.
func (a *attempt) again(ctx context.Context, v *view) (marconi.Claimed, error) {
	messages, err := a.first(ctx, v)
	if err != nil || len(messages) > 0 {
		return marconi.Claimed{Messages: messages}, err
	}
	a.prior = nil
	a.mine.made = true // an object is there, to be written over
	return a.anew(ctx)
}

// first gives what the earlier try has.
func (a *attempt) first(ctx context.Context, v *view) ([]marconi.Message, error) {
	c, content, err := v.readClaim(ctx, a.mine.id)
	if errors.Is(err, marconi.ErrNoClaim) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	messages, err := v.heldMessages(ctx, c, content.Held)
	if err == nil && len(messages) > 0 && !content.Whole {
		err = a.makeWhole(ctx, v, c, content)
	}
	return messages, err
}

// makeWhole does what the earlier try did not come to: it keeps what the claim makes live longer, and writes down what that holds.
func (a *attempt) makeWhole(ctx context.Context, v *view, c claimAttributes, content claimContent) error {
	err := a.s.parallel(len(content.Held), func(i int) error {
		h := &content.Held[i]
		if !outlives(h.Ends, h.Kept) {
			return nil
		}
		return v.keepHeld(ctx, h, h.Ends)
	})
	if err != nil {
		return err
	}
	content.Whole = true
	return a.s.writeClaim(ctx, a.at, c, content)
}

// anew makes the claim as if there had been none of that ID: leases of the old one don't count for it.
func (a *attempt) anew(ctx context.Context) (marconi.Claimed, error) {
	a.now = a.s.millis()
	a.mine.ends = a.now + a.mine.content.TTL.Duration().Milliseconds()
	a.mine.content.Updated = a.now
	if err := a.s.writeClaim(ctx, a.at, a.mine.claimAttributes, a.mine.content); err != nil {
		return marconi.Claimed{}, a.giveUp(ctx, err)
	}
	return a.run(ctx)
}
