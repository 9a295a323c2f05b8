package redis

import (
	"context"
	"sync"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/wake"
)

const (
	watchFor   = time.Minute           // until then other processes tell this one what happens to a queue
	watchAnew  = 20 * time.Second      // so often that is said again
	watchRetry = time.Second           // if it could not be said
	watchLimit = time.Second           // for saying it
	waitLeast  = 10 * time.Millisecond // many claims may end close to each other
)

// An event is what happened to a message.
type event struct {
	what   byte
	client marconi.ClientID // of those that were posted
}

// waiters are those who wait in this process, by the keys of their queues' headers.
type waiters struct {
	channel string

	mu sync.Mutex // guards of
	of map[string]*waiting
}

type waiting struct {
	queue  marconi.QueueRef
	n      int
	said   bool // the server was told
	unsure bool // something may have happened that was not told here: all are to look when the server knows of them
}

func (w *waiters) add(header string, q marconi.QueueRef, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.of[header]
	if at == nil {
		at = &waiting{queue: q}
		w.of[header] = at
	}
	if at.n += n; at.n == 0 {
		delete(w.of, header)
	}
}

func (w *waiters) queue(header string) (marconi.QueueRef, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.of[header]
	if at == nil {
		return marconi.QueueRef{}, false
	}
	return at.queue, true
}

// doubt makes all unsure, and gives their queues.
func (w *waiters) doubt() []marconi.QueueRef {
	w.mu.Lock()
	defer w.mu.Unlock()
	queues := make([]marconi.QueueRef, 0, len(w.of))
	for _, at := range w.of {
		at.unsure = true
		queues = append(queues, at.queue)
	}
	return queues
}

// ask is called before the server is told of those who wait. Answered is to be called afterwards: with whether it was told and whether it
// had known of them. It gives how many are to look.
func (w *waiters) ask(header string) (answered func(told, knew bool) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.of[header]
	if at == nil {
		return func(bool, bool) int { return 0 }
	}
	unsure := at.unsure
	at.unsure = false // what happens from here on is another doubt
	return func(told, knew bool) int {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !told {
			at.unsure = true
			return 0
		}
		forgotten := at.said && !knew
		at.said = true
		if unsure || forgotten {
			return at.n
		}
		return 0
	}
}

// A watch is one who waits.
type watch struct {
	*wake.Waiter[marconi.QueueRef, event]
	leave func() // counts it out, once
}

// Close implements [marconi.Watch].
func (w *watch) Close() {
	w.Waiter.Close()
	w.leave()
}

// Watch implements [marconi.Watcher]. All that happens is told by way of the server, also what this process does: so each waiter hears of
// it once. The first one who waits for a queue says so there. A failover may lose that, and what was told meanwhile: when a connection is lost,
// it is said again and all look; if none is, that is found out when it is said anew.
func (d *dataStore) Watch(q marconi.QueueRef, i marconi.Interest) marconi.Watch {
	header := d.keys.of(q)[0]
	d.waiters.add(header, q, 1)
	w := d.hub.Watch(q, i.Take, func(e event) bool { return concerns(e, i) })
	return &watch{w, sync.OnceFunc(func() { d.waiters.add(header, q, -1) })}
}

// concerns reports whether the event makes a message visible to one who lists with that interest.
func concerns(e event, i marconi.Interest) bool {
	switch e.what {
	case newsPosted:
		return i.Echo || e.client != i.Client
	case newsDelayed:
		return i.IncludeDelayed && (i.Echo || e.client != i.Client)
	case newsFreed:
		return !i.IncludeClaimed
	case newsRipe:
		return !i.IncludeDelayed
	}
	return true
}

// ask is what the hub asks: it says to the server that somebody waits here, and learns when something may become free by itself. What
// does become free then is told as everything else. If the server had forgotten that somebody waits, or may have, all look once: from here
// on they are told of what they don't find.
func (d *dataStore) ask(q marconi.QueueRef) ([]event, time.Time) {
	ctx, cancel := context.WithTimeout(d.living, watchLimit)
	defer cancel()
	answered := d.waiters.ask(d.keys.of(q)[0])
	r, err := d.run(ctx, "wait for messages", d.scripts.watch, q, d.time(), d.waiters.channel, decimal(watchFor.Milliseconds()))
	due, knew := r.now, int64(0)
	if err == nil {
		due, knew = r.number(0), r.number(1)
		err = r.err
	}
	look := answered(err == nil, knew == 1)
	now := d.now()
	if err != nil {
		return nil, now.Add(watchRetry)
	}
	wait := min(watchAnew, max(waitLeast, time.Duration(min(due-r.now, watchAnew.Milliseconds()))*time.Millisecond))
	return make([]event, look), now.Add(wait)
}

// hear takes what another call, here or elsewhere, tells this process.
func (d *dataStore) hear(payload string) {
	n, ok := parseNews(payload)
	if !ok {
		return
	}
	q, waits := d.waiters.queue(n.header)
	if !waits {
		return
	}
	if n.what == newsNext {
		d.hub.At(q, d.now().Add(time.Duration(max(0, min(n.n, watchAnew.Milliseconds())))*time.Millisecond))
		return
	}
	events := make([]event, max(0, min(n.n, mostAtOnce)))
	for i := range events {
		events[i] = event{n.what, n.client}
	}
	if n.what == newsDelayed {
		d.hub.Show(q, events...)
		return
	}
	d.hub.Notify(q, events...)
}

// lookAgain makes all who wait look once, after the line to a server was broken or another one has taken over: it may not know any more
// that they wait. They look when it does; a server that is not there yet would have nothing for them but an error.
func (d *dataStore) lookAgain() {
	for _, q := range d.waiters.doubt() {
		d.hub.At(q, d.now())
	}
}
