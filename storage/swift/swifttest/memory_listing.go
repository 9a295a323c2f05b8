package swifttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

// List lists a container as far as its listing has caught up, what has expired included.
func (m *Memory) List(ctx context.Context, container string, l objects.Listing) ([]objects.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := m.checkContainer(container); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[container]
	if c == nil {
		return nil, fmt.Errorf("list %s: %w", container, objects.ErrContainer)
	}
	c.catchUp(m.o.Now())
	names := m.page(c.names(), l)
	entries := make([]objects.Entry, len(names))
	for i, name := range names {
		entries[i] = c.listed[name].Entry
	}
	return entries, nil
}

// Containers lists the account's containers.
func (m *Memory) Containers(ctx context.Context, l objects.Listing) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.page(sortedKeys(m.containers), l), nil
}

// MakeContainer makes a container, if there is none.
func (m *Memory) MakeContainer(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.checkContainer(name); err != nil {
		return err
	}
	if len(name) > m.o.Abilities.Container {
		return errors.New("400 Bad Request: the container's name is too long")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.containers[name] == nil {
		m.containers[name] = &container{objects: make(map[string]*object), listed: make(map[string]row)}
	}
	return nil
}

// DeleteContainer removes a container whose listing is empty.
func (m *Memory) DeleteContainer(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.checkContainer(name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.containers[name]
	if c == nil {
		return nil
	}
	if c.catchUp(m.o.Now()); len(c.names()) > 0 {
		return fmt.Errorf("delete container %s: %w", name, objects.ErrConflict)
	}
	delete(m.containers, name)
	return nil
}

// page picks from sorted names what l asks for. In reverse, marker and end keep their meaning in the order of the listing.
func (m *Memory) page(names []string, l objects.Listing) []string {
	limit := m.o.Abilities.Page
	if l.Limit > 0 {
		limit = min(limit, l.Limit)
	}
	sign := 1
	if l.Reverse {
		sign = -1
		slices.Reverse(names)
	}
	out := []string{}
	for _, name := range names {
		behind := l.Marker == "" || sign*strings.Compare(name, l.Marker) > 0
		before := l.End == "" || sign*strings.Compare(name, l.End) < 0
		if behind && before && strings.HasPrefix(name, l.Prefix) && len(out) < limit {
			out = append(out, name)
		}
	}
	return out
}

// list tells the container's listing of a write.
func (m *Memory) list(at objects.Path, o *object) {
	r := row{stored: o.stored, deleted: o.deleted, due: m.o.Now().Add(m.o.Lag(at))}
	r.Entry = objects.Entry{Name: at.Name, ContentType: listedType(o.ContentType), Bytes: int64(len(o.Body)), Modified: o.Modified}
	c := m.containers[at.Container]
	c.late = append(c.late, r)
	c.catchUp(m.o.Now())
}

// listedType is a content type as listings show it: without the blanks between its parameters.
func listedType(contentType string) string {
	var out strings.Builder
	quoted, blanks := false, false // blanks: of those that come next
	for i, r := range contentType {
		switch {
		case r == '"' && (i == 0 || contentType[i-1] != '\\'):
			quoted, blanks = !quoted, false
		case r == ' ' && blanks:
			continue
		default:
			blanks = r == ';' && !quoted
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (c *container) catchUp(now time.Time) {
	c.late = slices.DeleteFunc(c.late, func(r row) bool {
		if r.due.After(now) {
			return false
		}
		c.show(r)
		return true
	})
}

// show puts a row into the listing, unless that knows something newer. What was deleted stays as a row that says so: news of
// the object that is older than its deletion must not bring it back.
func (c *container) show(r row) {
	old, ok := c.listed[r.Name]
	if !ok || r.stored.After(old.stored) || r.stored.Equal(old.stored) && r.Modified.After(old.Modified) {
		c.listed[r.Name] = r
	}
}

// names are what the listing shows, sorted.
func (c *container) names() []string {
	return slices.DeleteFunc(sortedKeys(c.listed), func(name string) bool { return c.listed[name].deleted })
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
