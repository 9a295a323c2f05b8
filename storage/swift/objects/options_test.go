package objects_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/swift/objects"
)

func TestOptionsThatCannotBe(t *testing.T) {
	v1 := objects.Options{AuthURL: "http://127.0.0.1:1/auth/v1.0", User: "u", Key: "top-secret"}
	v3 := objects.Options{AuthURL: "http://127.0.0.1:1/v3", User: "u", Key: "top-secret", Project: "p"}
	for _, row := range []struct {
		name   string
		from   objects.Options
		change func(*objects.Options)
		want   string
	}{
		{"no auth_url", v1, func(o *objects.Options) { o.AuthURL = "" }, "auth_url must be"},
		{"auth_url without a scheme", v1, func(o *objects.Options) { o.AuthURL = "host/v1" }, "auth_url must be"},
		{"auth_url of another kind", v1, func(o *objects.Options) { o.AuthURL = "ftp://host/v1" }, "auth_url must be"},
		{"auth_url that can't be read", v1, func(o *objects.Options) { o.AuthURL = "http://u:top-secret@h:port" }, "auth_url is no URL"},
		{"auth_url with a password", v1, func(o *objects.Options) { o.AuthURL = "http://u:top-secret@h/v1" }, "auth_url must not hold"},
		{"no version", v1, func(o *objects.Options) { o.AuthURL = "http://h/" }, "version"},
		{"version 2", v1, func(o *objects.Options) { o.Version = "v2" }, `version "v2"`},
		{"v1 without a user", v1, func(o *objects.Options) { o.User = "" }, "a user and a key"},
		{"v1 without a key", v1, func(o *objects.Options) { o.Key = "" }, "a user and a key"},
		{"v3 without a user", v3, func(o *objects.Options) { o.User = "" }, "a user and a password"},
		{"v3 without a project", v3, func(o *objects.Options) { o.Project = "" }, "a project"},
		{"credential without a secret", v3, func(o *objects.Options) { o.CredentialID = "c" }, "secret"},
		{"credential by its name without a user", v3, func(o *objects.Options) {
			o.CredentialName, o.CredentialSecret, o.User = "c", "top-secret", ""
		}, "needs its user"},
		{"unknown interface", v3, func(o *objects.Options) { o.Interface = "private" }, `interface "private"`},
		{"nobody at auth_url", v1, func(*objects.Options) {}, "check auth_url"},
		{"nobody at Keystone's auth_url", v3, func(*objects.Options) {}, "http://127.0.0.1:1/v3"},
	} {
		o := row.from
		row.change(&o)
		_, err := objects.Open(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "top-secret") {
			t.Errorf("%s: Open = %v, want an error with %q in it, and no secret", row.name, err, row.want)
		}
	}
}

func TestLoginRefused(t *testing.T) {
	f := startFake(t)
	v3 := f.options()
	v3.Version, v3.Project, v3.Region = objects.V3, "demo", "here"
	credential := objects.Options{AuthURL: f.URL, Version: objects.V3, CredentialID: "cred", CredentialSecret: "secret-key"}
	keystone := func(h http.HandlerFunc) func() {
		return func() { f.answer = h }
	}
	for _, row := range []struct {
		name   string
		o      objects.Options
		change func()
		want   []string
	}{
		{"v1 401", f.options(), func() { f.auth = status(401) }, []string{"refuses", "test:tester", "check user, key and auth_url"}},
		{"v1 404", f.options(), func() { f.auth = status(404) }, []string{"404 Not Found", "auth=v3 if that is a Keystone"}},
		{"v1 500", f.options(), func() { f.auth = status(500) }, []string{"500", "check that server"}},
		{"v1 without a token", f.options(), func() { f.auth = status(200) }, []string{"no token", "auth_url and version"}},
		{"v1 with an account that is no URL", f.options(), func() { f.auth = header("X-Storage-Url", "nowhere") }, []string{`"nowhere"`}},
		{"v3 401", v3, keystone(status(401)), []string{"refuses", "project, domains"}},
		{"v3 400", v3, keystone(status(400)), []string{"400", "project, domains"}},
		{"v3 garbage", v3, keystone(header("X-Subject-Token", "t")), []string{"check auth_url"}},
		{"v3 without an object store", v3, keystone(text(201, "application/json", `{"token": {}}`)), []string{"no token"}},
		{"v3 with a token and no object store", v3, keystone(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Subject-Token", "t")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{"token": {"catalog": []}}`)
		}), []string{"catalogue", `region ("here")`, `interface ("public")`}},
		{"credential", credential, keystone(status(401)), []string{`application credential "cred"`, "its secret"}},
		{"account 403", f.options(), func() { f.answer = status(403) }, []string{"403", "roles"}},
		{"account 404", f.options(), func() { f.answer = status(404) }, []string{"404", "account_autocreate"}},
	} {
		f.set(func() {
			f.answer, f.auth = status(204), f.login
			row.change()
		})
		_, err := objects.Open(t.Context(), row.o)
		if err == nil || strings.Contains(err.Error(), "secret-key") || strings.Contains(err.Error(), "token-") {
			t.Errorf("%s: Open = %v, want an error without secrets", row.name, err)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Open = %v, want %q in it", row.name, err, want)
			}
		}
	}
}

// A server that refuses everybody at the moment is no reason to look at one's user and key, and one to try again.
func TestLoginAtAServerThatIsStarting(t *testing.T) {
	f := startFake(t)
	v3 := f.options()
	v3.Version, v3.Project = objects.V3, "demo"
	for _, code := range []int{502, 503, 504} {
		f.set(func() { f.auth, f.answer = status(code), status(code) })
		for _, o := range []objects.Options{f.options(), v3} {
			_, err := objects.Open(t.Context(), o)
			var known *objects.StatusError
			if !errors.As(err, &known) || known.Status != code || !known.Passing() {
				t.Errorf("%s at a log-in that answers %d: Open = %v, want a status that will pass", o.Version, code, err)
				continue
			}
			if text := err.Error(); strings.Contains(text, "user") || strings.Contains(text, "secret-key") || !strings.Contains(text, f.URL) {
				t.Errorf("%s at a log-in that answers %d: Open = %v, want the server's URL, and nothing about user or key", o.Version, code, err)
			}
		}
	}
}

func header(name, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Auth-Token", "token-x")
		w.Header().Set(name, value)
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	f := startFake(t)
	f.auth = silent
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if _, err := objects.Open(ctx, f.options()); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("Open = %v after %v, want an error at once", err, time.Since(begin))
	}
}

func TestOpenAtAServerThatSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	o := objects.Options{AuthURL: "http://" + l.Addr().String() + "/v3", User: "u", Key: "secret-key", Project: "p", Timeout: 100 * time.Millisecond}
	if _, err := objects.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "check auth_url") {
		t.Errorf("Open = %v, want an error that says what to check", err)
	}
}

func TestWrongCredentialsOnSwift(t *testing.T) {
	s := realSwift(t)
	for _, row := range []struct{ user, key string }{
		{"test:tester", "wrong-key"}, {"test:nobody", "testing-key"}, {"nobody", "testing-key"},
	} {
		o := tempauth(s)
		o.User, o.Key = row.user, row.key
		_, err := objects.Open(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), "check user, key and auth_url") || strings.Contains(err.Error(), row.key) {
			t.Errorf("Open as %s = %v, want an error that says what to check, without the key", row.user, err)
		}
	}
	o := tempauth(s)
	o.User, o.Key = "test:guest", "guesting"
	if _, err := objects.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "check the user's roles") {
		t.Errorf("Open as one who may do nothing = %v, want an error about roles", err)
	}
}

// Tokens that end while requests go on are not noticed by who makes them.
func TestShortTokensOnSwift(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{TokenLife: 2 * time.Second})
	a := open(t, tempauth(s))
	still := tempauth(s)
	still.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } // so that it learns only by a 401
	b := open(t, still)
	if err := a.MakeContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(7 * time.Second); time.Now().Before(end); {
		for _, account := range []*objects.Account{a, b} {
			if err := account.Put(t.Context(), at, []byte("x"), objects.Attributes{}, objects.Anew); err != nil {
				t.Errorf("Put: %v", err)
			}
			if err := account.DeleteMany(t.Context(), []objects.Path{at, {Container: "c", Name: "none"}}); err != nil {
				t.Errorf("DeleteMany: %v", err)
			}
		}
	}
}

func TestSwiftWithoutTheBulkFilter(t *testing.T) {
	s := testservices.StartSwift(t, testservices.SwiftOptions{Without: []string{"bulk"}})
	a := open(t, tempauth(s))
	if got := a.Abilities(); got.BulkDelete != 0 || got.BulkUpload != 0 || got.Version == "" {
		t.Errorf("Abilities() = %+v, want no bulk requests", got)
	}
	if err := a.PutMany(t.Context(), "c", files(3)); err != nil {
		t.Errorf("PutMany: %v", err)
	}
	if got, err := a.List(t.Context(), "c", objects.Listing{}); err != nil || len(got) != 3 {
		t.Errorf("List = %v, %v; want three", got, err)
	}
}
