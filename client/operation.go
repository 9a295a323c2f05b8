package client

// An Operation names what a request is for, in errors and to [Config.Observe].
type Operation string

// The operations.
const (
	OpVersions       Operation = "list versions"
	OpHome           Operation = "get home"
	OpPing           Operation = "ping"
	OpHealth         Operation = "get health"
	OpListQueues     Operation = "list queues"
	OpCreateQueue    Operation = "create queue"
	OpQueueExists    Operation = "look for queue"
	OpDeleteQueue    Operation = "delete queue"
	OpGetMetadata    Operation = "get metadata"
	OpSetMetadata    Operation = "set metadata"
	OpGetStats       Operation = "get stats"
	OpPost           Operation = "post messages"
	OpListMessages   Operation = "list messages"
	OpGetMessage     Operation = "get message"
	OpGetMessages    Operation = "get messages"
	OpDeleteMessage  Operation = "delete message"
	OpDeleteMessages Operation = "delete messages"
	OpPop            Operation = "pop messages"
	OpClaim          Operation = "claim messages"
	OpGetClaim       Operation = "get claim"
	OpUpdateClaim    Operation = "update claim"
	OpRelease        Operation = "release claim"
)

// repeatable reports whether doing it twice leaves the service as doing it once does. HTTP's methods don't tell: a pop
// is a DELETE, and a second one takes other messages.
func (o Operation) repeatable() bool {
	switch o {
	case OpPost, OpClaim, OpPop:
		return false
	}
	return true
}

// The routes, as [Exchange.Route] shows them.
const (
	routeRoot     = "/"
	routeQueues   = "/queues"
	routeQueue    = "/queues/{queue}"
	routeStats    = "/queues/{queue}/stats"
	routeMessages = "/queues/{queue}/messages"
	routeMessage  = "/queues/{queue}/messages/{id}"
	routeClaims   = "/queues/{queue}/claims"
	routeClaim    = "/queues/{queue}/claims/{id}"
)
