//go:build unix

package objects_test

import (
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage/swift/objects"
	"github.com/marconi-mq/marconi/storage/swift/swifttest"
)

// Keystone's tokens live for seconds here, so that whatever takes longer lives on renewed ones.
func TestAccountOnKeystone(t *testing.T) {
	k := testservices.StartKeystone(t, testservices.KeystoneOptions{TokenLife: 20 * time.Second})
	testservices.StartSwift(t, testservices.SwiftOptions{Keystone: k})
	t.Run("ways to log in", func(t *testing.T) { testWaysToLogIn(t, k) })
	t.Run("log-ins refused", func(t *testing.T) { testLoginsRefused(t, k) })
	t.Run("tokens that end", func(t *testing.T) { testTokensEnd(t, k) })
	t.Run("many", func(t *testing.T) {
		a := open(t, password(k))
		swifttest.TestMany(t, func(*testing.T) swifttest.Subject { return swifttest.Subject{Client: a} })
	})
}

func password(k *testservices.Keystone) objects.Options {
	return objects.Options{AuthURL: k.URL, Version: objects.V3, User: "tester", Key: "testing", Project: "test"}
}

func credential(k *testservices.Keystone) objects.Options {
	return objects.Options{AuthURL: k.URL, CredentialID: k.Credential.ID, CredentialSecret: k.Credential.Secret}
}

func testWaysToLogIn(t *testing.T, k *testservices.Keystone) {
	for name, change := range map[string]func(*objects.Options){
		"password":                           func(*objects.Options) {},
		"auth_url without v3, version known": func(o *objects.Options) { o.AuthURL = strings.TrimSuffix(k.URL, "/v3") },
		"auth_url with v3/, version guessed": func(o *objects.Options) { o.AuthURL, o.Version = k.URL+"/", "" },
		"domains by name":                    func(o *objects.Options) { o.UserDomain, o.ProjectDomain = "Default", "Default" },
		"domains by ID":                      func(o *objects.Options) { o.UserDomainID, o.ProjectDomainID = "default", "default" },
		"an ID before a wrong name":          func(o *objects.Options) { o.UserDomain, o.UserDomainID = "none", "default" },
		"region":                             func(o *objects.Options) { o.Region = testservices.Region },
		"internal":                           func(o *objects.Options) { o.Interface = "internal" },
		"internalURL":                        func(o *objects.Options) { o.Interface = "internalURL" },
		"credential by ID":                   func(o *objects.Options) { *o = credential(k) },
		"credential by its name": func(o *objects.Options) {
			*o = objects.Options{AuthURL: k.URL, CredentialName: k.Credential.Name, CredentialSecret: k.Credential.Secret, User: "tester"}
		},
	} {
		o := password(k)
		change(&o)
		a, err := objects.Open(t.Context(), o)
		if err != nil {
			t.Errorf("%s: Open: %v", name, err)
			continue
		}
		if err := a.MakeContainer(t.Context(), "c"); err != nil {
			t.Errorf("%s: MakeContainer: %v", name, err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
	}
}

func testLoginsRefused(t *testing.T, k *testservices.Keystone) {
	const check = "check user, key, project, domains and auth_url"
	for _, row := range []struct {
		name   string
		change func(*objects.Options)
		want   string
	}{
		{"wrong password", func(o *objects.Options) { o.Key = "secret-guess" }, check},
		{"unknown user", func(o *objects.Options) { o.User = "nobody" }, check},
		{"unknown project", func(o *objects.Options) { o.Project = "none" }, check},
		{"unknown user's domain", func(o *objects.Options) { o.UserDomain = "none" }, check},
		{"unknown project's domain", func(o *objects.Options) { o.ProjectDomainID = "none" }, check},
		{"another's project", func(o *objects.Options) { o.User, o.Key = "stranger", "strange" }, check},
		{"no role for Swift", func(o *objects.Options) { o.User, o.Key = "guest", "guesting" }, "check the user's roles"},
		{"unknown region", func(o *objects.Options) { o.Region = "Atlantis" }, `region ("Atlantis")`},
		{"region out of reach", func(o *objects.Options) { o.Region = testservices.OtherRegion }, "127.0.0.1:1"},
		{"interface that isn't there", func(o *objects.Options) { o.Interface = "admin" }, `interface ("admin")`},
		{"wrong path", func(o *objects.Options) { o.AuthURL = k.URL + "/v3/none" }, "auth_url"},
		{"wrong secret of a credential", func(o *objects.Options) {
			*o = credential(k)
			o.CredentialSecret = "secret-guess"
		}, "check the credential's ID or name, its secret"},
		{"unknown credential", func(o *objects.Options) {
			*o = credential(k)
			o.CredentialID = "none"
		}, "check the credential's ID or name, its secret"},
	} {
		o := password(k)
		row.change(&o)
		_, err := objects.Open(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: Open = %v, want an error with %q in it", row.name, err, row.want)
			continue
		}
		for _, secret := range []string{"testing", "secret-guess", "strange ", "guesting", k.Credential.Secret} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: Open = %v, with a secret", row.name, err)
			}
		}
	}
}

func testTokensEnd(t *testing.T, k *testservices.Keystone) {
	still := credential(k)
	still.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } // so that it learns only by a 401
	accounts := []*objects.Account{open(t, password(k)), open(t, still)}
	if err := accounts[0].MakeContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(25 * time.Second); time.Now().Before(end); {
		for _, a := range accounts {
			if err := a.Put(t.Context(), at, []byte("x"), objects.Attributes{}, objects.Anew); err != nil {
				t.Errorf("Put: %v", err)
			}
			if err := a.DeleteMany(t.Context(), []objects.Path{at, {Container: "c", Name: "none"}}); err != nil {
				t.Errorf("DeleteMany: %v", err)
			}
		}
	}
}
