//go:build unix

package testservices

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestSwiftWithKeystone(t *testing.T) {
	k := StartKeystone(t, KeystoneOptions{})
	s := StartSwift(t, SwiftOptions{Keystone: k})
	token, err := k.login("test", "tester", "testing")
	if err != nil {
		t.Fatal(err)
	}
	mine := account{t: t, url: "http://" + s.Host + "/v1/AUTH_" + k.Projects["test"], token: token}
	works(mine)
	for _, other := range [][3]string{{"test", "guest", "guesting"}, {"other", "stranger", "strange"}} {
		token, err := k.login(other[0], other[1], other[2])
		if err != nil {
			t.Fatal(err)
		}
		theirs := account{t: t, url: mine.url, token: token}
		theirs.want(http.StatusForbidden, http.MethodGet, "", nil)
	}
	if _, err := k.login("test", "tester", "wrong"); !errors.Is(err, errUnauthorized) {
		t.Errorf("log-in with a wrong password: %v", err)
	}
	mine.token = "no token"
	mine.want(http.StatusUnauthorized, http.MethodGet, "", nil)
}

func TestKeystoneKnowsWhereSwiftIs(t *testing.T) {
	k := StartKeystone(t, KeystoneOptions{TokenLife: 20 * time.Second})
	s := StartSwift(t, SwiftOptions{Keystone: k})
	wish := map[string]any{"auth": map[string]any{"identity": map[string]any{"methods": []string{"application_credential"},
		"application_credential": map[string]any{"id": k.Credential.ID, "secret": k.Credential.Secret}}}}
	var said struct {
		Token struct {
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, Region, URL string }
			}
		}
	}
	header, err := k.send(http.MethodPost, "/auth/tokens", "", wish, &said)
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{}
	for _, service := range said.Token.Catalog {
		for _, e := range service.Endpoints {
			urls[service.Type+" "+e.Region+" "+e.Interface] = e.URL
		}
	}
	public := urls["object-store RegionOne public"]
	if want := "http://" + s.Host + "/v1/AUTH_" + k.Projects["test"]; public != want {
		t.Errorf("the public URL is %q, want %q", public, want)
	}
	a := account{t: t, url: urls["object-store RegionOne internal"], token: header.Get("X-Subject-Token")}
	a.want(http.StatusCreated, http.MethodPut, "/c", nil)
	if other := urls["object-store RegionTwo public"]; other == "" || other == public {
		t.Errorf("the other region's URL is %q", other)
	}
	err = until(2*time.Minute, func() error {
		time.Sleep(time.Second)
		return want("status with a token that is over", strconv.Itoa(a.ask(http.MethodGet, "/c", nil).status), "401")
	})
	if err != nil {
		t.Error(err)
	}
}
