package swift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/swift/indexed"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/pure"
)

// Open opens of the store at uri what o asks for; see the package for its form and for where queues are, and [storage.Driver].
func Open(ctx context.Context, uri string, o storage.Options) (storage.Opened, error) {
	o = o.WithDefaults()
	s, err := parseURI(uri)
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open a store in Swift: %w", err)
	}
	if o.Plane.Has(storage.DataPlane) && s.index == "" && o.Embedded == nil { // whatever Swift may say to it
		return storage.Opened{}, fmt.Errorf("open %s: %w", s.redacted(), errNoIndex)
	}
	account, err := objects.Open(ctx, s.account(o))
	if err != nil {
		return storage.Opened{}, notYet(err)
	}
	opened, err := openOn(ctx, account, s, o)
	if err != nil {
		return storage.Opened{}, fmt.Errorf("open %s: %w", s.redacted(), err)
	}
	return opened, nil
}

// account are the settings as package objects has them.
func (s settings) account(o storage.Options) objects.Options {
	user := s.user
	if s.auth == objects.V1 && s.project != "" {
		user = s.project + ":" + user
	}
	return objects.Options{
		AuthURL: s.authURL, Version: s.auth, User: user, Key: s.key, Project: s.project,
		CredentialID: s.credential.id, CredentialName: s.credential.name, CredentialSecret: s.credential.secret,
		UserDomain: s.userDomain.name, UserDomainID: s.userDomain.id,
		ProjectDomain: s.projectDomain.name, ProjectDomainID: s.projectDomain.id,
		Region: s.region, Interface: s.endpoint,
		TLS:     objects.TLS{CAFile: s.tls.ca, CertFile: s.tls.cert, KeyFile: s.tls.key, Insecure: s.tls.insecure},
		Timeout: s.timeout, Connections: s.connections, Logger: o.Logger,
	}
}

// notYet marks the error of a server that does not listen yet, or can't do its work yet.
func notYet(err error) error {
	var status *objects.StatusError
	if errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &status) && status.Passing() {
		return fmt.Errorf("%w: %w", storage.ErrNotYet, err)
	}
	return err
}

// openOn opens planes on an account, which is closed with the last of them.
func openOn(ctx context.Context, c objects.Client, s settings, o storage.Options) (storage.Opened, error) {
	account := &shared{client: c}
	mine := account.use() // so that it is closed if nobody else uses it
	opened, err := openPlanes(ctx, account, s, o)
	return opened, errors.Join(err, mine.Close())
}

// openPlanes opens what is asked for. Queues are where the index is, if the URI is to hold both.
func openPlanes(ctx context.Context, account *shared, s settings, o storage.Options) (opened storage.Opened, err error) {
	switch {
	case !o.Plane.Has(storage.DataPlane):
	case s.index == noIndex:
		opened.Data, err = openPure(ctx, account, s, o)
	default:
		opened, err = openIndexed(ctx, account, s, o)
	}
	if err == nil && o.Plane.Has(storage.ControlPlane) && opened.Control == nil {
		opened.Control = newControlStore(account.use(), s.prefix, o.Namespace)
	}
	return opened, err
}

// A closing store closes its share in the account as well.
type closing struct {
	marconi.DataStore
	account objects.Client
}

// Close implements [marconi.DataStore].
func (c closing) Close() error { return errors.Join(c.DataStore.Close(), c.account.Close()) }

// openPure opens messages in Swift alone.
func openPure(ctx context.Context, account *shared, s settings, o storage.Options) (marconi.DataStore, error) {
	if o.CallTime > 0 && s.settle >= o.CallTime {
		return nil, fmt.Errorf("lease_settle=%d: a claim would wait longer than it may take; it has to be less than the server's request_timeout, %s",
			s.settle.Milliseconds(), o.CallTime)
	}
	c := account.use()
	data, err := pure.New(ctx, c, pure.Options{
		Namespace: join(s.prefix, o.Namespace), Shards: s.shards, ListingHorizon: s.horizon, PostTime: o.CallTime, LeaseSettle: s.settle,
		Now: o.Now, Logger: o.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return closing{data, c}, nil
}

// openIndexed opens messages whose order and leases are in another store, and that store's queues if they are wanted.
func openIndexed(ctx context.Context, account *shared, s settings, o storage.Options) (opened storage.Opened, err error) {
	uri, err := s.indexURI(o)
	if err != nil {
		return storage.Opened{}, err
	}
	index, err := beside(ctx, uri, s.namespaceOfIndex(o.Namespace), storage.DataPlane, o)
	if err == nil && index.Data == nil {
		err = errors.New("that store keeps no messages")
	}
	if err != nil {
		return storage.Opened{}, fmt.Errorf("its index: %w", err)
	}
	opened.Alone = index.Alone
	if o.Plane.Has(storage.ControlPlane) {
		queues, err := beside(ctx, uri, o.Namespace, storage.ControlPlane, o)
		if err == nil && queues.Control == nil {
			err = errors.New("that store keeps no queues: name another for them")
		}
		if err != nil {
			return storage.Opened{}, fmt.Errorf("the queues beside its index: %w", err)
		}
		opened = storage.Opened{Control: queues.Control, ControlURI: cmp.Or(queues.ControlURI, uri), Alone: index.Alone && queues.Alone}
	}
	c := account.use()
	opened.Data, err = indexed.New(c, index.Data, indexed.Options{
		Options: o, Prefix: join(s.prefix, o.Namespace), Containers: s.containers, InlineBelow: s.inline, CacheBytes: int64(s.cache),
		Parallel: s.connections,
	})
	if err != nil {
		return storage.Opened{}, errors.Join(err, c.Close())
	}
	return opened, nil
}

// beside opens one plane of the store that the index is in.
func beside(ctx context.Context, uri, namespace string, plane storage.Plane, o storage.Options) (storage.Opened, error) {
	o.Namespace, o.Plane, o.Embedded = namespace, plane, nil
	return o.Open(ctx, uri, o)
}

var errNoIndex = errors.New("messages in Swift need an index for their order and their leases, and none is at hand beside a store of " +
	"queues that other servers may use, too: name one that they all use with index=URI, or say index=none for Swift alone")

// indexURI is where the index is: where the URI says, or in the program's own store.
func (s settings) indexURI(o storage.Options) (string, error) {
	switch {
	case s.index != "":
		return s.index, nil
	case o.Embedded == nil:
		return "", errNoIndex
	}
	uri, err := o.Embedded()
	if err != nil {
		return "", fmt.Errorf("a place for its index: %w", err)
	}
	return uri, nil
}

// namespaceOfIndex keeps what an index has for this store apart from messages that the same store holds for itself, and from another
// prefix's. It does not depend on where Swift is: that may move.
func (s settings) namespaceOfIndex(namespace string) string {
	if s.prefix == defaultSettings().prefix {
		return namespace + "swift"
	}
	return join(namespace+"swift", s.prefix)
}
