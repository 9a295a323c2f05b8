package client

import (
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

// A Page is a part of a listing, in order.
type Page[T any] struct {
	Items []T
	// Marker is the place behind this page, to go on from by the Marker of a listing; also on the last page, where what
	// is new will come. It is empty if Items is: a reader that has found nothing keeps the marker it had.
	Marker string

	next string // the href that the server gave for the page behind
}

// walk goes through all pages of a listing, following the server's links until a page is empty or leads nowhere.
func walk[T any](c *Client, first call, fetch func(call) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for k := first; ; {
			page, err := fetch(k)
			if err != nil {
				yield(none, err)
				return
			}
			if !yieldAll(page.Items, yield) || len(page.Items) == 0 || page.next == "" {
				return
			}
			path, query, err := c.resolve(page.next)
			if err == nil && path == k.path && query == k.query {
				err = fmt.Errorf("%w: a page's next link leads back to it", ErrBadAnswer)
			}
			if err != nil {
				yield(none, k.wrap(err))
				return
			}
			k.path, k.query = path, query
		}
	}
}

// yieldAll gives items to a loop until it has enough.
func yieldAll[T any](items []T, yield func(T, error) bool) (more bool) {
	for _, item := range items {
		if !yield(item, nil) {
			return false
		}
	}
	return true
}

// resolve finds where a server's href leads. Servers give absolute paths, and know nothing of a path that a gateway has
// put before theirs. The token goes to the client's own server only, whatever an href says.
func (c *Client) resolve(href string) (path, query string, err error) {
	u, err := url.Parse(href)
	if err != nil {
		return "", "", fmt.Errorf("%w: a link can't be parsed", ErrBadAnswer)
	}
	if u.Host != "" && !strings.EqualFold(u.Host, c.base.Host) {
		return "", "", fmt.Errorf("%w: a link leads to another server", ErrBadAnswer)
	}
	path = u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		return "", "", fmt.Errorf("%w: a link is no absolute path", ErrBadAnswer)
	}
	if !strings.HasPrefix(path, c.prefix+"/") {
		path = c.prefix + path
	}
	return path, u.RawQuery, nil
}

// nextOf finds the next link of a page and the marker in it.
func nextOf(links []wireLink) (href, marker string) {
	for _, l := range links {
		if l.Rel != "next" {
			continue
		}
		_, query, _ := strings.Cut(l.Href, "?")
		// Pairs that can't be read are left out; the link may still be followed as it is.
		values, _ := url.ParseQuery(query)
		return l.Href, values.Get("marker")
	}
	return "", ""
}

// makePage makes a page of what an answer held. wire is nil if the answer had no such list.
func makePage[W, T any](wire []W, links []wireLink, read func(W) (T, error)) (Page[T], error) {
	if wire == nil {
		return Page[T]{}, fmt.Errorf("%w: a page without its list", ErrBadAnswer)
	}
	items, err := convert(wire, read)
	if err != nil || len(items) == 0 {
		return Page[T]{}, err
	}
	href, marker := nextOf(links)
	return Page[T]{Items: items, Marker: marker, next: href}, nil
}

// convert reads each of a list.
func convert[W, T any](wire []W, read func(W) (T, error)) ([]T, error) {
	items := make([]T, len(wire))
	for i, w := range wire {
		item, err := read(w)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return items, nil
}

// A query is a query string in the making.
type query []byte

func (q query) with(name, value string) query {
	if value == "" {
		return q
	}
	if len(q) > 0 {
		q = append(q, '&')
	}
	q = append(append(q, name...), '=')
	return append(q, url.QueryEscape(value)...)
}

func (q query) withNumber(name string, n int) query {
	if n == 0 {
		return q
	}
	return q.with(name, strconv.Itoa(n))
}

func (q query) withFlag(name string, set bool) query {
	if !set {
		return q
	}
	return q.with(name, "true")
}
