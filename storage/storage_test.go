package storage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
)

// A fake is a store of one plane that notes its end.
type fake struct {
	marconi.DataStore
	name  string
	ended *[]string
}

func (f *fake) Close() error {
	*f.ended = append(*f.ended, f.name)
	return nil
}

// fakes is a driver of such stores, which notes what it opened and fails for URIs that end in "broken".
type fakes struct {
	opened, ended []string
}

func (f *fakes) open(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	f.opened = append(f.opened, o.Namespace+" "+uri)
	if strings.HasSuffix(uri, "broken") {
		return storage.Opened{}, errors.New("broken")
	}
	if index, found := strings.CutPrefix(uri, "on:"); found {
		o.Namespace = "index"
		if _, err := o.Open(ctx, "fake:"+index, o); err != nil {
			return storage.Opened{}, err
		}
	}
	return storage.Opened{Data: &fake{name: uri, ended: &f.ended}}, nil
}

func newFakes() (*fakes, *storage.Registry) {
	f := &fakes{}
	return f, storage.NewRegistry(storage.Drivers{"fake": f.open, "on": f.open})
}

func TestAURIIsOpenedOnce(t *testing.T) {
	f, r := newFakes()
	open := func(uri, namespace string) marconi.DataStore {
		o, err := r.Open(t.Context(), uri, storage.Options{Namespace: namespace})
		if err != nil {
			t.Fatal(err)
		}
		return o.Data
	}
	if open("fake:a", "") != open("fake:a", "") {
		t.Error("the same URI led to two stores")
	}
	if open("fake:a", "") == open("fake:a", "n") || open("fake:a", "") == open("fake:b", "") {
		t.Error("another namespace, or another URI, led to the same store")
	}
	if want := []string{" fake:a", "n fake:a", " fake:b"}; !slices.Equal(f.opened, want) {
		t.Errorf("opened %q, want %q", f.opened, want)
	}
}

func TestWhatCouldNotBeOpenedIsTriedAgain(t *testing.T) {
	f, r := newFakes()
	for range 2 {
		if _, err := r.Open(t.Context(), "fake:broken", storage.Options{}); err == nil {
			t.Error("a broken store was opened")
		}
	}
	if len(f.opened) != 2 {
		t.Errorf("tried %d times, want 2", len(f.opened))
	}
}

// A store that lies on another one is closed before it.
func TestStoresOnStores(t *testing.T) {
	f, r := newFakes()
	if _, err := r.Open(t.Context(), "on:x", storage.Options{}); err != nil {
		t.Fatal(err)
	}
	if want := []string{" on:x", "index fake:x"}; !slices.Equal(f.opened, want) {
		t.Errorf("opened %q, want %q", f.opened, want)
	}
	if _, err := r.Open(t.Context(), "fake:last", storage.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(f.ended) != 3 || f.ended[0] != "fake:last" {
		t.Errorf("closed %q, want each once, the last one first", f.ended)
	}
	if before, after := slices.Index(f.ended, "on:x"), slices.Index(f.ended, "fake:x"); before > after {
		t.Errorf("closed %q: what lies below before what lies on it", f.ended)
	}
}

func TestSchemes(t *testing.T) {
	_, r := newFakes()
	if got := r.Schemes(); !slices.Equal(got, []string{"fake", "on"}) {
		t.Errorf("schemes: %q", got)
	}
	for _, uri := range []string{"other:x", "fake", "", "/var/lib/x.db"} {
		_, err := r.Open(t.Context(), uri, storage.Options{})
		if err == nil || !strings.Contains(err.Error(), "fake:") || !strings.Contains(err.Error(), "on:") {
			t.Errorf("open %q: %v; want an error that names the schemes", uri, err)
		}
	}
	if _, err := r.Open(t.Context(), "FAKE:x", storage.Options{}); err != nil {
		t.Errorf("a scheme in capitals: %v", err)
	}
}
