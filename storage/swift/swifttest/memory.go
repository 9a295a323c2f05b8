package swifttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// Options are what an account in memory is made with. The zero value is one that never lags, by the clock of the machine.
type Options struct {
	Now func() time.Time // nil: time.Now
	// Lag says how long after a write the listing of its container shows it; nil: at once. It is asked at each write, under
	// a lock, so it must not call the account.
	Lag func(objects.Path) time.Duration
	// Abilities the account says that it has; zero fields stand for those of a Swift with default settings.
	// PutMany and DeleteMany work whatever they say.
	Abilities objects.Abilities
}

// Memory is an account in memory. What it keeps in common with a Swift: an expired object is hidden from GET and HEAD and
// gives way to If-None-Match, while its container goes on listing it until [Memory.Expire]; a write older than what is
// stored is not stored; a listing may lag; a container is empty when its listing is.
type Memory struct {
	o Options
	*state
}

// state is what is kept, whatever proxy it came through.
type state struct {
	mu         sync.Mutex // guards all below
	containers map[string]*container
	reading    time.Time // of the clock, at the last write
	stamp      time.Time // of the last write
}

var _ objects.Client = (*Memory)(nil)

type container struct {
	objects map[string]*object
	listed  map[string]row
	late    []row // not in listed yet
}

// An object that was deleted leaves its stamp, as Swift's tombstones do.
type object struct {
	objects.Object
	stored  time.Time // when its body was, or it was deleted; Modified is that of a later POST as well
	deleted bool
}

// A row is a line of a container's listing, or the news that there is none any more.
type row struct {
	objects.Entry
	stored  time.Time
	deleted bool
	due     time.Time
}

// NewMemory returns an empty account.
func NewMemory(o Options) *Memory {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lag == nil {
		o.Lag = func(objects.Path) time.Duration { return 0 }
	}
	o.Abilities = withDefaults(o.Abilities)
	return &Memory{o, &state{containers: make(map[string]*container)}}
}

// Through is the same account, through a proxy whose clock goes wrong by d.
func (m *Memory) Through(d time.Duration) *Memory {
	o := m.o
	o.Now = func() time.Time { return m.o.Now().Add(d) }
	return &Memory{o, m.state}
}

func withDefaults(a objects.Abilities) objects.Abilities {
	for _, f := range []struct {
		field *int
		value int
	}{{&a.BulkDelete, 10_000}, {&a.BulkUpload, 10_000}, {&a.Page, 10_000}, {&a.Name, 1024}, {&a.Container, 256}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return a
}

// Abilities gives what the account was made with.
func (m *Memory) Abilities() objects.Abilities { return m.o.Abilities }

// Ping ends with the context's error, if that is over.
func (m *Memory) Ping(ctx context.Context) error { return ctx.Err() }

// Close does nothing: what is kept stays, as in a real account.
func (m *Memory) Close() error { return nil }

// Expire does what Swift's expirer does now and then: it deletes what has expired, so that listings lose it.
func (m *Memory) Expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.o.Now()
	for name, c := range m.containers {
		for _, key := range sortedKeys(c.objects) {
			if o := c.objects[key]; !o.deleted && expired(o, now) {
				_ = m.remove(objects.Path{Container: name, Name: key}) // or it is newer
			}
		}
	}
}

// Settle brings all listings up to date, whatever their lag.
func (m *Memory) Settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.containers {
		for _, r := range c.late {
			c.show(r)
		}
		c.late = nil
	}
}

// Put stores an object.
func (m *Memory) Put(ctx context.Context, at objects.Path, body []byte, a objects.Attributes, options ...objects.PutOption) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(at, body, a, options)
}

func (m *Memory) put(at objects.Path, body []byte, a objects.Attributes, options []objects.PutOption) error {
	if err := m.check(at, a); err != nil {
		return err
	}
	c := m.containers[at.Container]
	if c == nil {
		return fmt.Errorf("put %s/%s: %w", at.Container, at.Name, objects.ErrContainer)
	}
	old := c.objects[at.Name]
	for _, option := range options {
		if option == objects.Anew && old != nil && !old.deleted && !expired(old, m.o.Now()) {
			return fmt.Errorf("put %s/%s: %w", at.Container, at.Name, objects.ErrExists)
		}
	}
	stamp := m.tick()
	if old != nil && !stamp.After(old.Modified) {
		return fmt.Errorf("put %s/%s: %w", at.Container, at.Name, objects.ErrNotStored)
	}
	if a.ContentType == "" {
		a.ContentType = "application/octet-stream"
	}
	a.DeleteAt = wholeSeconds(a.DeleteAt)
	o := &object{Object: objects.Object{Attributes: a, Body: bytes.Clone(body), Modified: stamp}, stored: stamp}
	c.objects[at.Name] = o
	m.list(at, o)
	return nil
}

// check refuses what the client or the server refuses.
func (m *Memory) check(at objects.Path, a objects.Attributes) error {
	if err := m.checkPath(at); err != nil {
		return err
	}
	switch {
	case len(at.Name) > m.o.Abilities.Name:
		return errors.New("400 Bad Request: the name is too long")
	case strings.ContainsFunc(a.ContentType, unicode.IsControl):
		return errors.New("a content type has control characters")
	case !a.DeleteAt.IsZero() && wholeSeconds(a.DeleteAt).Before(m.o.Now()):
		return errors.New("400 Bad Request: X-Delete-At in past")
	}
	return nil
}

func (m *Memory) checkPath(at objects.Path) error {
	if at.Name == "" || !utf8.ValidString(at.Name) || strings.ContainsRune(at.Name, 0) {
		return errors.New("an object's name is empty, not UTF-8, or has a NUL")
	}
	return m.checkContainer(at.Container)
}

func (m *Memory) checkContainer(name string) error {
	if name == "" || strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name) {
		return errors.New("a container's name is empty, not UTF-8, or has a slash or NUL")
	}
	return nil
}

// Get gives an object; newest makes no difference here.
func (m *Memory) Get(ctx context.Context, at objects.Path, _ bool) (objects.Object, error) {
	if err := ctx.Err(); err != nil {
		return objects.Object{}, err
	}
	if err := m.checkPath(at); err != nil {
		return objects.Object{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found, err := m.find(at)
	if err != nil {
		return objects.Object{}, err
	}
	o := found.Object
	o.Body = bytes.Clone(o.Body)
	return o, nil
}

// Head gives an object without its body.
func (m *Memory) Head(ctx context.Context, at objects.Path, newest bool) (objects.Object, error) {
	o, err := m.Get(ctx, at, newest)
	o.Body = nil
	return o, err
}

func (m *Memory) find(at objects.Path) (*object, error) {
	if c := m.containers[at.Container]; c != nil {
		if o := c.objects[at.Name]; o != nil && !o.deleted && !expired(o, m.o.Now()) {
			return o, nil
		}
	}
	return nil, fmt.Errorf("get %s/%s: %w", at.Container, at.Name, objects.ErrMissing)
}

// Post replaces an object's attributes; an empty content type leaves the one it has.
func (m *Memory) Post(ctx context.Context, at objects.Path, a objects.Attributes) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(at, a); err != nil {
		return err
	}
	o, err := m.find(at)
	if err != nil {
		return err
	}
	stamp := m.tick()
	if !stamp.After(o.Modified) {
		return errors.New("409 Conflict: a newer object is stored")
	}
	if a.ContentType != "" {
		o.ContentType = a.ContentType
	}
	o.DeleteAt = wholeSeconds(a.DeleteAt)
	o.Modified = stamp
	m.list(at, o)
	return nil
}

// Delete removes an object, also one that has expired but is still listed. One that is newer stays: 409.
func (m *Memory) Delete(ctx context.Context, at objects.Path) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.checkPath(at); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.remove(at)
}

// remove leaves a tombstone, also where there is nothing: what was put before and comes later is older than that.
func (m *Memory) remove(at objects.Path) error {
	c := m.containers[at.Container]
	if c == nil {
		return nil
	}
	stamp := m.tick()
	if o := c.objects[at.Name]; o != nil && !stamp.After(o.stored) {
		if o.deleted || expired(o, m.o.Now()) {
			return nil
		}
		return fmt.Errorf("delete %s/%s: %w", at.Container, at.Name, &objects.StatusError{Status: http.StatusConflict, Text: "a newer object is stored"})
	}
	o := &object{stored: stamp, deleted: true}
	o.Modified = stamp
	c.objects[at.Name] = o
	m.list(at, o)
	return nil
}

// PutMany stores objects one after the other, up to the first that can't be stored, and makes the container if there is none.
func (m *Memory) PutMany(ctx context.Context, container string, uploads []objects.Upload) error {
	for _, u := range uploads {
		if err := m.checkPath(objects.Path{Container: container, Name: u.Name}); err != nil {
			return err
		}
	}
	if err := m.MakeContainer(ctx, container); err != nil {
		return err
	}
	for i, u := range uploads {
		err := m.Put(ctx, objects.Path{Container: container, Name: u.Name}, u.Body, u.Attributes)
		switch isOlder := errors.Is(err, objects.ErrNotStored); {
		case err == nil, isOlder && u.Shared:
		case isOlder:
			return err
		default:
			part := &objects.PartError{Err: err}
			for _, left := range uploads[i:] {
				part.Failed = append(part.Failed, left.Name)
			}
			return part
		}
	}
	return nil
}

// DeleteMany removes objects one after the other. One that can't be removed keeps none of the others.
func (m *Memory) DeleteMany(ctx context.Context, paths []objects.Path) error {
	for _, at := range paths {
		if err := m.checkPath(at); err != nil {
			return err
		}
	}
	var first error
	for _, at := range paths {
		if err := m.Delete(ctx, at); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func expired(o *object, now time.Time) bool {
	return !o.DeleteAt.IsZero() && !now.Before(o.DeleteAt)
}

func wholeSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Unix(0, (t.UnixNano()+int64(time.Second)-1)/int64(time.Second)*int64(time.Second)).UTC()
}

// tick stamps a write. Under a clock that stands still each is 10 µs, Swift's unit, behind the one before, as it would be in
// a world where requests take time; under a clock that was turned back a write is as old as that clock says.
func (m *Memory) tick() time.Time {
	const unit = 10 * time.Microsecond
	now := m.o.Now().UTC().Truncate(unit)
	stamp := now
	if next := m.stamp.Add(unit); !now.Before(m.reading) && now.Before(next) {
		stamp = next
	}
	m.reading, m.stamp = now, stamp
	return stamp
}
