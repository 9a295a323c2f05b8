package objects

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// perName is how much longer a bulk request may take for each name: inside it is still a PUT or DELETE each.
	perName = 50 * time.Millisecond
	// width is how many requests go out at once where there are no bulk requests.
	width = 16
)

// errNoBulk is for a server that has answered a bulk request as if it were another.
var errNoBulk = errors.New("the server doesn't know bulk requests")

// A bulkResult is the body of a bulk request's answer. The answer's own status is always 200: it is sent before the work.
type bulkResult struct {
	Status  string     `json:"Response Status"`
	Text    string     `json:"Response Body"`
	Created *int       `json:"Number Files Created"`
	Deleted *int       `json:"Number Deleted"`
	Missing int        `json:"Number Not Found"`
	Errors  [][]string `json:"Errors"` // name and status
}

// parseBulk reports false if that is no answer to a bulk request.
func parseBulk(ans answer) (bulkResult, bool) {
	var r bulkResult
	if ans.status != http.StatusOK || json.Unmarshal(ans.body, &r) != nil || r.Status == "" {
		return bulkResult{}, false
	}
	return r, r.Created != nil || r.Deleted != nil
}

// err is nil if everything was done.
func (r bulkResult) err() error {
	const most = 3
	var failed []string
	for _, e := range r.Errors[:min(most, len(r.Errors))] {
		failed = append(failed, strings.Join(e, " "))
	}
	switch {
	case len(r.Errors) > 0:
		return fmt.Errorf("%s: %d failed, as %s", r.Status, len(r.Errors), strings.Join(failed, ", "))
	case !strings.HasPrefix(r.Status, "2"):
		return fmt.Errorf("%s %s", r.Status, r.Text)
	}
	return nil
}

// bulkRefused tells whether the token was refused within: then all may be sent again, since it may be done twice.
func bulkRefused(ans answer) bool {
	r, ok := parseBulk(ans)
	return ok && (strings.HasPrefix(r.Status, "401") || slices.ContainsFunc(r.Errors, func(e []string) bool {
		return len(e) == 2 && strings.HasPrefix(e[1], "401")
	}))
}

func bulkHeader(contentType string) http.Header {
	return http.Header{"Accept": {"application/json"}, "Content-Type": {contentType}}
}

// bulk makes a bulk request. errNoBulk: it was none to the server.
func (a *Account) bulk(ctx context.Context, r request) (bulkResult, error) {
	ans, err := a.do(ctx, r)
	if err != nil {
		return bulkResult{}, err
	}
	result, ok := parseBulk(ans)
	switch {
	case ok:
		return result, result.err()
	case ans.status/100 == 2, ans.status == http.StatusNotFound, ans.status == http.StatusMethodNotAllowed:
		return bulkResult{}, errNoBulk
	}
	return bulkResult{}, statusError(ans)
}

// DeleteMany removes objects.
func (a *Account) DeleteMany(ctx context.Context, objects []Path) error {
	for _, at := range objects {
		// One without a name would be its whole container.
		if err := checkPath(at); err != nil {
			return fmt.Errorf("delete %d objects: %w", len(objects), err)
		}
	}
	for chunk := range slices.Chunk(objects, min(mostBulk, cmp.Or(a.abilities.BulkDelete, mostBulk))) {
		if err := a.deleteChunk(ctx, chunk); err != nil {
			return fmt.Errorf("delete %d objects: %w", len(objects), err)
		}
	}
	return nil
}

func (a *Account) deleteChunk(ctx context.Context, objects []Path) error {
	if len(objects) > 1 && a.abilities.BulkDelete > 0 {
		_, err := a.bulk(ctx, bulkDeleteRequest(objects))
		if !errors.Is(err, errNoBulk) {
			return err
		}
	}
	return each(len(objects), func(i int) error { return a.Delete(ctx, objects[i]) })
}

func bulkDeleteRequest(objects []Path) request {
	var lines bytes.Buffer
	for _, at := range objects {
		lines.WriteString("/" + escapePath(at.Container) + "/" + escapePath(at.Name) + "\n")
	}
	return request{
		operation: "bulk-delete", method: http.MethodPost, query: url.Values{"bulk-delete": {""}},
		header: bulkHeader("text/plain"), body: lines.Bytes(), most: mostText,
		longer: perName * time.Duration(len(objects)), refused: bulkRefused,
	}
}

// PutMany stores objects. Of an archive X-Delete-At is one for all, so objects that end at different times go in
// different ones; their MD5s are not checked, and that something newer is stored is not told.
func (a *Account) PutMany(ctx context.Context, container string, objects []Upload) error {
	for _, u := range objects {
		if err := checkPath(Path{container, u.Name}); err != nil {
			return fmt.Errorf("put %d objects into %s: %w", len(objects), container, err)
		}
	}
	var t tally
	archives, rest := a.sort(objects)
	err := each(len(archives), func(i int) error { return a.putArchive(ctx, container, archives[i], &t) })
	if err == nil {
		err = a.putEach(ctx, container, rest, &t)
	}
	if err != nil {
		return fmt.Errorf("put %d objects into %s: %w", len(objects), container, t.whole(objects, len(archives)+len(rest), err))
	}
	return nil
}

// A tally is what is known of objects that are being stored.
type tally struct {
	mu     sync.Mutex // guards what follows
	stored map[string]bool
	doubt  bool // of one nobody can say whether it was stored
}

// errDoubt is for a tally: of some object nobody can say how it went.
var errDoubt = errors.New("nobody can say")

// note adds how it went with an object.
func (t *tally) note(name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s *StatusError
	switch {
	case err == nil:
		if t.stored == nil {
			t.stored = map[string]bool{}
		}
		t.stored[name] = true
	case errors.Is(err, ErrContainer), errors.As(err, &s) && !s.Between():
	default:
		t.doubt = true
	}
}

// whole makes an error that tells which were not stored, if that is known of all. Where it is not, the answer to one of several requests says
// nothing of the others, and is told as text only, but for ErrNotStored.
func (t *tally) whole(objects []Upload, requests int, err error) error {
	if t.doubt {
		if requests > 1 && !errors.Is(err, ErrNotStored) {
			return errors.New(err.Error())
		}
		return err
	}
	part := &PartError{Err: err}
	for _, u := range objects {
		if !t.stored[u.Name] {
			part.Failed = append(part.Failed, u.Name)
		}
	}
	if len(part.Failed) == 0 {
		return err
	}
	return part
}

// sort tells what goes into archives, and what by itself.
func (a *Account) sort(objects []Upload) (archives [][]Upload, rest []Upload) {
	if a.abilities.BulkUpload == 0 {
		return nil, objects
	}
	ends := make(map[int64][]Upload)
	for _, u := range objects {
		if !archivable(u.Name) {
			rest = append(rest, u)
			continue
		}
		end := int64(0)
		if !u.DeleteAt.IsZero() {
			end = deleteAt(u.DeleteAt)
		}
		ends[end] = append(ends[end], u)
	}
	for _, same := range ends {
		for archive := range slices.Chunk(same, min(mostBulk, a.abilities.BulkUpload)) {
			if len(archive) == 1 {
				rest = append(rest, archive[0])
				continue
			}
			archives = append(archives, archive)
		}
	}
	return archives, rest
}

// archivable holds for a name that comes out of an archive as it went in: leading slashes and "./" are lost there, and one
// that ends with a slash is a folder.
func archivable(name string) bool {
	return !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "./") && !strings.HasSuffix(name, "/")
}

// putArchive is never sent again as a whole once some of it may be stored: what was stored may be removed by now.
func (a *Account) putArchive(ctx context.Context, container string, objects []Upload, t *tally) error {
	archive, err := pack(objects)
	if err != nil {
		return err
	}
	header := bulkHeader("application/x-tar")
	if end := objects[0].DeleteAt; !end.IsZero() {
		header.Set("X-Delete-At", strconv.FormatInt(deleteAt(end), 10))
	}
	result, err := a.bulk(ctx, request{
		operation: "bulk-put", method: http.MethodPut, container: container, query: url.Values{"extract-archive": {"tar"}},
		header: header, body: archive, most: mostText, once: true,
		longer: perName * time.Duration(len(objects)), refused: archiveRefused,
	})
	if errors.Is(err, errNoBulk) {
		return a.putEach(ctx, container, objects, t)
	}
	return result.tell(container, objects, err, t)
}

// archiveRefused is bulkRefused of an archive of which nothing was stored.
func archiveRefused(ans answer) bool {
	if !bulkRefused(ans) {
		return false
	}
	r, _ := parseBulk(ans)
	return r.Created != nil && *r.Created == 0
}

// tell notes how it went with each object of an archive, whose request ended with err. Where an answer does not account for all of them, as
// when the server has given up amid, nobody can say.
func (r bulkResult) tell(container string, objects []Upload, err error, t *tally) error {
	failed := r.failed()
	ours := 0
	for _, u := range objects {
		if failed[container+"/"+u.Name] != nil {
			ours++
		}
	}
	if r.Created == nil || *r.Created+ours != len(objects) {
		t.note("", errDoubt)
		return cmp.Or(err, fmt.Errorf("of %d files in the archive the server has not taken all", len(objects)))
	}
	for _, u := range objects {
		t.note(u.Name, failed[container+"/"+u.Name])
	}
	return err
}

// failed are the errors by the paths of the objects.
func (r bulkResult) failed() map[string]error {
	all := map[string]error{}
	for _, e := range r.Errors {
		if len(e) != 2 {
			continue
		}
		code, _, _ := strings.Cut(e[1], " ")
		path, err := url.PathUnescape(e[0])
		if status, atoiErr := strconv.Atoi(code); err == nil && atoiErr == nil {
			all[strings.TrimPrefix(path, "/")] = &StatusError{Status: status}
		}
	}
	return all
}

// pack makes an archive with a content type for each file, in the header in which GNU tar keeps it.
func pack(objects []Upload) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, u := range objects {
		if _, err := u.header(); err != nil {
			return nil, err
		}
		contentType := u.ContentType
		if contentType == "" {
			contentType = defaultType
		}
		h := &tar.Header{
			Typeflag: tar.TypeReg, Name: u.Name, Size: int64(len(u.Body)), Mode: 0o600, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.user.mime_type": contentType},
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", u.Name, err)
		}
		if _, err := w.Write(u.Body); err != nil {
			return nil, fmt.Errorf("pack %s: %w", u.Name, err)
		}
	}
	err := w.Close()
	return archive.Bytes(), err
}

// putEach makes the container if the first object finds none.
func (a *Account) putEach(ctx context.Context, container string, objects []Upload, t *tally) error {
	if len(objects) == 0 {
		return nil
	}
	put := func(i int) error {
		u := objects[i]
		err := a.Put(ctx, Path{container, u.Name}, u.Body, u.Attributes, Once)
		if u.Shared && errors.Is(err, ErrNotStored) {
			err = nil
		}
		t.note(u.Name, err)
		return err
	}
	err := put(0)
	if errors.Is(err, ErrContainer) {
		if err = a.MakeContainer(ctx, container); err == nil {
			err = put(0)
		}
	}
	if err != nil {
		return err
	}
	return each(len(objects)-1, func(i int) error { return put(i + 1) })
}

// each calls f for 0 to n-1, some at once. The first error is given, and after it no more are begun.
func each(n int, f func(int) error) error {
	var (
		running sync.WaitGroup
		mu      sync.Mutex // guards next and first
		next    int
		first   error
	)
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		i, ok = next, next < n && first == nil
		next++
		return i, ok
	}
	for range min(n, width) {
		running.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := f(i); err != nil {
					mu.Lock()
					first = cmp.Or(first, err)
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	return first
}
