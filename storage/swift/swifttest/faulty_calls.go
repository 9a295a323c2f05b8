package swifttest

import (
	"context"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Put is the client's, with the faults planned.
func (f *Faulty) Put(ctx context.Context, at objects.Path, body []byte, a objects.Attributes, options ...objects.PutOption) error {
	return f.do(ctx, Put, []objects.Path{at}, func() error { return f.client.Put(ctx, at, body, a, options...) })
}

// Get is the client's, with the faults planned.
func (f *Faulty) Get(ctx context.Context, at objects.Path, newest bool) (objects.Object, error) {
	return answer(ctx, f, Get, []objects.Path{at}, func() (objects.Object, error) { return f.client.Get(ctx, at, newest) })
}

// Head is the client's, with the faults planned.
func (f *Faulty) Head(ctx context.Context, at objects.Path, newest bool) (objects.Object, error) {
	return answer(ctx, f, Head, []objects.Path{at}, func() (objects.Object, error) { return f.client.Head(ctx, at, newest) })
}

// Post is the client's, with the faults planned.
func (f *Faulty) Post(ctx context.Context, at objects.Path, a objects.Attributes) error {
	return f.do(ctx, Post, []objects.Path{at}, func() error { return f.client.Post(ctx, at, a) })
}

// Delete is the client's, with the faults planned.
func (f *Faulty) Delete(ctx context.Context, at objects.Path) error {
	return f.do(ctx, Delete, []objects.Path{at}, func() error { return f.client.Delete(ctx, at) })
}

// List is the client's, with the faults planned and without what [Faulty.Lag] hides.
func (f *Faulty) List(ctx context.Context, container string, l objects.Listing) ([]objects.Entry, error) {
	return answer(ctx, f, List, in(container), func() ([]objects.Entry, error) { return f.visible(ctx, container, l) })
}

// PutMany is the client's, with the faults planned.
func (f *Faulty) PutMany(ctx context.Context, container string, uploads []objects.Upload) error {
	paths := make([]objects.Path, len(uploads))
	for i, u := range uploads {
		paths[i] = objects.Path{Container: container, Name: u.Name}
	}
	return f.do(ctx, PutMany, paths, func() error { return f.client.PutMany(ctx, container, uploads) })
}

// DeleteMany is the client's, with the faults planned.
func (f *Faulty) DeleteMany(ctx context.Context, paths []objects.Path) error {
	return f.do(ctx, DeleteMany, paths, func() error { return f.client.DeleteMany(ctx, paths) })
}

// MakeContainer is the client's, with the faults planned.
func (f *Faulty) MakeContainer(ctx context.Context, container string) error {
	return f.do(ctx, MakeContainer, in(container), func() error { return f.client.MakeContainer(ctx, container) })
}

// DeleteContainer is the client's, with the faults planned.
func (f *Faulty) DeleteContainer(ctx context.Context, container string) error {
	return f.do(ctx, DeleteContainer, in(container), func() error { return f.client.DeleteContainer(ctx, container) })
}

// Containers is the client's, with the faults planned.
func (f *Faulty) Containers(ctx context.Context, l objects.Listing) ([]string, error) {
	return answer(ctx, f, Containers, nil, func() ([]string, error) { return f.client.Containers(ctx, l) })
}

// Ping is the client's, with the faults planned.
func (f *Faulty) Ping(ctx context.Context) error {
	return f.do(ctx, Ping, nil, func() error { return f.client.Ping(ctx) })
}

// Abilities are the client's.
func (f *Faulty) Abilities() objects.Abilities { return f.client.Abilities() }

// Close closes the client.
func (f *Faulty) Close() error { return f.client.Close() }

func in(container string) []objects.Path { return []objects.Path{{Container: container}} }

// answer is do for calls that give something; a failed one gives nothing, though it was carried out.
func answer[T any](ctx context.Context, f *Faulty, k Kind, paths []objects.Path, call func() (T, error)) (T, error) {
	var found T
	err := f.do(ctx, k, paths, func() (err error) {
		found, err = call()
		return err
	})
	if err != nil {
		return *new(T), err
	}
	return found, nil
}
