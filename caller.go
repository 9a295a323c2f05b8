package marconi

import "context"

// A Caller is who a request comes from, as far as it is known.
type Caller struct {
	Project   Project
	Client    ClientID
	RequestID string // for logs
}

type callerKey struct{}

// WithCaller hands the caller on in a context.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return &callerContext{ctx, c}
}

// A callerContext costs one allocation, where a value in a plain context costs two.
type callerContext struct {
	context.Context
	caller Caller
}

func (c *callerContext) Value(key any) any {
	if _, is := key.(callerKey); is {
		return &c.caller
	}
	return c.Context.Value(key)
}

// CallerFrom is the caller that [WithCaller] put in, or nobody.
func CallerFrom(ctx context.Context) Caller {
	if c, found := ctx.Value(callerKey{}).(*Caller); found {
		return *c
	}
	return Caller{}
}

// An Operation is what a caller wants to do, in the words of the service's policy files.
type Operation string

// The operations.
const (
	OpListQueues     Operation = "queues:get_all"
	OpCreateQueue    Operation = "queues:create"
	OpGetQueue       Operation = "queues:get"
	OpUpdateQueue    Operation = "queues:update"
	OpDeleteQueue    Operation = "queues:delete"
	OpQueueStats     Operation = "queues:stats"
	OpPostMessages   Operation = "messages:create"
	OpListMessages   Operation = "messages:get_all"
	OpGetMessage     Operation = "messages:get"
	OpDeleteMessage  Operation = "messages:delete"
	OpDeleteMessages Operation = "messages:delete_all"
	OpCreateClaim    Operation = "claims:create"
	OpGetClaim       Operation = "claims:get"
	OpUpdateClaim    Operation = "claims:update"
	OpDeleteClaim    Operation = "claims:delete"
	OpPing           Operation = "ping:get"
	OpHealth         Operation = "health:get"
)
