package objects

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultType = "application/octet-stream"

// Put stores an object, with its MD5, by which Swift refuses a body that was damaged on the way.
func (a *Account) Put(ctx context.Context, at Path, body []byte, attributes Attributes, options ...PutOption) error {
	if err := a.put(ctx, at, body, attributes, options); err != nil {
		return fmt.Errorf("put %s/%s: %w", at.Container, at.Name, err)
	}
	return nil
}

func (a *Account) put(ctx context.Context, at Path, body []byte, attributes Attributes, options []PutOption) error {
	if err := checkPath(at); err != nil {
		return err
	}
	if int64(len(body)) > a.o.MaxBody {
		return fmt.Errorf("the body has %d bytes, more than the %d that could be read again", len(body), a.o.MaxBody)
	}
	if attributes.ContentType == "" {
		attributes.ContentType = defaultType
	}
	header, err := attributes.header()
	if err != nil {
		return err
	}
	sum := md5.Sum(body)
	header.Set("ETag", hex.EncodeToString(sum[:]))
	anew := slices.Contains(options, Anew)
	if anew {
		header.Set("If-None-Match", "*")
	}
	ans, err := a.do(ctx, request{
		operation: "put", method: http.MethodPut, container: at.Container, name: at.Name,
		header: header, body: body, most: mostText, once: anew || slices.Contains(options, Once),
	})
	if err != nil {
		return err
	}
	return putEnd(ans, anew)
}

func putEnd(ans answer, anew bool) error {
	switch {
	case ans.status == http.StatusCreated:
		return nil
	case ans.status == http.StatusAccepted:
		return ErrNotStored
	case ans.status == http.StatusNotFound:
		return ErrContainer
	case ans.status == http.StatusPreconditionFailed && anew:
		return ErrExists
	}
	return statusError(ans)
}

// Get gives an object. A body that is not what was stored is an error.
func (a *Account) Get(ctx context.Context, at Path, newest bool) (Object, error) {
	o, err := a.fetch(ctx, http.MethodGet, at, newest)
	if err != nil {
		return Object{}, fmt.Errorf("get %s/%s: %w", at.Container, at.Name, err)
	}
	return o, nil
}

// Head gives an object without its body.
func (a *Account) Head(ctx context.Context, at Path, newest bool) (Object, error) {
	o, err := a.fetch(ctx, http.MethodHead, at, newest)
	if err != nil {
		return Object{}, fmt.Errorf("head %s/%s: %w", at.Container, at.Name, err)
	}
	return o, nil
}

func (a *Account) fetch(ctx context.Context, method string, at Path, newest bool) (Object, error) {
	if err := checkPath(at); err != nil {
		return Object{}, err
	}
	header := http.Header{}
	if newest {
		header.Set("X-Newest", "true")
	}
	ans, err := a.do(ctx, request{
		operation: strings.ToLower(method), method: method, container: at.Container, name: at.Name,
		header: header, most: a.o.MaxBody,
	})
	switch {
	case err != nil:
		return Object{}, err
	case ans.status == http.StatusNotFound:
		return Object{}, ErrMissing
	case ans.status != http.StatusOK && ans.status != http.StatusNoContent:
		return Object{}, statusError(ans)
	}
	if method == http.MethodGet && !matches(ans.body, ans.header.Get("Etag")) {
		return Object{}, errors.New("the body was damaged on the way: its MD5 is not that of the object")
	}
	o := parseObject(ans.header)
	o.Body = ans.body
	return o, nil
}

// matches holds for what has no plain MD5: large objects have others.
func matches(body []byte, etag string) bool {
	want, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(want) != md5.Size {
		return true
	}
	sum := md5.Sum(body)
	return string(sum[:]) == string(want)
}

// Post replaces an object's attributes.
func (a *Account) Post(ctx context.Context, at Path, attributes Attributes) error {
	if err := a.post(ctx, at, attributes); err != nil {
		return fmt.Errorf("post %s/%s: %w", at.Container, at.Name, err)
	}
	return nil
}

func (a *Account) post(ctx context.Context, at Path, attributes Attributes) error {
	if err := checkPath(at); err != nil {
		return err
	}
	header, err := attributes.header()
	if err != nil {
		return err
	}
	ans, err := a.do(ctx, request{
		operation: "post", method: http.MethodPost, container: at.Container, name: at.Name, header: header, most: mostText,
	})
	switch {
	case err != nil:
		return err
	case ans.status == http.StatusNotFound:
		return ErrMissing
	case ans.status/100 != 2:
		return statusError(ans)
	}
	return nil
}

// Delete removes an object.
func (a *Account) Delete(ctx context.Context, at Path) error {
	if err := a.delete(ctx, at); err != nil {
		return fmt.Errorf("delete %s/%s: %w", at.Container, at.Name, err)
	}
	return nil
}

func (a *Account) delete(ctx context.Context, at Path) error {
	if err := checkPath(at); err != nil {
		return err
	}
	ans, err := a.do(ctx, request{
		operation: "delete", method: http.MethodDelete, container: at.Container, name: at.Name, most: mostText,
	})
	if err != nil || ans.status/100 == 2 || ans.status == http.StatusNotFound {
		return err
	}
	return statusError(ans)
}

// header is how attributes travel.
func (a Attributes) header() (http.Header, error) {
	if strings.ContainsFunc(a.ContentType, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("a content type has control characters")
	}
	h := http.Header{}
	if a.ContentType != "" {
		h.Set("Content-Type", a.ContentType)
	}
	if !a.DeleteAt.IsZero() {
		h.Set("X-Delete-At", strconv.FormatInt(deleteAt(a.DeleteAt), 10))
	}
	return h, nil
}

// deleteAt rounds up: an object must not go before its time.
func deleteAt(t time.Time) int64 {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	return seconds
}

func parseObject(h http.Header) Object {
	o := Object{Attributes: Attributes{ContentType: h.Get("Content-Type")}}
	if seconds, err := strconv.ParseInt(h.Get("X-Delete-At"), 10, 64); err == nil {
		o.DeleteAt = time.Unix(seconds, 0).UTC()
	}
	o.Modified = parseStamp(h.Get("X-Timestamp"))
	if o.Modified.IsZero() {
		o.Modified, _ = http.ParseTime(h.Get("Last-Modified")) // whole seconds, but every server has it
	}
	return o
}

// parseStamp reads seconds since 1970 with decimals. A float64 would not hold all of them.
func parseStamp(s string) time.Time {
	whole, decimals, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	micros, err := strconv.ParseUint((decimals + "000000")[:6], 10, 32)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, int64(micros)*1000).UTC()
}
