package rest

import (
	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

func postClaim(c *call) (reply, error) {
	limit, err := c.query.integer("limit")
	if err != nil {
		return reply{}, err
	}
	doc, err := c.body(MaxClaimBody)
	if err != nil {
		return reply{}, err
	}
	terms, err := c.dialect.DecodeClaim(doc)
	if err != nil {
		return reply{}, err
	}
	wait, err := c.wait()
	if err != nil {
		return reply{}, err
	}
	c.leaves = true
	claim, err := c.api.Broker.ClaimMessages(c.Context(), broker.Claim{
		Queue: c.queue, TTL: terms.TTL, Grace: terms.Grace, Limit: limit, Wait: wait,
	})
	if err != nil {
		return reply{}, err
	}
	if len(claim.Messages) == 0 {
		return noContent(), nil
	}
	body := c.keep(c.dialect.AppendClaimed(c.buffer(), c.queuePath, &claim))
	return created(c.path+"/"+string(claim.ID), body), nil
}

func getClaim(c *call) (reply, error) {
	claim, err := c.api.Broker.Claim(c.Context(), c.queue, marconi.ClaimID(c.param()))
	if err != nil {
		return reply{}, err
	}
	c.locate()
	return ok(c.keep(c.dialect.AppendClaim(c.buffer(), c.queuePath, c.path, &claim))), nil
}

func patchClaim(c *call) (reply, error) {
	doc, err := c.body(MaxClaimBody)
	if err != nil {
		return reply{}, err
	}
	terms, err := c.dialect.DecodeClaimUpdate(doc)
	if err != nil {
		return reply{}, err
	}
	update := broker.ClaimUpdate{TTL: terms.TTL, Grace: terms.Grace}
	return noContent(), c.api.Broker.UpdateClaim(c.Context(), c.queue, marconi.ClaimID(c.param()), update)
}

func deleteClaim(c *call) (reply, error) {
	return noContent(), c.api.Broker.ReleaseClaim(c.Context(), c.queue, marconi.ClaimID(c.param()))
}
