package marconi

import "time"

// Seconds is a span of whole seconds, as the API speaks of TTLs, graces, delays and ages.
type Seconds int64

// Duration is s as a [time.Duration]; only spans that passed [Limits] fit.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// What no option changes.
const (
	MinMessageTTL Seconds = 60
	MinClaimTTL   Seconds = 60
	MinClaimGrace Seconds = 60

	MaxQueueName = 64  // characters
	MaxProject   = 256 // characters

	DefaultPage = 10 // messages or queues on a page, and messages in a claim, if the caller names no limit

	MaxWait Seconds = 20 // for messages to come, where a caller asks to wait

	MaxSpent = 20 // messages that one claim sets aside for the dead-letter queue
)

// Limits are the bounds and defaults of the service that an operator may change.
// The zero value is of no use; start from [DefaultLimits].
type Limits struct {
	MaxQueuesPerPage    int
	MaxMessagesPerPage  int
	MaxMessagesPerClaim int // claimed or popped at once

	MaxQueueMetadata    int64 // bytes of the request
	MaxMessagesPostSize int64 // bytes of the request

	MaxMessageTTL   Seconds
	MaxMessageDelay Seconds
	MaxClaimTTL     Seconds
	MaxClaimGrace   Seconds

	DefaultMessageTTL   Seconds
	DefaultMessageDelay Seconds
	DefaultClaimTTL     Seconds
	DefaultClaimGrace   Seconds

	ClientIDs ClientIDs
}

// DefaultLimits are the limits of a server that nobody configured.
func DefaultLimits() Limits {
	return Limits{
		MaxQueuesPerPage:    20,
		MaxMessagesPerPage:  20,
		MaxMessagesPerClaim: 20,
		MaxQueueMetadata:    65536,
		MaxMessagesPostSize: 262144,
		MaxMessageTTL:       1209600,
		MaxMessageDelay:     900,
		MaxClaimTTL:         43200,
		MaxClaimGrace:       43200,
		DefaultMessageTTL:   3600,
		DefaultMessageDelay: 0,
		DefaultClaimTTL:     300,
		DefaultClaimGrace:   60,
		ClientIDs:           ClientIDs{MinLength: 10, MaxLength: 36},
	}
}
