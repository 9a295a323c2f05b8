package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
)

// What a Swift can that doesn't say otherwise.
const (
	defaultPage      = 10_000
	defaultName      = 1024
	defaultContainer = 256
	// Of names in a bulk request the middleware takes ten thousand, but a thousand failures end it.
	mostBulk = 1000
)

// info is what is used of a server's /info.
type info struct {
	Swift *struct {
		Version   string `json:"version"`
		Page      int    `json:"container_listing_limit"`
		Name      int    `json:"max_object_name_length"`
		Container int    `json:"max_container_name_length"`
	} `json:"swift"`
	BulkDelete *struct {
		Most     int `json:"max_deletes_per_request"`
		Failures int `json:"max_failed_deletes"`
	} `json:"bulk_delete"`
	BulkUpload *struct {
		Failures int `json:"max_failed_extractions"`
	} `json:"bulk_upload"`
}

// discover reads /info; where there is none that can be read, it tries. Its errors are those of a server out of reach, or one
// that can't tell now.
func (a *Account) discover(ctx context.Context) (Abilities, error) {
	t, err := a.tokens.get(ctx)
	if err != nil {
		return Abilities{}, err
	}
	site := *t.account
	// The account is /v1/AUTH_x behind whatever the server's own path is.
	site.Path, site.RawPath = path.Join("/", site.Path, "..", "..", "info"), ""
	t.account = &site
	ans, err := a.send(ctx, request{operation: "info", method: http.MethodGet, most: mostText}, t)
	if err == nil && ans.status == http.StatusOK {
		if abilities, ok := parseInfo(ans.body); ok {
			return abilities, nil
		}
	}
	return a.try(ctx)
}

// parseInfo reports false if that is no answer of Swift.
func parseInfo(body []byte) (Abilities, bool) {
	var i info
	if json.Unmarshal(body, &i) != nil || i.Swift == nil {
		return Abilities{}, false
	}
	abilities := Abilities{
		Version:   i.Swift.Version,
		Page:      within(i.Swift.Page, defaultPage, 1<<20),
		Name:      within(i.Swift.Name, defaultName, 1<<20),
		Container: within(i.Swift.Container, defaultContainer, 1<<20),
	}
	if b := i.BulkDelete; b != nil {
		abilities.BulkDelete = min(within(b.Most, mostBulk, mostBulk), within(b.Failures, mostBulk, mostBulk))
	}
	if b := i.BulkUpload; b != nil {
		abilities.BulkUpload = within(b.Failures, mostBulk, mostBulk)
	}
	return abilities, true
}

// within is what a server says, if that makes sense.
func within(said, otherwise, most int) int {
	if said <= 0 {
		return otherwise
	}
	return min(said, most)
}

// try finds out about bulk requests by making one of each that changes nothing: of a name in a container that can't be, and
// of an archive without files.
func (a *Account) try(ctx context.Context) (Abilities, error) {
	abilities := Abilities{Page: defaultPage, Name: defaultName, Container: defaultContainer}
	var err error
	if abilities.BulkDelete, err = a.tryBulk(ctx, bulkDeleteRequest([]Path{{Container: "marconi-none", Name: "none"}})); err != nil {
		return Abilities{}, err
	}
	empty := request{operation: "bulk-put", method: http.MethodPut, header: bulkHeader("application/x-tar"), most: mostText}
	empty.query = url.Values{"extract-archive": {"tar"}}
	if abilities.BulkUpload, err = a.tryBulk(ctx, empty); err != nil {
		return Abilities{}, err
	}
	return abilities, nil
}

// tryBulk gives how many names a bulk request may have, 0 if it is none to the server. One in trouble has not said that it is none.
func (a *Account) tryBulk(ctx context.Context, r request) (int, error) {
	ans, err := a.do(ctx, r)
	if err != nil {
		return 0, err
	}
	if _, can := parseBulk(ans); can {
		return mostBulk, nil
	}
	if e := statusError(ans); e.Passing() {
		return 0, fmt.Errorf("find out whether the server knows bulk requests: %w", e)
	}
	return 0, nil
}
