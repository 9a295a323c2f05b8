package marconi

// An Interest says what somebody waits for.
type Interest struct {
	// Take is set by those who will claim or pop. Of them at most one in a process is woken for a message.
	Take bool
	// The others list, and are woken for every message that fits: see [Listing]. A message of Client's own does not
	// wake it unless Echo is set.
	Client         ClientID
	Echo           bool
	IncludeClaimed bool
	IncludeDelayed bool
}

// A Watch is told when to look again.
type Watch interface {
	// C gives a value when something may have become visible: a post, a release, a claim's end, a delay that is over, the
	// arrival of a dead letter. A value may come for nothing; none is missed.
	C() <-chan struct{}

	// Pass gives a value that was received, but not acted on, to the next one who waits.
	Pass()

	// Close ends the watch and passes on a value that nobody received. Closing twice does nothing.
	Close()
}

// A Watcher tells when to look again. Watch, then look (claim, pop, list), then wait: what comes before the look the
// look finds, what comes after it is signalled, within 100 ms (law W1) or, for a claim's end or a delay, 50 ms (W2). One
// who waits costs the store nothing (W3), and one who went away takes nothing (W4).
type Watcher interface {
	Watch(q QueueRef, interest Interest) Watch
}
