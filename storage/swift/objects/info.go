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
	defaultPage      = 10_000 // is asked for, rather than believed
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
			if abilities.Page == 0 {
				abilities.Page, err = a.tryPages(ctx)
			}
			return abilities, err
		}
	}
	return a.try(ctx)
}

// parseInfo reports false if that is no answer of Swift. One that says nothing of pages leaves them 0.
func parseInfo(body []byte) (Abilities, bool) {
	var i info
	if json.Unmarshal(body, &i) != nil || i.Swift == nil {
		return Abilities{}, false
	}
	abilities := Abilities{
		Version:   i.Swift.Version,
		Page:      within(i.Swift.Page, 0, 1<<20),
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

// try finds out about listings and bulk requests by making some that change nothing: listings of ever fewer names of a container that
// is not there, a bulk delete of a name in it, and an archive without files.
func (a *Account) try(ctx context.Context) (Abilities, error) {
	abilities := Abilities{Name: defaultName, Container: defaultContainer}
	var err error
	if abilities.Page, err = a.tryPages(ctx); err != nil {
		return Abilities{}, err
	}
	if abilities.BulkDelete, err = a.tryBulk(ctx, bulkDeleteRequest([]Path{{Container: nowhere, Name: "none"}})); err != nil {
		return Abilities{}, err
	}
	empty := request{operation: "bulk-put", method: http.MethodPut, header: bulkHeader("application/x-tar"), most: mostText}
	empty.query = url.Values{"extract-archive": {"tar"}}
	if abilities.BulkUpload, err = a.tryBulk(ctx, empty); err != nil {
		return Abilities{}, err
	}
	return abilities, nil
}

// nowhere is a container that is not there.
const nowhere = "marconi-none"

// tryPages gives how long a page of a listing may be, in powers of ten: a server refuses to make longer ones than it is set up for. If
// it makes longer ones than what is found here, nothing is lost. One that looks for the container before it looks at the limit, which
// OpenStack's does not, is believed to make pages of ten thousand.
func (a *Account) tryPages(ctx context.Context) (int, error) {
	for page := defaultPage; page > 1; page /= 10 {
		r := request{operation: "list", method: http.MethodGet, container: nowhere, query: Listing{Limit: page}.query(page), most: mostText}
		ans, err := a.do(ctx, r)
		if err != nil {
			return 0, err
		}
		if e := statusError(ans); ans.status/100 != 2 && e.Passing() {
			return 0, fmt.Errorf("find out how long a page of a listing may be: %w", e)
		}
		if ans.status != http.StatusPreconditionFailed {
			return page, nil
		}
	}
	return 1, nil
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
