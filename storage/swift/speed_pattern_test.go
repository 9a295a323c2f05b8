//go:build unix

package swift_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// A pattern is a client that keeps queues in Swift by the requests that OpenStack's own driver makes, one after another, over
// connections that are kept. It does as little beside them as they allow, and is spared what that driver spends more: no
// message is met that was claimed before, pages go on behind the last one instead of beginning anew, and names sort by time.
//
//	post n     n PUT
//	claim n    a listing of 2n; a GET of each until n are free; for each a GET and a PUT; a PUT of the claim: 2 + 3n
//	pop n      a claim, and a DELETE of each: 2 + 4n
//	stats      a listing, and a HEAD of each message: 1 + all
type pattern struct {
	client     *http.Client
	url, token string // of the account
}

// A patternMessage is the content of a message's object.
type patternMessage struct {
	Body         json.RawMessage `json:"body"`
	ClaimID      *string         `json:"claim_id"`
	TTL          int             `json:"ttl"`
	ClaimCount   int             `json:"claim_count"`
	DelayExpires int             `json:"delay_expires"`
}

const patternTTL = 3600

func newPattern(tb testing.TB, s *testservices.Swift) *pattern {
	tb.Helper()
	p := &pattern{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
	tb.Cleanup(p.client.CloseIdleConnections)
	login, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.AuthURL, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	login.Header.Set("X-Auth-User", "test:tester")
	login.Header.Set("X-Auth-Key", "testing")
	answer, err := p.client.Do(login)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	if p.url, p.token = answer.Header.Get("X-Storage-Url"), answer.Header.Get("X-Auth-Token"); p.token == "" {
		tb.Fatalf("log-in: %s", answer.Status)
	}
	return p
}

func patternMessages(queue string) string { return "zaqar_message:" + queue + ":p" }
func patternClaims(queue string) string   { return "zaqar_claim:" + queue + ":p" }

// do makes a request, which has to go well, and gives the answer's body.
func (p *pattern) do(ctx context.Context, method, path string, body []byte, header ...string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Auth-Token", p.token)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return text, err
}

// create makes the containers of a queue.
func (p *pattern) create(ctx context.Context, queue string) error {
	_, err := p.do(ctx, http.MethodPut, patternMessages(queue), nil)
	_, other := p.do(ctx, http.MethodPut, patternClaims(queue), nil)
	return errors.Join(err, other)
}

// newPatternMessage is a message's name and content.
func newPatternMessage(body []byte) (name string, content []byte, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", nil, err
	}
	content, err = json.Marshal(patternMessage{Body: body, TTL: patternTTL})
	return id.String(), content, err
}

func (p *pattern) put(ctx context.Context, path string, content []byte, more ...string) error {
	header := append(more, "X-Delete-After", strconv.Itoa(patternTTL), "Content-Type", "application/json",
		"X-Object-Meta-Clientid", "3381af92-2b9e-11e3-b191-71861300734c")
	_, err := p.do(ctx, http.MethodPut, path, content, header...)
	return err
}

func (p *pattern) post(ctx context.Context, queue string, bodies [][]byte) error {
	for _, body := range bodies {
		name, content, err := newPatternMessage(body)
		if err != nil {
			return err
		}
		if err := p.put(ctx, patternMessages(queue)+"/"+name, content); err != nil {
			return err
		}
	}
	return nil
}

// list gives the names of a page.
func (p *pattern) list(ctx context.Context, queue, marker string, limit int) ([]string, error) {
	query := url.Values{"format": {"json"}, "marker": {marker}, "limit": {strconv.Itoa(limit)}}
	text, err := p.do(ctx, http.MethodGet, patternMessages(queue)+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	var entries []struct{ Name string }
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name
	}
	return names, nil
}

// get gives a message, and the MD5 of its content.
func (p *pattern) get(ctx context.Context, queue, name string) (m patternMessage, sum string, err error) {
	text, err := p.do(ctx, http.MethodGet, patternMessages(queue)+"/"+name, nil)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	hash := md5.Sum(text)
	return m, hex.EncodeToString(hash[:]), err
}

// claim claims n messages behind the marker, and gives their names.
func (p *pattern) claim(ctx context.Context, queue, marker string, n int) ([]string, error) {
	names, err := p.list(ctx, queue, marker, 2*n)
	if err != nil {
		return nil, err
	}
	var free []string
	for _, name := range names {
		m, _, err := p.get(ctx, queue, name)
		if err != nil {
			return nil, err
		}
		if m.ClaimID == nil {
			free = append(free, name)
		}
		if len(free) == n {
			break
		}
	}
	id := uuid.NewString()
	for _, name := range free {
		if err := p.take(ctx, queue, name, id); err != nil {
			return nil, err
		}
	}
	held, err := json.Marshal(free)
	if err != nil {
		return nil, err
	}
	return free, p.put(ctx, patternClaims(queue)+"/"+id, held)
}

// take writes a claim into a message.
func (p *pattern) take(ctx context.Context, queue, name, claim string) error {
	m, sum, err := p.get(ctx, queue, name)
	if err != nil {
		return err
	}
	m.ClaimID, m.ClaimCount = &claim, m.ClaimCount+1
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return p.put(ctx, patternMessages(queue)+"/"+name, content, "If-Match", sum)
}

func (p *pattern) pop(ctx context.Context, queue, marker string, n int) ([]string, error) {
	names, err := p.claim(ctx, queue, marker, n)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := p.do(ctx, http.MethodDelete, patternMessages(queue)+"/"+name, nil); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (p *pattern) stats(ctx context.Context, queue string) (int, error) {
	names, err := p.list(ctx, queue, "", 10_000)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if _, err := p.do(ctx, http.MethodHead, patternMessages(queue)+"/"+name, nil); err != nil {
			return 0, err
		}
	}
	return len(names), nil
}
