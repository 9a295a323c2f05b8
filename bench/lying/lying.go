// Package lying is a server for tests that breaks its promises on purpose: a real one over memory, whose store loses, doubles,
// swaps and damages messages as it is told to, and keeps the account of it. What judges servers is judged by it.
//
//	s := lying.Start(t, lying.Options{Lie: lying.Drop, Every: 100})
//	…                    // put s.URL under load
//	s.Told()             // the IDs of the messages that were dropped
//
// A lie is only told where somebody can catch it for certain: where that takes a moment at which one client is kept waiting
// while another is lied to, the server makes that moment, and does not hope for it.
package lying

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/config"
	"github.com/marconi-mq/marconi/server"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
)

// A Lie is a promise that is not kept.
type Lie string

// The lies. What a workload needs for them stands beside: without it there is no occasion.
const (
	Honest Lie = ""

	// About posts.

	Drop        Lie = "confirms a message and keeps it not"
	KeepRefused Lie = "refuses a post and keeps it"
	KeepFailed  Lie = "fails at a post, by a bug, and keeps it"
	Swap        Lie = "swaps the first two messages of a post" // a batch
	Damage      Lie = "changes a byte of a body"               // bodies with a filler
	Outlive     Lie = "shows a message after its TTL"          // time that passes: Options.Now

	// About listings, to observers: those without echo.

	ShowTwice   Lie = "shows an observer again what it has shown it"
	Tear        Lie = "leaves a message of a post out of a listing" // a batch of two or more
	ShowForeign Lie = "shows another project's message"             // several tenants
	Withhold    Lie = "tells an observer too early that there is nothing more"

	// SkipClaimed is told to auditors: those who list with echo and claimed messages. A claim is answered when they have been
	// lied to, so that they need not hurry.
	SkipClaimed Lie = "leaves a claimed message out of a listing with claimed ones"

	// About claims. These need several workers on a queue who delete each message by itself; ClaimTwice and HandTwice keep one of
	// them waiting until another has been lied to.

	ClaimTwice Lie = "gives a message to a second claim" // claims of two messages or more
	HandTwice  Lie = "hands out a message anew that is just being deleted"
	Revive     Lie = "hands out a message that was deleted"
	KeepBack   Lie = "says that a claim is released, and hands its messages out to nobody" // workers who release claims

	// Those of a server that only is too slow are no lies: each lets a post wait until its client has given up, and then

	KeepLate  Lie = "keeps a post without an answer"
	DropLate  Lie = "drops a post without an answer"
	KeepTwice Lie = "keeps a post twice, without an answer" // which is one
)

// Options say what is lied about, and how often.
type Options struct {
	Lie   Lie
	Every int // of so many occasions the last is taken; 0: each
	Most  int // lies; 0: as many as there are occasions

	Now func() time.Time // the store's clock; nil: time.Now
}

// A Server is a server that lies.
type Server struct {
	URL  string
	told *teller
}

// Start begins a server that ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	told := &teller{every: max(o.Every, 1), most: o.Most}
	s, err := server.New(t.Context(), server.Options{
		Config: config.Default(), Drivers: storage.Drivers{"memory": memory.Open}, DataURI: "memory:", ControlURI: "memory:", Now: o.Now,
		WrapData: func(d marconi.DataStore) marconi.DataStore { return wrap(d, o.Lie, told) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(named(s.Handler()))
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Server{URL: h.URL, told: told}
}

// Told are the messages that were lied about, in the order of the lies. Of a torn post it is the first message, whichever was
// left out; of a post without an answer all are.
func (s *Server) Told() []marconi.MessageID { return s.told.all() }

// wrap puts the liar round the store.
func wrap(d marconi.DataStore, l Lie, t *teller) marconi.DataStore {
	switch l {
	case Drop, KeepRefused, KeepFailed, Swap, Damage, Outlive, KeepLate, DropLate, KeepTwice:
		return &poster{DataStore: d, teller: t, lie: l}
	case ShowTwice, Tear, ShowForeign, Withhold:
		return newLister(d, t, l)
	case SkipClaimed:
		return &skipper{DataStore: d, teller: t}
	case ClaimTwice, HandTwice:
		return newSharer(d, t, l)
	case KeepBack:
		return &keeper{DataStore: d, teller: t, held: map[marconi.ClaimID][]marconi.MessageID{}}
	case Revive:
		return &reviver{DataStore: d, teller: t, held: map[marconi.MessageID]marconi.Message{}, dead: map[place][]marconi.Message{}}
	}
	return d
}

// A teller decides when to lie, and keeps the account.
type teller struct {
	every, most int

	mu        sync.Mutex // guards what follows
	occasions int
	open      int // lies that are being told
	told      []marconi.MessageID
}

// due reports whether an occasion is to be taken. The lie is then told or given up.
func (t *teller) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.most > 0 && len(t.told)+t.open >= t.most {
		return false
	}
	t.occasions++
	if t.occasions%t.every > 0 {
		return false
	}
	t.open++
	return true
}

// lied notes a lie about these messages.
func (t *teller) lied(about ...marconi.MessageID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
	t.told = append(t.told, about...)
}

func (t *teller) gaveUp() { t.lied() }

func (t *teller) all() []marconi.MessageID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]marconi.MessageID(nil), t.told...)
}

// callerKey is the context's key of the caller.
type callerKey struct{}

// A caller is the client of a request.
type caller struct {
	id   string
	gone <-chan struct{} // closed when it no longer waits for the answer
}

// named tells the store who calls, which it isn't told of claims, and when he has gone, which it need not know.
func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller{r.Header.Get("Client-ID"), r.Context().Done()}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// A place is a queue as one client sees it.
type place struct {
	queue  marconi.QueueRef
	caller string
}

func placeOf(ctx context.Context, q marconi.QueueRef) place { return place{q, callerOf(ctx).id} }
