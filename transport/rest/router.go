package rest

import (
	"slices"
	"strings"

	"github.com/marconi-mq/marconi/transport/dialect"
)

// maxParams is how many variables a path has at most.
const maxParams = 2

// A node is a segment of a path, below its parent's.
type node struct {
	segment  string  // "{queue}" stands for any
	children []*node // literal ones; there are never more than a handful
	variable *node

	// Of a node that a route ends at:

	dialect *dialect.Dialect
	methods []method // by name
	allow   string   // the names of the methods, as a header has them
}

type method struct {
	name   string
	route  string // for figures
	handle handler
}

// A place is where a path leads.
type place struct {
	*node
	path      string            // as it was routed: decoded, one trailing slash dropped
	queuePath string            // as far as the queue's name; "" where there is no queue
	params    [maxParams]string // what stands for the variables, in order
}

// plant makes the tree of those routes that are open, once for each dialect that has them.
func plant(routes []route, dialects []*dialect.Dialect, adminMode bool) *node {
	root := &node{}
	for _, d := range dialects {
		for _, r := range routes {
			if r.versions.Has(d.Version) && (r.access == public || adminMode) {
				name, pattern, _ := strings.Cut(r.on, " ")
				root.grow(d.Prefix+pattern).add(d, method{name, r.on, r.handle})
			}
		}
	}
	return root
}

// grow gives the node of a path, made if need be.
func (n *node) grow(path string) *node {
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if segment != "" {
			n = n.child(segment)
		}
	}
	return n
}

func (n *node) child(segment string) *node {
	if segment[0] == '{' {
		if n.variable == nil {
			n.variable = &node{segment: segment}
		}
		return n.variable
	}
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.segment == segment })
	if i < 0 {
		i = len(n.children)
		n.children = append(n.children, &node{segment: segment})
	}
	return n.children[i]
}

func (n *node) add(d *dialect.Dialect, m method) {
	n.dialect = d
	n.methods = append(n.methods, m)
	slices.SortFunc(n.methods, func(a, b method) int { return strings.Compare(a.name, b.name) })
	names := make([]string, len(n.methods))
	for i, m := range n.methods {
		names[i] = m.name
	}
	n.allow = strings.Join(names, ", ")
}

// find follows a path and reports whether a route ends there. The path is decoded, so that an encoded slash has split a
// segment in two. One trailing slash is dropped, as servers of that age did, and nothing else is cleaned: an empty
// segment is the name of something that isn't there.
func (n *node) find(path string, p *place) bool {
	p.path = strings.TrimSuffix(path, "/")
	rest, variables := p.path, 0
	for rest != "" {
		if rest[0] != '/' {
			return false
		}
		segment, _, _ := strings.Cut(rest[1:], "/")
		rest = rest[1+len(segment):]
		if n = n.next(segment); n == nil {
			return false
		}
		if n.segment[0] != '{' {
			continue
		}
		if n.segment == "{queue}" {
			p.queuePath = p.path[:len(p.path)-len(rest)]
		}
		p.params[variables] = segment
		variables++
	}
	p.node = n
	return len(n.methods) > 0
}

func (n *node) next(segment string) *node {
	for _, c := range n.children {
		if c.segment == segment {
			return c
		}
	}
	return n.variable
}

// method is the one of that name, or nil.
func (n *node) method(name string) *method {
	for i := range n.methods {
		if n.methods[i].name == name {
			return &n.methods[i]
		}
	}
	return nil
}

// known are the words that are methods, whether or not the API has a use for them. Any other word is no request.
var known = []string{
	"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
	"CHECKIN", "CHECKOUT", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "REPORT", "UNCHECKIN", "UNLOCK", "UPDATE", "VERSION-CONTROL",
}
