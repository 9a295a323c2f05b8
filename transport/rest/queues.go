package rest

import (
	"errors"
	"net/http"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

func listQueues(c *call) (reply, error) {
	p := c.paging()
	l := broker.QueueListing{Marker: p.marker, Limit: p.limit, Detailed: p.flag("detailed")}
	if p.err != nil {
		return reply{}, p.err
	}
	page, err := c.api.Broker.ListQueues(c.Context(), c.project, l)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusOK
	if len(page.Items) == 0 {
		status = c.dialect.EmptyList
	}
	if status == http.StatusOK {
		c.locate()
	}
	next := p.next(c.path, page.Next)
	return reply{status: status, body: c.keep(dialect.AppendQueues(c.buffer(), c.path, page.Items, l.Detailed, next))}, nil
}

// queueExists answers without a word, as it did from the start.
func queueExists(c *call) (reply, error) {
	c.locatePath()
	_, err := c.api.Broker.Queue(c.Context(), c.queue)
	if errors.Is(err, marconi.ErrNoQueue) {
		return bare(http.StatusNotFound), nil
	}
	if err != nil {
		return reply{}, err
	}
	return noContent(), nil
}

func putQueue(c *call) (reply, error) {
	metadata, err := c.newMetadata()
	if err != nil {
		return reply{}, err
	}
	isNew, err := c.api.Broker.CreateQueue(c.Context(), c.queue, metadata)
	if err != nil {
		return reply{}, err
	}
	rep := reply{status: http.StatusNoContent, location: c.path}
	if isNew {
		rep.status = http.StatusCreated
	}
	return rep, nil
}

// newMetadata is the metadata that a queue is made with: none where it has a resource of its own, or if there is no body.
func (c *call) newMetadata() (marconi.Metadata, error) {
	if !c.dialect.QueueTakesMetadata {
		return nil, nil
	}
	doc, err := c.body(c.api.limits.MaxQueueMetadata)
	if err != nil || len(doc.Text) == 0 {
		return nil, err
	}
	return dialect.DecodeMetadata(doc)
}

func deleteQueue(c *call) (reply, error) {
	if err := c.api.Broker.DeleteQueue(c.Context(), c.queue); err != nil {
		return reply{}, err
	}
	return noContent(), nil
}

func getMetadata(c *call) (reply, error) {
	q, err := c.api.Broker.Queue(c.Context(), c.queue)
	if errors.Is(err, marconi.ErrNoQueue) && c.dialect.MissingIsEmpty {
		return ok([]byte("{}")), nil
	}
	if err != nil {
		return reply{}, err
	}
	c.locatePath()
	return ok(q.Metadata), nil
}

func putMetadata(c *call) (reply, error) {
	doc, err := c.body(c.api.limits.MaxQueueMetadata)
	if err != nil {
		return reply{}, err
	}
	metadata, err := dialect.DecodeMetadata(doc)
	if err != nil {
		return reply{}, err
	}
	if err := c.api.Broker.SetMetadata(c.Context(), c.queue, metadata); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent, location: c.path}, nil
}

func getStats(c *call) (reply, error) {
	stats, err := c.api.Broker.Stats(c.Context(), c.queue)
	if errors.Is(err, marconi.ErrNoQueue) && c.dialect.MissingIsEmpty {
		stats, err = marconi.Stats{}, nil
	}
	if err != nil {
		return reply{}, err
	}
	c.locatePath()
	return ok(c.keep(dialect.AppendStats(c.buffer(), c.queuePath, stats))), nil
}
