package rest

import (
	"errors"
	"strings"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

func postMessages(c *call) (reply, error) {
	client, err := c.neededClient()
	if err != nil {
		return reply{}, err
	}
	doc, err := c.body(c.api.limits.MaxMessagesPostSize)
	if err != nil {
		return reply{}, err
	}
	messages, err := c.dialect.DecodeMessages(doc)
	if err != nil {
		return reply{}, err
	}
	post := broker.Post{Queue: c.queue, Client: client, Messages: messages, CreateQueue: c.dialect.LazyQueues}
	ids, err := c.api.Broker.PostMessages(c.Context(), post)
	if err != nil {
		return reply{}, err
	}
	body := c.keep(c.dialect.AppendPosted(c.buffer(), c.queuePath, ids))
	return created(locationOf(c.path, ids), body), nil
}

// locationOf is where all of the messages are found at once. The commas stay as they are: they make it a list.
func locationOf(path string, ids []marconi.MessageID) string {
	size := len(path) + len("?ids=")
	for _, id := range ids {
		size += len(id) + 1
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(path)
	b.WriteString("?ids=")
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(id))
	}
	return b.String()
}

// getMessages lists the messages of a queue, or gets those that were asked for by their IDs.
func getMessages(c *call) (reply, error) {
	c.locate()
	if c.query.has("ids") {
		return findMessages(c)
	}
	return listMessages(c)
}

func findMessages(c *call) (reply, error) {
	messages, err := c.api.Broker.Messages(c.Context(), c.queue, c.messageIDs())
	if err != nil {
		return reply{}, err
	}
	if len(messages) == 0 {
		return noContent(), c.dialect.NoneFound
	}
	return ok(c.keep(c.dialect.AppendFound(c.buffer(), c.queuePath, messages))), nil
}

// messageIDs are those that the request names, repeated ones and all: they count.
func (c *call) messageIDs() []marconi.MessageID {
	var ids []marconi.MessageID
	for id := range c.query.elements("ids") {
		ids = append(ids, marconi.MessageID(id))
	}
	return ids
}

func listMessages(c *call) (reply, error) {
	client, err := c.neededClient()
	if err != nil {
		return reply{}, err
	}
	p := c.paging()
	l := broker.Listing{
		Queue:          c.queue,
		Marker:         p.marker,
		Limit:          p.limit,
		Client:         client,
		Echo:           p.flag("echo"),
		IncludeClaimed: p.flag("include_claimed"),
	}
	if p.err != nil {
		return reply{}, p.err
	}
	if l.Wait, err = c.wait(); err != nil {
		return reply{}, err
	}
	page, err := c.api.Broker.ListMessages(c.Context(), l)
	if err != nil {
		return reply{}, err
	}
	body := c.keep(c.dialect.AppendPage(c.buffer(), c.queuePath, page.Items, p.next(c.path, page.Next)))
	if len(page.Items) == 0 {
		return reply{status: c.dialect.EmptyList, body: body}, nil
	}
	return ok(body), nil
}

func getMessage(c *call) (reply, error) {
	m, err := c.api.Broker.Message(c.Context(), c.queue, marconi.MessageID(c.param()))
	if err != nil {
		return reply{}, err
	}
	c.locate()
	return ok(c.keep(c.dialect.AppendMessageSeen(c.buffer(), c.queuePath, &m))), nil
}

func deleteMessage(c *call) (reply, error) {
	claim, _, err := c.query.text("claim_id")
	if err != nil {
		return reply{}, err
	}
	id := marconi.MessageID(c.param())
	err = c.api.Broker.DeleteMessage(c.Context(), c.queue, id, marconi.ClaimID(claim))
	if errors.Is(err, marconi.ErrNoClaim) {
		return reply{}, errClaimGone
	}
	return noContent(), err
}

// deleteMessages wants IDs: a whole collection is not deleted by leaving them out.
func deleteMessages(c *call) (reply, error) {
	if !c.query.has("ids") {
		return reply{}, errNoIDs
	}
	return noContent(), c.api.Broker.DeleteMessages(c.Context(), c.queue, c.messageIDs())
}

func deleteOrPopMessages(c *call) (reply, error) {
	limit, err := c.query.integer("pop")
	if err != nil {
		return reply{}, err
	}
	n, pop := limit.Get()
	switch ids := c.query.has("ids"); {
	case ids == pop:
		return reply{}, marconi.Refuse("ids-or-pop", "messages are deleted by ids or by pop, by one of the two")
	case ids && c.api.DeleteNeedsClaims:
		return reply{}, marconi.Refuse("claims-needed", "messages can't be deleted by ids here: each needs its claim")
	case ids:
		return deleteMessages(c)
	}
	wait, err := c.wait()
	if err != nil {
		return reply{}, err
	}
	c.leaves = true
	messages, err := c.api.Broker.PopMessages(c.Context(), broker.Pop{Queue: c.queue, Limit: n, Wait: wait})
	if err != nil {
		return reply{}, err
	}
	return ok(c.keep(dialect.AppendPopped(c.buffer(), messages))), nil
}
