package objects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mostListing is for a page of ten thousand entries, each with the longest name and content type there can be, twice over.
const mostListing = 256 << 20

// List lists names of a container.
func (a *Account) List(ctx context.Context, container string, l Listing) ([]Entry, error) {
	entries, err := a.list(ctx, container, l)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", container, err)
	}
	return entries, nil
}

func (a *Account) list(ctx context.Context, container string, l Listing) ([]Entry, error) {
	if err := checkContainer(container); err != nil {
		return nil, err
	}
	ans, err := a.do(ctx, request{
		operation: "list", method: http.MethodGet, container: container, query: l.query(a.abilities.Page), most: mostListing,
	})
	switch {
	case err != nil:
		return nil, err
	case ans.status == http.StatusNotFound:
		return nil, ErrContainer
	case ans.status == http.StatusNoContent:
		return []Entry{}, nil
	case ans.status != http.StatusOK:
		return nil, statusError(ans)
	}
	return parseListing(ans.body)
}

func (l Listing) query(page int) url.Values {
	q := url.Values{"format": {"json"}}
	for key, value := range map[string]string{"prefix": l.Prefix, "marker": l.Marker, "end_marker": l.End} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if l.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(l.Limit, page)))
	}
	if l.Reverse {
		q.Set("reverse", "on")
	}
	return q
}

// parseListing reads a page of a container's names.
func parseListing(body []byte) ([]Entry, error) {
	var rows []struct {
		Name         *string `json:"name"`
		ContentType  string  `json:"content_type"`
		Bytes        int64   `json:"bytes"`
		LastModified string  `json:"last_modified"`
	}
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("a listing that can't be read: %w", err)
	}
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		if r.Name == nil {
			return nil, errors.New("a listing with an entry that has no name")
		}
		modified, err := parseISO(r.LastModified)
		if err != nil {
			return nil, err
		}
		entries[i] = Entry{Name: *r.Name, ContentType: r.ContentType, Bytes: r.Bytes, Modified: modified}
	}
	return entries, nil
}

// parseISO reads what Swift writes without a zone, others with a Z: UTC in any case.
func parseISO(s string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
	if err != nil {
		return time.Time{}, fmt.Errorf("a listing with a time that can't be read: %q", s)
	}
	return t.Truncate(time.Microsecond), nil
}

// MakeContainer makes a container, if there is none.
func (a *Account) MakeContainer(ctx context.Context, container string) error {
	err := checkContainer(container)
	if err == nil {
		err = a.change(ctx, request{operation: "make-container", method: http.MethodPut, container: container})
	}
	if err != nil {
		return fmt.Errorf("make container %s: %w", container, err)
	}
	return nil
}

// DeleteContainer removes an empty container.
func (a *Account) DeleteContainer(ctx context.Context, container string) error {
	err := checkContainer(container)
	if err == nil {
		err = a.change(ctx, request{operation: "delete-container", method: http.MethodDelete, container: container})
	}
	var s *StatusError
	switch {
	case err == nil, errors.As(err, &s) && s.Status == http.StatusNotFound:
		return nil
	case errors.As(err, &s) && s.Status == http.StatusConflict:
		err = ErrConflict
	}
	return fmt.Errorf("delete container %s: %w", container, err)
}

func (a *Account) change(ctx context.Context, r request) error {
	r.most = mostText
	ans, err := a.do(ctx, r)
	if err == nil && ans.status/100 != 2 {
		err = statusError(ans)
	}
	return err
}

// Containers lists the account's containers.
func (a *Account) Containers(ctx context.Context, l Listing) ([]string, error) {
	ans, err := a.do(ctx, request{
		operation: "containers", method: http.MethodGet, query: l.query(a.abilities.Page), most: mostListing,
	})
	switch {
	case err == nil && (ans.status == http.StatusNoContent || ans.status == http.StatusNotFound):
		return []string{}, nil // an account that was never written to
	case err == nil && ans.status != http.StatusOK:
		err = statusError(ans)
	}
	if err != nil {
		return nil, fmt.Errorf("list the containers: %w", err)
	}
	return parseContainers(ans.body)
}

func parseContainers(body []byte) ([]string, error) {
	var rows []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, fmt.Errorf("a listing of containers that can't be read: %w", err)
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.Name
	}
	return names, nil
}
