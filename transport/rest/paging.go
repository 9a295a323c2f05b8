package rest

import (
	"strconv"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/broker"
)

// paging is what a request for a listing says of its pages. The parameters are read in the order in which the next
// page's link has to name them; after the first mistake the rest is not read.
type paging struct {
	query  query
	marker marconi.Marker
	marked bool // a marker was given
	limit  broker.Optional[int]
	given  []byte // the parameters besides the marker, as the link has them: "&limit=3&echo=true"
	err    error
}

func (c *call) paging() paging {
	p := paging{query: c.query}
	if c.query == "" {
		return p
	}
	marker, marked, err := c.query.text("marker")
	if err != nil {
		p.err = err
		return p
	}
	p.marker, p.marked = marconi.Marker(marker), marked
	p.limit, p.err = c.query.integer("limit")
	if n, given := p.limit.Get(); given {
		p.given = strconv.AppendInt(append(p.given, "&limit="...), int64(n), 10)
	}
	return p
}

// flag reads a parameter that is true or false, and false if left out.
func (p *paging) flag(name string) bool {
	if p.err != nil || p.query == "" {
		return false
	}
	value, given, err := p.query.boolean(name)
	if given {
		p.given = append(append(p.given, '&'), name...)
		p.given = strconv.AppendBool(append(p.given, '='), value)
	}
	p.err = err
	return value
}

// next is the link to the page behind one that ends at marker; "" if that page was empty. It has the parameters of the
// request, with the new marker where the old one was, or else at the end.
func (p *paging) next(path string, marker marconi.Marker) string {
	if marker == "" {
		return ""
	}
	link := make([]byte, 0, len(path)+len(p.given)+len(marker)+16)
	link = append(link, path...)
	switch {
	case p.marked:
		link = appendEscaped(append(link, "?marker="...), string(marker))
		link = append(link, p.given...)
	case len(p.given) > 0:
		link = append(append(link, '?'), p.given[1:]...)
		link = appendEscaped(append(link, "&marker="...), string(marker))
	default:
		link = appendEscaped(append(link, "?marker="...), string(marker))
	}
	return string(link)
}
