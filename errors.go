package marconi

import "errors"

// A Kind says what sort of trouble an error is.
type Kind int

// The kinds. A store's error that is no [*Error] counts as Unavailable: the broker makes it so.
const (
	Internal        Kind = iota // a bug of ours, not the caller's doing: its text is for the log alone
	Invalid                     // the request is wrong and will stay so
	NotFound                    // what it names is not there
	Conflict                    // it collides with what is there
	Unauthenticated             // the caller is not known
	Forbidden                   // the caller, or the state of what it names, does not allow it
	Exhausted                   // a quota or bound of this caller is used up
	Unavailable                 // the store can't be reached in time; trying again may help
)

// String is the kind's name, for logs.
func (k Kind) String() string {
	if k < Internal || k > Unavailable {
		return "unknown"
	}
	return [...]string{
		"internal", "invalid", "not-found", "conflict", "unauthenticated", "forbidden", "exhausted", "unavailable",
	}[k]
}

// An Error is trouble that has a name. It is compared with [errors.Is] by its Code, never by its words; wrapping adds
// what was being done and to what.
type Error struct {
	Kind Kind
	Code string // stable, lower case, for tables: "claim-gone"
	Text string // a sentence for people, lower case, without a full stop and without secrets
}

// Error is the sentence.
func (e *Error) Error() string { return e.Text }

// Is reports whether target is an Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// What stores answer. The broker adds what it refuses by itself, with [Refuse].
var (
	ErrNoQueue    = &Error{NotFound, "no-queue", "no such queue"}
	ErrNoMessage  = &Error{NotFound, "no-message", "no such message"}
	ErrNoClaim    = &Error{NotFound, "claim-gone", "no such claim: it ended, was released, or never was"}
	ErrEmptyQueue = &Error{NotFound, "queue-empty", "the queue has no messages"}

	ErrClaimed    = &Error{Forbidden, "claimed", "the message is claimed: it can only be deleted with its claim"}
	ErrNotOwner   = &Error{Forbidden, "not-owner", "the message is held by another claim"}
	ErrNotClaimed = &Error{Invalid, "not-claimed", "the message is not claimed, so the claim that was named has lost it"}

	// ErrSealed says that the queue has moved to another store. It never reaches a client.
	ErrSealed = &Error{Conflict, "sealed", "the queue has moved to another store"}
	// ErrForeignData says that a data store holds the messages of another control store.
	ErrForeignData = &Error{Conflict, "foreign-data", "the data store belongs to another control store"}
	// ErrForeignPart says that the parts of a data store which is made of several do not belong together.
	ErrForeignPart = &Error{Conflict, "foreign-part", "a part of the data store belongs to another one"}
	// ErrFull says that a store holds as much as it may. What makes room in it goes on: deletions, claims, pops.
	ErrFull = &Error{Unavailable, "full", "the store is full"}
	// ErrUnavailable says that a store did not answer in time, or could not do what it was asked.
	ErrUnavailable = &Error{Unavailable, "unavailable", "the store can't be reached"}
)

// Refuse makes an Invalid error of the given code and sentence.
func Refuse(code, text string) *Error { return &Error{Invalid, code, text} }

// KindOf is the kind of the first [*Error] in err's chain, and Unavailable if there is none: a store's own error that
// nobody could name. KindOf(nil) is Internal; ask only about errors.
func KindOf(err error) Kind {
	if err == nil {
		return Internal
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unavailable
}
