package objects

import (
	"context"
	"errors"
	"time"
)

// What a request can end with, beside success. Everything else is an error that wraps none of these: nobody can say whether
// the request was carried out.
var (
	ErrMissing   = errors.New("there is no such object")                      // 404, also if it is the container that is missing
	ErrContainer = errors.New("there is no such container")                   // 404 of a PUT or a listing
	ErrExists    = errors.New("there is such an object already")              // 412 to If-None-Match: *
	ErrNotStored = errors.New("the object was taken, but an older one stays") // 202: what is stored is newer
	ErrConflict  = errors.New("the container is not empty")                   // 409 of its DELETE
)

// SettleTime is longer than a PUT takes. Two that are under way at one moment both seem to make the object, and the later one stays: who makes
// something once for all reads back after that time which one it is.
const SettleTime = 250 * time.Millisecond

// Attributes are what is kept beside an object's content.
type Attributes struct {
	// ContentType may have parameters. A listing shows it, but without the blanks between them. "" stands for
	// application/octet-stream in a PUT, and leaves what is there in a POST.
	ContentType string
	DeleteAt    time.Time // rounded up to whole seconds, which must not have passed; zero: never
}

// An Object is what a GET or HEAD gives.
type Object struct {
	Attributes
	Body     []byte // of a GET
	Modified time.Time
}

// A Path names an object.
type Path struct{ Container, Name string }

// An Entry is an object in a listing.
type Entry struct {
	Name        string
	ContentType string
	Bytes       int64
	Modified    time.Time // UTC, whole microseconds
}

// A Listing says which names to list, in the order of their bytes.
type Listing struct {
	Prefix  string
	Marker  string // list what stands behind it
	End     string // list what stands before it; "": all
	Limit   int    // 0: as many as the server gives at most, usually 10 000
	Reverse bool
}

// An Upload is an object that is to be put together with others.
type Upload struct {
	Name string
	Body []byte
	Attributes
	Shared bool // whoever stores it stores the same: it is no error if a newer one is there
}

// A PutOption changes what a PUT asks for.
type PutOption int

// The options.
const (
	Anew PutOption = iota + 1 // only if there is no such object: If-None-Match: *
	Once                      // not again on a new connection when a kept one turns out dead: it might be done twice
)

// A Client is what works on an account. Its methods are safe for concurrent use and end with their context.
// [Account] is the real one.
type Client interface {
	// Put stores an object. nil: 201, it is stored. ErrExists, ErrNotStored, ErrContainer: it is not.
	Put(ctx context.Context, at Path, body []byte, a Attributes, options ...PutOption) error
	// Get gives an object, or ErrMissing. Newest asks all replicas, and gives the newest.
	Get(ctx context.Context, at Path, newest bool) (Object, error)
	// Head is Get without the body.
	Head(ctx context.Context, at Path, newest bool) (Object, error)
	// Post replaces the attributes of an object: a zero DeleteAt removes it. ErrMissing: there is none.
	Post(ctx context.Context, at Path, a Attributes) error
	// Delete removes an object; that there is none is no error.
	Delete(ctx context.Context, at Path) error
	// List lists names of a container, at most as many as the server gives on a page. ErrContainer: there is none.
	List(ctx context.Context, container string, l Listing) ([]Entry, error)
	// PutMany stores objects in one container, in one request where the server can (extract-archive), else in parallel.
	// It makes the container if there is none, as extract-archive does. An error that is no [PartError] may leave any of them stored, and that
	// something newer is stored than one of them may go unnoticed. Objects with one DeleteAt share a request.
	PutMany(ctx context.Context, container string, objects []Upload) error
	// DeleteMany removes objects, in one request for each thousand where the server can (bulk-delete), else in parallel.
	// What isn't there is no error.
	DeleteMany(ctx context.Context, objects []Path) error

	// MakeContainer makes a container, if there is none.
	MakeContainer(ctx context.Context, container string) error
	// DeleteContainer removes an empty container: ErrConflict if it isn't. That there is none is no error.
	DeleteContainer(ctx context.Context, container string) error
	// Containers lists the account's containers by the bytes of their names. Listings of accounts lag behind.
	Containers(ctx context.Context, l Listing) ([]string, error)

	// Abilities are what the server has said at the start that it can.
	Abilities() Abilities
	// Ping reports whether the account can be reached.
	Ping(ctx context.Context) error
	Close() error
}

// Abilities are what a server can, by its /info, or as found by trying.
type Abilities struct {
	BulkDelete int // names a request; 0: it can't
	BulkUpload int // objects an archive; 0: it can't
	Page       int // names a page of a listing has at most
	Name       int // bytes of an object's name
	Container  int // bytes of a container's name
	Version    string
}
