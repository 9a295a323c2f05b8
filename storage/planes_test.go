package storage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

type fakeData struct {
	marconi.DataStore
	at string
}

func (fakeData) Close() error { return nil }

type fakeControl struct {
	marconi.ControlStore
	at string
}

func (fakeControl) Close() error { return nil }

// A world is drivers of stores that are what they seem:
//
//	own:     both planes, for this process alone
//	common:  both planes, which others share
//	bodies:  what is asked for; messages need an index, behind the colon, or the embedded store. Its queues are the index's
//	         if both are asked for
//	halves:  messages alone
type world struct{ opened []string }

func (w *world) drivers() storage.Drivers {
	both := func(alone bool) storage.Driver {
		return func(_ context.Context, uri string, o storage.Options) (storage.Opened, error) {
			w.note(uri, o)
			return storage.Opened{Data: fakeData{at: uri}, Control: fakeControl{at: uri}, Alone: alone}, nil
		}
	}
	return storage.Drivers{"own": both(true), "common": both(false), "bodies": w.bodies, "halves": w.halves}
}

func (w *world) note(uri string, o storage.Options) {
	w.opened = append(w.opened, fmt.Sprint(uri, " ", o.Plane))
}

func (w *world) halves(_ context.Context, uri string, o storage.Options) (storage.Opened, error) {
	w.note(uri, o)
	return storage.Opened{Data: fakeData{at: uri}}, nil
}

func (w *world) bodies(ctx context.Context, uri string, o storage.Options) (opened storage.Opened, err error) {
	w.note(uri, o)
	if !o.Plane.Has(storage.DataPlane) {
		return storage.Opened{Control: fakeControl{at: uri}}, nil
	}
	index := strings.TrimPrefix(uri, "bodies:")
	if index == "" {
		if o.Embedded == nil {
			return opened, errNothingEmbedded
		}
		if index, err = o.Embedded(); err != nil {
			return opened, err
		}
	}
	below, err := o.Open(ctx, index, storage.Options{Plane: o.Plane})
	opened = storage.Opened{Data: fakeData{at: uri}, Alone: below.Alone}
	if o.Plane.Has(storage.ControlPlane) {
		opened.Control, opened.ControlURI = below.Control, index
	}
	return opened, err
}

var (
	errNothingEmbedded = errors.New("nothing is embedded")
	errNoHome          = errors.New("no home")
)

func TestOpenPlanes(t *testing.T) {
	embedded := func() (string, error) { return "own:embedded", nil }
	for _, tt := range []struct {
		name, data, control string
		embedded            func() (string, error)
		at                  string // where queues are: the URI that is told, and the store
		shared              bool
		opened              []string
	}{
		{"one store", "own:a", "", nil, "own:a own:a", false, []string{"own:a 3"}},
		{"one store, named twice", "own:a", "own:a", nil, "own:a own:a", false, []string{"own:a 2"}},
		{"one store that others share", "common:a", "", nil, "common:a common:a", true, []string{"common:a 3"}},
		{"two stores", "own:a", "common:b", nil, "common:b common:b", true, []string{"common:b 2", "own:a 1"}},
		{"half a store and another", "halves:a", "own:b", nil, "own:b own:b", false, []string{"own:b 2", "halves:a 1"}},
		{"bodies", "bodies:", "", embedded, "own:embedded own:embedded", false, []string{"bodies: 3", "own:embedded 3"}},
		{"bodies and queues of one's own", "bodies:", "own:b", embedded, "own:b own:b", false, []string{"own:b 2", "bodies: 1", "own:embedded 1"}},
		{"bodies beside the embedded store", "bodies:", "own:embedded", embedded, "own:embedded own:embedded", false, []string{"own:embedded 2", "bodies: 1"}},
		{"bodies with an index", "bodies:common:i", "", embedded, "common:i common:i", true, []string{"bodies:common:i 3", "common:i 3"}},
		{"bodies with an index, named twice", "bodies:common:i", "bodies:common:i", embedded, "bodies:common:i bodies:common:i", true,
			[]string{"bodies:common:i 2", "bodies:common:i 1", "common:i 1"}},
	} {
		w := &world{}
		r := storage.NewRegistry(w.drivers())
		p, err := r.OpenPlanes(t.Context(), tt.data, tt.control, storage.Options{Embedded: tt.embedded})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		at := p.ControlURI + " " + p.Control.(fakeControl).at
		if p.Data.(fakeData).at != tt.data || at != tt.at || p.Shared != tt.shared || !slices.Equal(w.opened, tt.opened) {
			t.Errorf("%s: messages in %s, queues in %s, shared %v, opened %q; want queues in %s, shared %v, opened %q",
				tt.name, p.Data.(fakeData).at, at, p.Shared, w.opened, tt.at, tt.shared, tt.opened)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: Close: %v", tt.name, err)
		}
	}
}

func TestOpenPlanesRefuses(t *testing.T) {
	embedded := func() (string, error) { return "own:embedded", nil }
	homeless := func() (string, error) { return "", errNoHome }
	for _, tt := range []struct {
		name, data, control string
		embedded            func() (string, error)
		says                string
	}{
		{"half a store", "halves:secret", "", nil, "a store of the scheme halves keeps no queues"},
		{"half a store for queues", "own:a", "halves:secret", nil, "a store of the scheme halves keeps no queues"},
		{"queues for messages", "own:a", "nowhere:b", nil, "a URI begins with one of"},
		{"messages nowhere", "nowhere:b", "own:a", nil, "a URI begins with one of"},
		{"bodies without an index, beside what others share", "bodies:", "common:b", embedded, errNothingEmbedded.Error()},
		{"bodies without an index, beside themselves", "bodies:", "bodies:", embedded, errNothingEmbedded.Error()},
		{"bodies without a home", "bodies:", "", homeless, errNoHome.Error()},
	} {
		r := storage.NewRegistry((&world{}).drivers())
		_, err := r.OpenPlanes(t.Context(), tt.data, tt.control, storage.Options{Embedded: tt.embedded})
		if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want something about %q", tt.name, err, tt.says)
		}
	}
}

// A store that gives one plane at a time is opened for the other when that is wanted, and each once.
func TestTheOtherPlaneIsOpenedLater(t *testing.T) {
	w := &world{}
	r := storage.NewRegistry(w.drivers())
	for _, plane := range []storage.Plane{storage.ControlPlane, storage.DataPlane, storage.BothPlanes, storage.ControlPlane} {
		o, err := r.Open(t.Context(), "bodies:own:i", storage.Options{Plane: plane})
		if err != nil {
			t.Fatal(err)
		}
		if plane.Has(storage.DataPlane) && o.Data == nil || plane.Has(storage.ControlPlane) && o.Control == nil {
			t.Errorf("plane %d: %+v", plane, o)
		}
	}
	if want := []string{"bodies:own:i 2", "bodies:own:i 1", "own:i 1"}; !slices.Equal(w.opened, want) {
		t.Errorf("opened %q, want %q", w.opened, want)
	}
}
