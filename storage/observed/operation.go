package observed

// An Operation is a method of a store.
type Operation int

// The operations of a data store, and behind them those of a control store.
const (
	Post Operation = iota
	List
	Message
	Messages
	First
	Delete
	DeleteMessages
	Pop
	Claim
	Claimed
	UpdateClaim
	Release
	MoveSpent
	Stats
	Volume
	DropQueue
	Purge
	Collect
	Bind
	HeldQueues
	PingData

	CreateQueue
	Queue
	SetMetadata
	DeleteQueue
	ListQueues
	AdoptQueue
	ID
	PingControl

	// Operations is how many there are.
	Operations
)

var names = [Operations]string{
	"post", "list", "message", "messages", "first", "delete", "delete_messages", "pop",
	"claim", "claimed", "update_claim", "release", "move_spent",
	"stats", "volume", "delete_queue", "purge", "collect", "bind", "queues", "ping",

	"create_queue", "queue", "set_metadata", "delete_queue", "list_queues", "adopt_queue", "id", "ping",
}

// Plane is "data" or "control": the kind of store whose method it is.
func (op Operation) Plane() string {
	if op < CreateQueue {
		return "data"
	}
	return "control"
}

// Name is the method in lower case with underscores. Both planes have a "ping" and a "delete_queue".
func (op Operation) Name() string { return names[op] }

// bounded reports whether the operation counts among those that are refused when there are too many. Others ask how the
// store is, or clean up behind a caller.
func (op Operation) bounded() bool {
	switch op {
	case PingData, PingControl, Bind, HeldQueues, ID, Collect, Release:
		return false
	}
	return true
}

// takes reports whether the operation takes messages for an answer: nobody else gets them then.
func (op Operation) takes() bool { return op == Pop || op == Claim }

// An Outcome is what a call came to.
type Outcome int

// The outcomes.
const (
	OK        Outcome = iota
	Refused           // what was asked for isn't there, or not allowed: the caller's doing
	Full              // the store holds as much as it may
	Cancelled         // the caller went away
	TimedOut          // it took longer than its context
	Failed            // anything else

	// Outcomes is how many there are.
	Outcomes
)

var outcomes = [Outcomes]string{"ok", "refused", "full", "cancelled", "timeout", "failed"}

// String is the outcome in lower case.
func (o Outcome) String() string { return outcomes[o] }
