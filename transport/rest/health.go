package rest

import (
	"net/http"
	"strconv"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
	"github.com/marconi-mq/marconi/transport/dialect"
)

// ping says whether the stores answer, by its status alone.
func ping(c *call) (reply, error) {
	err := c.api.Broker.Ping(c.Context())
	if err != nil && marconi.KindOf(err) == marconi.Unavailable {
		return bare(http.StatusServiceUnavailable), nil
	}
	return noContent(), err
}

// alive says that the server itself answers.
func alive(*call) (reply, error) { return noContent(), nil }

func getHealth(c *call) (reply, error) {
	health, err := c.api.Broker.Health(c.Context())
	if err != nil {
		return reply{}, err
	}
	return ok(c.keep(appendHealth(c.buffer(), health))), nil
}

func appendHealth(dst []byte, h broker.Health) []byte {
	dst = append(dst, `{"storage_reachable":`...)
	dst = strconv.AppendBool(dst, h.Reachable)
	dst = append(dst, `,"message_volume":`...)
	dst = dialect.AppendVolume(dst, h.Volume)
	dst = append(dst, `,"operation_status":{`...)
	for i, op := range h.Operations {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendOperation(dst, op)
	}
	return append(dst, "}}"...)
}

func appendOperation(dst []byte, op broker.OperationStatus) []byte {
	dst = append(append(append(dst, '"'), op.Name...), `":{"succeeded":`...)
	dst = strconv.AppendBool(dst, op.Succeeded)
	dst = append(dst, `,"seconds":`...)
	dst = strconv.AppendFloat(dst, op.Took.Seconds(), 'f', 6, 64) // always with a point: a float to every reader
	dst = append(dst, `,"ref":`...)
	if op.Ref == "" {
		return append(dst, "null}"...)
	}
	return append(append(append(dst, '"'), op.Ref...), `"}`...)
}
