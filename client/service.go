package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Ping reports whether the server and its store answer: [ErrUnavailable] if not.
func (c *Client) Ping(ctx context.Context) error {
	ping := c.dialect.ping
	_, err := c.do(ctx, call{op: OpPing, method: http.MethodGet, route: ping, path: c.path(ping)})
	return err
}

// Home describes the API by links, in the form of JSON Home.
type Home struct {
	Resources map[string]HomeResource `json:"resources"` // by names such as rel/queues
}

// A HomeResource is where a resource is and what can be done with it.
type HomeResource struct {
	Href         string            `json:"href"`          // if it has no variables
	HrefTemplate string            `json:"href-template"` // a URI template
	HrefVars     map[string]string `json:"href-vars"`     // names by variable
	Hints        HomeHints         `json:"hints"`
}

// HomeHints say what a resource takes.
type HomeHints struct {
	Allow      []string                   `json:"allow"` // methods
	Formats    map[string]json.RawMessage `json:"formats"`
	AcceptPost []string                   `json:"accept-post"`
}

// Home fetches the version's home document.
func (c *Client) Home(ctx context.Context) (Home, error) {
	return fetch[Home](ctx, c, call{op: OpHome, method: http.MethodGet, route: routeRoot, path: c.path("/")})
}

// A VersionInfo is a version that a server lists. It need not be switched on.
type VersionInfo struct {
	ID      string        `json:"id"`      // "1", "1.1", "2"
	Status  string        `json:"status"`  // CURRENT, SUPPORTED, DEPRECATED
	Updated string        `json:"updated"` // a date
	Links   []VersionLink `json:"links"`
}

// A VersionLink says where a version is.
type VersionLink struct {
	Href string `json:"href"`
	Rel  string `json:"rel"`
}

// Versions lists the versions of the API that the server has. It needs neither project nor token.
func (c *Client) Versions(ctx context.Context) ([]VersionInfo, error) {
	list, err := fetch[struct {
		Versions []VersionInfo `json:"versions"`
	}](ctx, c, call{op: OpVersions, method: http.MethodGet, route: routeRoot, path: c.prefix + "/"})
	return list.Versions, err
}

// fetch gets a document and reads it.
func fetch[T any](ctx context.Context, c *Client, k call) (T, error) {
	var none T
	a, err := c.do(ctx, k)
	if err != nil {
		return none, err
	}
	document, err := decode[T](a.body)
	if err != nil {
		return none, k.wrap(err)
	}
	return document, nil
}

// Health is what a server found when it tried itself out.
type Health struct {
	// Pooled says that the server spreads queues over pools.
	Pooled bool
	// CatalogReachable says that the catalogue of pools answers; without pools it is false.
	CatalogReachable bool
	// Stores are the stores by the names of their pools; without pools there is one, and its name is empty.
	Stores map[string]StoreHealth
}

// StoreHealth is how a store did.
type StoreHealth struct {
	Reachable  bool                       `json:"storage_reachable"`
	Volume     Volume                     `json:"message_volume"`
	Operations map[string]OperationHealth `json:"operation_status"` // by name, such as post_messages
}

// A Volume counts the messages of all queues.
type Volume struct {
	Free    int64 `json:"free"`
	Claimed int64 `json:"claimed"`
	Total   int64 `json:"total"`
}

// OperationHealth is how one step of the trial went.
type OperationHealth struct {
	Succeeded bool    `json:"succeeded"`
	Seconds   float64 `json:"seconds"`
	Ref       string  `json:"ref"` // by which the server's log knows a failure
}

// Health makes the server try itself out: it creates a queue of its own, posts, claims, lists and deletes. Only servers
// in admin mode do, others answer [ErrNotFound]; API v1.1 only, else [ErrNotInVersion].
func (c *Client) Health(ctx context.Context) (Health, error) {
	health := c.dialect.health
	if health == "" {
		return Health{}, c.dialect.missing(OpHealth)
	}
	k := call{op: OpHealth, method: http.MethodGet, route: health, path: c.path(health)}
	a, err := c.do(ctx, k)
	if err != nil {
		return Health{}, err
	}
	h, err := decodeHealth(a.body)
	if err != nil {
		return Health{}, k.wrap(err)
	}
	return h, nil
}

// catalogKey stands beside the pools' names in a report with pools.
const catalogKey = "catalog_reachable"

func decodeHealth(body []byte) (Health, error) {
	parts, err := decode[map[string]json.RawMessage](body)
	if err != nil {
		return Health{}, err
	}
	catalog, pooled := parts[catalogKey]
	if !pooled {
		store, err := decode[StoreHealth](body)
		return Health{Stores: map[string]StoreHealth{"": store}}, err
	}
	h := Health{Pooled: true, Stores: map[string]StoreHealth{}}
	if h.CatalogReachable, err = decode[bool](catalog); err != nil {
		return Health{}, err
	}
	delete(parts, catalogKey)
	for pool, part := range parts {
		if h.Stores[pool], err = decode[StoreHealth](part); err != nil {
			return Health{}, fmt.Errorf("pool %s: %w", pool, err)
		}
	}
	return h, nil
}
