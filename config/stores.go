package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A driver is what [drivers] may name as a store.
type driver struct {
	name    string
	group   string   // of its options, behind that of the plane; "": it has none, and is at memory://
	schemes []string // that its URIs begin with
}

// drivers are all of them, whether the server at hand has them built in or not.
var drivers = []driver{
	{name: "mongodb", group: "mongodb", schemes: []string{"mongodb", "mongodb+srv", "mongodb.fifo"}},
	{name: "mongodb.fifo", group: "mongodb", schemes: []string{"mongodb", "mongodb+srv", "mongodb.fifo"}},
	{name: "redis", group: "redis", schemes: []string{"redis", "rediss", "valkey", "valkeys"}},
	{name: "swift", group: "swift", schemes: []string{"swift"}},
	{name: "sqlalchemy", group: "sqlalchemy", schemes: []string{"sqlite", "postgresql", "mysql"}},
	{name: "sqlite", group: "sqlalchemy", schemes: []string{"sqlite"}},
	{name: "postgresql", group: "postgresql", schemes: []string{"postgresql"}},
	{name: "mysql", group: "mysql", schemes: []string{"mysql"}},
	{name: "memory", schemes: []string{"memory"}},
}

func driverNames() []string {
	names := make([]string, len(drivers))
	for i, d := range drivers {
		names[i] = d.name
	}
	return names
}

// impliedDriver is what existing files mean that have options of stores, but name no driver.
const impliedDriver = "mongodb"

// Stores says where messages are and where queues are: two URIs. known are the schemes of the stores that the server has built
// in. An empty URI for messages means that the configuration says nothing about those; an empty one for queues that it says
// nothing about those: then they are where the messages are, or where that store keeps them.
//
// [marconi] store and control_store beat [drivers], and with store set [drivers] says nothing. It is an error to name a
// driver without its URI, or a store that is not built in. A file with options of stores that names no driver means
// mongodb: no server may start on an empty store because the name of the right one was a default.
func (c *Config) Stores(known []string) (data, control string, err error) {
	r := storeResolver{c, known}
	if c.Marconi.Store != "" {
		data, err = r.own("store", c.Marconi.Store)
	} else {
		data, err = r.messages()
	}
	var controlErr error
	switch {
	case c.Marconi.ControlStore != "":
		control, controlErr = r.own("control_store", c.Marconi.ControlStore)
	case c.Marconi.Store == "":
		control, controlErr = r.management()
	}
	if err = errors.Join(err, controlErr); err != nil {
		return "", "", err
	}
	return data, control, nil
}

type storeResolver struct {
	*Config
	known []string
}

// own checks a URI of the group marconi.
func (r storeResolver) own(option, uri string) (string, error) {
	k := key{"marconi", option}
	if scheme := schemeOf(uri); !slices.Contains(r.known, scheme) {
		return "", r.notBuilt(k, "", scheme)
	}
	return uri, nil
}

// messages finds the store that [drivers] means for messages.
func (r storeResolver) messages() (string, error) {
	const plane = "message_store"
	if name := r.Drivers.MessageStore; name != "" {
		return r.at(key{"drivers", plane}, plane, name, "")
	}
	because, found := r.firstSet("drivers:message_store:", "drivers:management_store:")
	if k := (key{"drivers", "management_store"}); r.Drivers.ManagementStore != "" {
		because, found = k, true
	}
	if !found {
		return "", nil
	}
	return r.at(because, plane, impliedDriver, "[drivers] message_store is not set, which means "+impliedDriver+" in such a file; ")
}

// management finds the store that [drivers] means for what is managed: none, which is the one of messages, unless something is set
// that can't be about that store.
func (r storeResolver) management() (string, error) {
	const plane = "management_store"
	if name := r.Drivers.ManagementStore; name != "" {
		return r.at(key{"drivers", plane}, plane, name, "")
	}
	because, found := r.firstOfAnother()
	if !found {
		return "", nil
	}
	return r.at(because, plane, impliedDriver, "[drivers] management_store is not set, which means "+impliedDriver+" in such a file; ")
}

// firstOfAnother finds an option of a management store that is not the store of messages.
func (r storeResolver) firstOfAnother() (key, bool) {
	data := driverNamed(cmp.Or(r.Drivers.MessageStore, impliedDriver))
	for _, g := range r.groups() {
		name, ours := strings.CutPrefix(g.name, "drivers:management_store:")
		if !ours || name == data.group && r.ManagementStore.uri(name) == r.MessageStore.uri(name) {
			continue
		}
		if k, found := r.firstSet(g.name); found {
			return k, true
		}
	}
	return key{}, false
}

// firstSet finds an option that a source has set in one of the groups whose names begin so: a URI, if there is one.
func (r storeResolver) firstSet(prefixes ...string) (first key, found bool) {
	for _, g := range r.groups() {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(g.name, p) }) {
			continue
		}
		for _, o := range g.options {
			k := key{g.name, o.name}
			if _, set := r.origins[k]; set && (!found || k.name == "uri" && first.name != "uri") {
				first, found = k, true
			}
		}
	}
	return first, found
}

// at finds the URI of a driver. because is the option that led to it, and why says how, if that isn't plain.
func (r storeResolver) at(because key, plane, name, why string) (string, error) {
	d := driverNamed(name)
	stores := r.MessageStore
	if plane == "management_store" {
		stores = r.ManagementStore
	}
	group := "drivers:" + plane + ":" + d.group
	uri := stores.uri(d.group)
	scheme := schemeOf(uri)
	switch {
	case d.group == "":
		uri, scheme = "memory://", "memory"
	case uri == "" && !slices.ContainsFunc(d.schemes, func(s string) bool { return slices.Contains(r.known, s) }):
		return "", r.notBuilt(because, why, name)
	case uri == "":
		return "", r.refuse(because, why+"["+group+"] has no uri")
	case !slices.Contains(d.schemes, scheme):
		return "", r.refuse(key{group, "uri"}, fmt.Sprintf("a URI of driver %s begins with %s:", name, strings.Join(d.schemes, ": or ")))
	}
	if !slices.Contains(r.known, scheme) {
		return "", r.notBuilt(because, why, scheme)
	}
	if d.group == "redis" || d.group == "swift" {
		uri = r.withOptions(uri, group)
	}
	return uri, nil
}

// withOptions adds to a URI what a source has set in its group, unless it says the same itself.
func (r storeResolver) withOptions(uri, group string) string {
	_, query, has := strings.Cut(uri, "?")
	for _, g := range r.groups() {
		for _, o := range g.options {
			_, set := r.origins[key{g.name, o.name}]
			if g.name != group || o.name == "uri" || !set || inQuery(query, o.name) {
				continue
			}
			separator := "?"
			if has {
				separator = "&"
			}
			uri, has = uri+separator+o.name+"="+url.QueryEscape(o.value.text()), true
		}
	}
	return uri
}

// inQuery reports whether an option is given behind a URI's question mark.
func inQuery(query, name string) bool {
	return slices.ContainsFunc(strings.Split(query, "&"), func(option string) bool {
		given, _, _ := strings.Cut(option, "=")
		plain, err := url.QueryUnescape(given)
		return err == nil && plain == name
	})
}

// uri is the URI in a driver's group, as this server's stores read it: the dialects of SQLAlchemy go by one name, and
// those of MongoDB that keep order are the same as those that don't.
func (s *Stores) uri(group string) string {
	uri := map[string]string{
		"mongodb":    s.MongoDB.URI,
		"redis":      s.Redis.URI,
		"swift":      s.Swift.URI,
		"sqlalchemy": s.SQLAlchemy.URI,
		"postgresql": s.PostgreSQL.URI,
		"mysql":      s.MySQL.URI,
	}[group]
	scheme, rest, _ := strings.Cut(uri, ":")
	switch group {
	case "mongodb":
		if strings.EqualFold(scheme, "mongodb.fifo") {
			return "mongodb:" + rest
		}
	case "sqlalchemy", "postgresql", "mysql":
		return dialect(scheme, rest)
	}
	return uri
}

// dialect writes a SQLAlchemy URL as a URI: postgresql+psycopg2://… is postgresql://….
func dialect(scheme, rest string) string {
	if scheme == "" {
		return ""
	}
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	switch name {
	case "postgres":
		name = "postgresql"
	case "mariadb":
		name = "mysql"
	}
	return name + ":" + rest
}

func (r storeResolver) refuse(k key, text string) error {
	return &Error{At: r.origins[k], Option: k.String(), Text: text}
}

func (r storeResolver) notBuilt(k key, why, store string) error {
	return r.refuse(k, fmt.Sprintf("%sstore %s is not built into this server, which has %s", why, store, strings.Join(r.known, ", ")))
}

func driverNamed(name string) driver {
	for _, d := range drivers {
		if d.name == name {
			return d
		}
	}
	return driver{}
}

func schemeOf(uri string) string {
	scheme, _, _ := strings.Cut(uri, ":")
	return strings.ToLower(scheme)
}
