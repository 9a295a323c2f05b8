package objects_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func paths(n int) []objects.Path {
	all := make([]objects.Path, n)
	for i := range all {
		all[i] = objects.Path{Container: "c", Name: fmt.Sprintf("o/%d ä", i)}
	}
	return all
}

func files(n int) []objects.Upload {
	all := make([]objects.Upload, n)
	for i := range all {
		all[i] = objects.Upload{Name: fmt.Sprintf("o/%d", i), Body: []byte("x")}
	}
	return all
}

func TestBulkDeleteInThousands(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(bulkJSON(`{"Response Status": "200 OK", "Number Deleted": 500, "Number Not Found": 500, "Errors": []}`))
	if err := a.DeleteMany(t.Context(), paths(2500)); err != nil {
		t.Errorf("DeleteMany: %v", err)
	}
	var sizes []int
	for _, r := range f.requests() {
		sizes = append(sizes, strings.Count(r.body, "\n"))
		if first, _, _ := strings.Cut(r.body, "\n"); !strings.HasPrefix(first, "/c/o/") || !strings.HasSuffix(first, "%20%C3%A4") {
			t.Errorf("the first name is sent as %q", first)
		}
	}
	if want := []int{1000, 1000, 500}; !slices.Equal(sizes, want) {
		t.Errorf("requests of %v names, want %v", sizes, want)
	}
}

func TestBulkTruthIsInTheBody(t *testing.T) {
	f := startFake(t)
	a := f.open()
	for _, body := range []string{
		`{"Response Status": "400 Bad Request", "Number Deleted": 1, "Number Files Created": 1, "Errors": [["c/o", "409 Conflict"]]}`,
		`{"Response Status": "502 Bad Gateway", "Number Deleted": 0, "Number Files Created": 0, "Errors": [["c/o", "503 Service Unavailable"]]}`,
		`{"Response Status": "200 OK", "Number Deleted": 1, "Number Files Created": 2, "Errors": [["c/o", "404 Not Found"]]}`,
		`{"Response Status": "400 Bad Request", "Response Body": "Max delete failures exceeded", "Number Deleted": 0, "Number Files Created": 0}`,
		`{"Response Status": "500 Internal Error", "Number Deleted": 0, "Number Files Created": 0, "Errors": []}`,
	} {
		f.setAnswer(bulkJSON("%s", body))
		if err := a.DeleteMany(t.Context(), paths(2)); !isUnknown(err) {
			t.Errorf("DeleteMany after %s = %v, want an error that says nothing known", body, err)
		}
		if err := a.PutMany(t.Context(), "c", files(2)); !isUnknown(err) {
			t.Errorf("PutMany after %s = %v, want an error that says nothing known", body, err)
		}
	}
	f.setAnswer(bulkJSON(`{"Response Status": "201 Created", "Number Files Created": 1, "Errors": []}`))
	if err := a.PutMany(t.Context(), "c", files(2)); !isUnknown(err) {
		t.Errorf("PutMany of two files of which one was created = %v, want an error", err)
	}
	if n := len(f.requests()); n != 11 {
		t.Errorf("%d requests, want one each", n)
	}
}

// Middleware below the one for bulk requests refuses the token of each request within.
func TestBulkTokenRefusedWithin(t *testing.T) {
	for _, refusal := range []string{
		`{"Response Status": "401 Unauthorized", "Number Deleted": 0, "Number Files Created": 0, "Errors": []}`,
		`{"Response Status": "400 Bad Request", "Number Deleted": 1, "Number Files Created": 0, "Errors": [["c/o", "401 Unauthorized"]]}`,
	} {
		f := startFake(t)
		a := f.open()
		f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Auth-Token") == "token-1" {
				bulkJSON("%s", refusal)(w, r)
				return
			}
			bulkJSON(`{"Response Status": "201 Created", "Number Deleted": 2, "Number Files Created": 2, "Errors": []}`)(w, r)
		})
		if err := a.DeleteMany(t.Context(), paths(2)); err != nil {
			t.Errorf("DeleteMany: %v", err)
		}
		if err := a.PutMany(t.Context(), "c", files(2)); err != nil {
			t.Errorf("PutMany: %v", err)
		}
		if n := f.loginCount(); n != 2 {
			t.Errorf("%d log-ins, want 2", n)
		}
	}
}

// An archive of which something was stored before the token was refused is not sent again: that may have been removed by now.
func TestBulkTokenRefusedAmid(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(bulkJSON(`{"Response Status": "401 Unauthorized", "Number Files Created": 1, "Errors": [["c/o/1", "401 Unauthorized"]]}`))
	if got := failedOf(a.PutMany(t.Context(), "c", files(2))); !slices.Equal(got, []string{"o/1"}) {
		t.Errorf("PutMany names %q as failed, want o/1", got)
	}
	if n := len(f.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// failedOf are the names that an error says were not stored; nil: it does not tell.
func failedOf(err error) []string {
	var part *objects.PartError
	if !errors.As(err, &part) {
		return nil
	}
	return part.Failed
}

// Who stores more than one object is told which were not, if the answer accounts for all.
func TestPutManyTellsWhatWasNotStored(t *testing.T) {
	all := files(3)
	all[2].Name = "o/ä b"
	f := startFake(t)
	a := f.open()
	for answer, want := range map[string][]string{
		`"502 Bad Gateway", "Number Files Created": 2, "Errors": [["c/o/%C3%A4%20b", "503 Service Unavailable"]]`:                    {"o/ä b"},
		`"502 Bad Gateway", "Number Files Created": 1, "Errors": [["c/o/0", "503 Service Unavailable"], ["c/o/1", "404 Not Found"]]`: {"o/0", "o/1"},
		`"400 Bad Request", "Number Files Created": 2, "Errors": [["/v1/a/c", "403 Forbidden"], ["c/o/1", "404 Not Found"]]`:         {"o/1"},
		`"502 Bad Gateway", "Number Files Created": 1, "Errors": [["c/o/0", "503 Service Unavailable"]]`:                             nil,
		`"502 Bad Gateway", "Number Files Created": 2, "Errors": [["c/other", "503 Service Unavailable"]]`:                           nil,
		`"500 Internal Error", "Number Files Created": 2, "Errors": []`:                                                              nil,
		`"201 Created", "Number Files Created": 2, "Errors": []`:                                                                     nil,
	} {
		f.setAnswer(bulkJSON(`{"Response Status": %s}`, answer))
		err := a.PutMany(t.Context(), "c", all)
		if got := failedOf(err); !isUnknown(err) || !slices.Equal(got, want) {
			t.Errorf("after %s PutMany = %v, which names %q, want %q", answer, err, got, want)
		}
	}
	f.setAnswer(status(http.StatusServiceUnavailable))
	if err := a.PutMany(t.Context(), "c", all); !isUnknown(err) || failedOf(err) != nil {
		t.Errorf("PutMany without an answer about objects = %v, which names %q, want none", err, failedOf(err))
	}
}

// one answers so to a request for o/1, and that they were stored to others.
func one(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/o/1") {
			answer(w, r)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}
}

func TestPutManyOneByOneTellsWhatWasNotStored(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Parallel = true
	a := f.openWith(o)
	for code, want := range map[int][]string{503: {"o/1"}, 507: {"o/1"}, 404: {"o/1"}, 502: nil, 504: nil} {
		f.setAnswer(one(status(code)))
		if err := a.PutMany(t.Context(), "c", files(3)); err == nil || !slices.Equal(failedOf(err), want) {
			t.Errorf("after a %d PutMany = %v, which names %q, want %q", code, err, failedOf(err), want)
		}
	}
	f.setAnswer(status(http.StatusServiceUnavailable))
	if got := failedOf(a.PutMany(t.Context(), "c", files(3))); !slices.Equal(got, []string{"o/0", "o/1", "o/2"}) {
		t.Errorf("when the first is refused PutMany names %q, want all", got)
	}
	f.setAnswer(one(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if err := a.PutMany(t.Context(), "c", files(3)); err == nil || failedOf(err) != nil {
		t.Errorf("PutMany without an answer for one = %v, which names %q, want none", err, failedOf(err))
	}
}

// That something newer is stored is no error of what others store as well.
func TestPutManyWhereSomethingNewerIs(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Parallel = true
	a := f.openWith(o)
	f.setAnswer(one(status(http.StatusAccepted)))
	all := files(3)
	if err := a.PutMany(t.Context(), "c", all); !errors.Is(err, objects.ErrNotStored) || failedOf(err) != nil {
		t.Errorf("PutMany where one is older than what is there: %v, which names %q", err, failedOf(err))
	}
	all[1].Shared = true
	if err := a.PutMany(t.Context(), "c", all); err != nil {
		t.Errorf("PutMany where one that is shared is older than what is there: %v", err)
	}
}

func TestBulkFallsBack(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"of an account's POST and a container's PUT": status(http.StatusAccepted),
		"not allowed": status(http.StatusMethodNotAllowed),
		"garbage":     text(200, "text/html", "<html>"),
	} {
		f := startFake(t)
		a := f.open()
		f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != "" {
				answer(w, r)
				return
			}
			w.WriteHeader(http.StatusCreated)
		})
		if err := a.DeleteMany(t.Context(), paths(20)); err != nil {
			t.Errorf("%s: DeleteMany: %v", name, err)
		}
		if n := len(f.requests()); n != 21 {
			t.Errorf("%s: DeleteMany of 20 made %d requests, want 21", name, n)
		}
		if err := a.PutMany(t.Context(), "c", files(20)); err != nil {
			t.Errorf("%s: PutMany: %v", name, err)
		}
		if n := len(f.requests()); n != 21 {
			t.Errorf("%s: PutMany of 20 made %d requests, want 21", name, n)
		}
	}
}

func TestPutManyInArchivesByEnd(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("extract-archive") {
			w.WriteHeader(http.StatusCreated)
			return
		}
		n, in := 0, tar.NewReader(r.Body)
		for ; ; n++ {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || h.PAXRecords["SCHILY.xattr.user.mime_type"] != "application/octet-stream" {
				t.Errorf("in the archive: %v, %v", h, err)
			}
		}
		bulkJSON(`{"Response Status": "201 Created", "Number Files Created": %d, "Errors": []}`, n)(w, r)
	})
	end := time.Unix(2_000_000_000, 0)
	all := files(9)
	for i, d := range []time.Duration{0, 0, time.Second, 1, 0, time.Hour, 500 * time.Millisecond} {
		all[i].DeleteAt = end.Add(d) // the second, third and fourth kind are all a second on
	}
	all = append(all, objects.Upload{Name: "/slash"})
	if err := a.PutMany(t.Context(), "c", all); err != nil {
		t.Fatalf("PutMany: %v", err)
	}
	got := map[string]int{}
	for _, r := range f.requests() {
		got[r.URL.Path+"?"+r.URL.RawQuery+" "+r.Header.Get("X-Delete-At")]++
	}
	want := map[string]int{
		"/v1/AUTH_test/c?extract-archive=tar 2000000000": 1, "/v1/AUTH_test/c?extract-archive=tar 2000000001": 1,
		"/v1/AUTH_test/c?extract-archive=tar ": 1, "/v1/AUTH_test/c/o/5? 2000003600": 1, "/v1/AUTH_test/c//slash? ": 1,
	}
	for request, n := range want {
		if got[request] != n {
			t.Errorf("%q was sent %d times, want %d; all: %v", request, got[request], n, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

func TestManyStopsAtTheFirstError(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Parallel = true
	a := f.openWith(o)
	f.setAnswer(status(http.StatusServiceUnavailable))
	if err := a.DeleteMany(t.Context(), paths(1000)); !isUnknown(err) {
		t.Errorf("DeleteMany = %v, want an error that says nothing known", err)
	}
	if n := len(f.requests()); n > 16 {
		t.Errorf("%d requests, want no more than go out at once", n)
	}
}

func TestDeletesGoInParallelWhereThereAreNoBulkRequests(t *testing.T) {
	f := startFake(t)
	o := f.options()
	o.Parallel = true
	a := f.openWith(o)
	var now, most atomic.Int32
	f.setAnswer(func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(10 * time.Millisecond)
		w.WriteHeader(http.StatusNoContent)
	})
	if err := a.DeleteMany(t.Context(), paths(100)); err != nil {
		t.Fatal(err)
	}
	if most.Load() < 2 {
		t.Error("100 objects were deleted one after the other")
	}
}

// TestOneAnswerSaysNothingOfOtherRequests has one of two archives refused: who asks must not take that for all of it.
func TestOneAnswerSaysNothingOfOtherRequests(t *testing.T) {
	f := startFake(t)
	a := f.open()
	f.setAnswer(func(w http.ResponseWriter, r *http.Request) {
		first, err := tar.NewReader(r.Body).Next()
		_, _ = io.Copy(io.Discard, r.Body)
		if err != nil || first.Name == "o/0" {
			status(http.StatusServiceUnavailable)(w, r)
			return
		}
		bulkJSON(`{"Response Status": "201 Created", "Number Files Created": 2, "Errors": []}`)(w, r)
	})
	all := files(4)
	all[2].DeleteAt, all[3].DeleteAt = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	err := a.PutMany(t.Context(), "c", all)
	if err == nil || errors.As(err, new(*objects.PartError)) || errors.As(err, new(*objects.StatusError)) {
		t.Errorf("PutMany = %v, want an error that tells nothing of what is stored", err)
	}
}
