package pure

import (
	"context"
	"errors"
	"net/http"

	"github.com/marconi-mq/marconi/internal/pause"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// A patient client asks again what Swift has failed to answer, where that does no harm: what is read is the same the second time, and what
// was removed is gone. A call that makes ten requests is not to fail for one of them, nor one that removes thousands of objects.
type patient struct{ objects.Client }

// Get implements [objects.Client].
func (p patient) Get(ctx context.Context, at objects.Path, newest bool) (o objects.Object, err error) {
	err = repeated(ctx, func() error {
		o, err = p.Client.Get(ctx, at, newest)
		return err
	})
	return o, err
}

// Head implements [objects.Client].
func (p patient) Head(ctx context.Context, at objects.Path, newest bool) (o objects.Object, err error) {
	err = repeated(ctx, func() error {
		o, err = p.Client.Head(ctx, at, newest)
		return err
	})
	return o, err
}

// List implements [objects.Client].
func (p patient) List(ctx context.Context, container string, l objects.Listing) (entries []objects.Entry, err error) {
	err = repeated(ctx, func() error {
		entries, err = p.Client.List(ctx, container, l)
		return err
	})
	return entries, err
}

// Delete implements [objects.Client].
func (p patient) Delete(ctx context.Context, at objects.Path) error {
	return repeated(ctx, func() error { return p.Client.Delete(ctx, at) })
}

// DeleteMany implements [objects.Client].
func (p patient) DeleteMany(ctx context.Context, paths []objects.Path) error {
	return repeated(ctx, func() error { return p.Client.DeleteMany(ctx, paths) })
}

// repeated does what may be done again until it is known how it went.
func repeated(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		most := tries
		if isBehind(err) {
			most = newerTries
		}
		if err == nil || isMissing(err) || n >= most || pause.For(ctx, retryAfter<<n) != nil {
			return err
		}
	}
}

// isBehind tells that what is stored is newer than the request, by the clock of the proxy that took it: 202 to a PUT, 409 to a DELETE.
func isBehind(err error) bool {
	var s *objects.StatusError
	return errors.Is(err, objects.ErrNotStored) || errors.As(err, &s) && s.Status == http.StatusConflict
}
