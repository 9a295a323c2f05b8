package marconi

// A Marker is the place behind which a page starts. It is opaque to all but the store that gave it, and a position
// rather than a message or queue: it keeps its meaning when what it was taken from is gone. The empty Marker is the
// start. A marker that no store gave is no error: it gives an empty page (messages), or sorts as a name (queues).
type Marker string

// A Page is a part of a listing, in order.
type Page[T any] struct {
	Items []T
	// Next starts the page behind this one. It is set if Items is not empty, also on the last page: asking for that
	// later gives what is new.
	Next Marker
}
