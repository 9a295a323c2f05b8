package lying

import (
	"context"
	"slices"
	"sync"

	"github.com/marconi-mq/marconi"
)

// A lister lies to observers.
type lister struct {
	marconi.DataStore
	*teller
	lie Lie

	mu     sync.Mutex // guards what follows
	shown  map[place][]marconi.Message
	posts  map[marconi.MessageID][]marconi.MessageID // of a message: those of its post
	recent map[marconi.Project]located               // what a project has posted last
	about  map[marconi.MessageID]bool                // was lied about
	deaf   *place                                    // who is told that there is nothing more; nil: nobody yet
}

// located is a message and where it is.
type located struct {
	queue marconi.QueueRef
	id    marconi.MessageID
}

func newLister(d marconi.DataStore, t *teller, l Lie) *lister {
	return &lister{
		DataStore: d, teller: t, lie: l, shown: map[place][]marconi.Message{}, posts: map[marconi.MessageID][]marconi.MessageID{},
		recent: map[marconi.Project]located{}, about: map[marconi.MessageID]bool{},
	}
}

// Post posts, and notes what belongs together.
func (l *lister) Post(ctx context.Context, q marconi.QueueRef, p marconi.Post) ([]marconi.MessageID, error) {
	ids, err := l.DataStore.Post(ctx, q, p)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.posts[id] = ids
		l.recent[q.Project] = located{q, id}
	}
	return ids, err
}

// List lists, and lies if it is an observer who asks.
func (l *lister) List(ctx context.Context, q marconi.QueueRef, listing marconi.Listing) (marconi.Page[marconi.Message], error) {
	page, err := l.DataStore.List(ctx, q, listing)
	if err != nil || listing.Echo || len(page.Items) == 0 {
		return page, err
	}
	at := placeOf(ctx, q)
	l.mu.Lock()
	defer l.mu.Unlock()
	honest := page.Items
	switch {
	case l.lie == Withhold:
		if l.withholds(at) {
			return marconi.Page[marconi.Message]{}, l.withhold(ctx, q, listing)
		}
	case l.lie == Tear:
		page.Items = l.tear(page.Items)
	case len(page.Items) == listing.Limit: // no room for more
	case l.lie == ShowTwice:
		page.Items = l.again(at, page.Items)
	default:
		page.Items = l.foreign(ctx, q, page.Items)
	}
	l.shown[at] = append(l.shown[at], honest...)
	return page, nil
}

// heard is how many messages an observer is shown before the rest is kept from it.
const heard = 9

// withholds reports whether the observer is the one that is told nothing more: the first that has seen some posts as a whole.
func (l *lister) withholds(at place) bool {
	if shown := l.shown[at]; l.deaf == nil && len(shown) >= heard {
		last := shown[len(shown)-1].ID
		if post := l.posts[last]; post[len(post)-1] == last {
			l.deaf = &at
		}
	}
	return l.deaf != nil && *l.deaf == at
}

// withhold notes what the observer would have been shown by now.
func (l *lister) withhold(ctx context.Context, q marconi.QueueRef, listing marconi.Listing) error {
	listing.Limit = 1 << 20
	all, err := l.DataStore.List(ctx, q, listing)
	for _, m := range all.Items {
		if !l.about[m.ID] && l.due() {
			l.about[m.ID] = true
			l.lied(m.ID)
		}
	}
	return err
}

// again adds a message that the observer was shown on an earlier page: it has had that page's answer before it asked anew.
func (l *lister) again(at place, items []marconi.Message) []marconi.Message {
	for _, m := range l.shown[at] {
		if !l.about[m.ID] {
			if !l.due() {
				return items
			}
			l.about[m.ID] = true
			l.lied(m.ID)
			return append([]marconi.Message{m}, items...)
		}
	}
	return items
}

// tear leaves a message out of a post that stands on the page with all its messages, and with another one behind it.
func (l *lister) tear(items []marconi.Message) []marconi.Message {
	for i := 0; i < len(items); {
		post := l.posts[items[i].ID]
		end := i + len(post)
		if len(post) < 2 || post[0] != items[i].ID || end >= len(items) || l.about[post[0]] {
			i++
			continue
		}
		if !l.due() {
			return items
		}
		l.about[post[0]] = true
		l.lied(post[0])
		out := i + len(post)/2
		return slices.Delete(slices.Clone(items), out, out+1)
	}
	return items
}

// foreign adds what another project has posted.
func (l *lister) foreign(ctx context.Context, q marconi.QueueRef, items []marconi.Message) []marconi.Message {
	for project, last := range l.recent {
		if project == q.Project || l.about[last.id] {
			continue
		}
		m, err := l.DataStore.Message(ctx, last.queue, last.id)
		if err != nil || !l.due() {
			continue
		}
		l.about[m.ID] = true
		l.lied(m.ID)
		return append(slices.Clone(items), m)
	}
	return items
}
