package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ncw/swift/v2"
)

// A token is what requests show, to the account that they go to.
type token struct {
	value   string
	account *url.URL
	expires time.Time // zero: nobody said
	renew   time.Time // when to ask for the next one
}

// renewShare is the share of a token's life after which the next one is asked for.
const renewShare = 0.75

// A login asks for tokens.
type login struct {
	o         Options
	transport http.RoundTripper
}

// token asks for a new one. The clocks of the two machines need not agree: a token's life counts from the answer on.
func (l login) token(ctx context.Context) (token, error) {
	seen := &lastAnswer{next: l.transport}
	c := l.connection(seen)
	begin := time.Now()
	err := c.Authenticate(ctx)
	l.o.Observe("auth", time.Since(begin), seen.status)
	// The library has no token for good that lives for less than a minute, and calls that an error.
	if c.AuthToken == "" || c.StorageUrl == "" {
		return token{}, l.explain(err, c.AuthToken != "", seen)
	}
	account, err := url.Parse(c.StorageUrl)
	if err != nil || account.Host == "" {
		return token{}, fmt.Errorf("the account's URL %q, as the authentication server tells it, is no URL", c.StorageUrl)
	}
	if err := l.keepSecret(account); err != nil {
		return token{}, err
	}
	t := token{value: c.AuthToken, account: account}
	if life := seen.life(c.Expires, l.o.Now()); life > 0 {
		now := l.o.Now()
		t.expires = now.Add(life)
		t.renew = now.Add(max(time.Second, time.Duration(float64(life)*renewShare)))
	}
	return t, nil
}

// keepSecret has no token that came over TLS leave without it: a v1 server behind something that ends TLS takes itself for a plain one.
// The catalogue of v3 is written by people, who may have an inner network.
func (l login) keepSecret(account *url.URL) error {
	if l.o.Version != V1 || !strings.HasPrefix(l.o.AuthURL, "https:") || account.Scheme == "https" {
		return nil
	}
	if auth, err := url.Parse(l.o.AuthURL); err != nil || account.Host != auth.Host {
		return fmt.Errorf("the log-in at %s is over TLS, and the account that it names, %s, is not: check storage_url_scheme in the settings of Swift's tempauth",
			l.o.AuthURL, account)
	}
	account.Scheme = "https"
	return nil
}

func (l login) connection(transport http.RoundTripper) *swift.Connection {
	c := &swift.Connection{
		AuthUrl:                     l.o.AuthURL,
		AuthVersion:                 1,
		UserName:                    l.o.User,
		ApiKey:                      l.o.Key,
		ApplicationCredentialId:     l.o.CredentialID,
		ApplicationCredentialName:   l.o.CredentialName,
		ApplicationCredentialSecret: l.o.CredentialSecret,
		Domain:                      l.o.UserDomain,
		Tenant:                      l.o.Project,
		TenantDomain:                l.o.ProjectDomain,
		Region:                      l.o.Region,
		UserAgent:                   userAgent,
		ConnectTimeout:              2 * l.o.Timeout, // the context ends first
		Transport:                   transport,
	}
	if l.o.UserDomainID != "" {
		c.Domain, c.DomainId = "", l.o.UserDomainID
	}
	if l.o.ProjectDomainID != "" {
		c.TenantDomain, c.TenantDomainId = "", l.o.ProjectDomainID
	}
	if l.o.Version == V3 {
		c.AuthVersion = 3
		c.EndpointType = swift.EndpointType(l.o.Interface)
	}
	return c
}

// explain says what to check. Who logs in is to blame only if the server says so: one that is starting refuses everybody.
func (l login) explain(err error, granted bool, seen *lastAnswer) error {
	who := fmt.Sprintf("user %q", l.o.User)
	check := "user, key and auth_url"
	if l.o.Version == V3 {
		check = "user, key, project, domains and auth_url"
	}
	if id := l.o.CredentialID + l.o.CredentialName; id != "" {
		who, check = fmt.Sprintf("application credential %q", id), "the credential's ID or name, its secret, its user and auth_url"
	}
	var known *swift.Error
	switch answered := errors.As(err, &known); {
	case granted && l.o.Version == V3:
		return fmt.Errorf("the catalogue at %s has no object store for %s: check project, region (%q) and interface (%q)",
			l.o.AuthURL, who, l.o.Region, l.o.Interface)
	case answered && (known.StatusCode == http.StatusUnauthorized || known.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%s refuses %s (%d): check %s", l.o.AuthURL, who, known.StatusCode, check)
	case answered && known.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%s logs in nobody at the moment: %w: check that server and what it needs, or auth_url if it is another's",
			l.o.AuthURL, statusError(answer{status: known.StatusCode, header: seen.header}))
	case answered && known.StatusCode != 0:
		if l.o.Version == V3 {
			check += ", or have auth=v1 if that is a Swift with tempauth, and no Keystone"
		} else {
			check += ", or have auth=v3 if that is a Keystone"
		}
		return fmt.Errorf("%s answers the log-in of %s with %d %s: check %s",
			l.o.AuthURL, who, known.StatusCode, http.StatusText(known.StatusCode), check)
	case answered:
		return fmt.Errorf("what answers at %s gives no token: check auth_url and version (%s)", l.o.AuthURL, l.o.Version)
	default:
		return fmt.Errorf("log in at %s, no answer that can be understood: check auth_url: %w", l.o.AuthURL, err)
	}
}

// lastAnswer keeps of the last answer what the library doesn't. It hides that the transport can close its idle
// connections, which the library would have it do at each log-in.
type lastAnswer struct {
	next   http.RoundTripper
	status int
	header http.Header
}

// RoundTrip passes a request on.
func (a *lastAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.next.RoundTrip(r)
	if err == nil {
		a.status, a.header = resp.StatusCode, resp.Header
	}
	return resp, err
}

// life says how long a token lives that ends at a time of the server's clock; v1 says it in seconds. 0: nobody said.
func (a *lastAnswer) life(expires, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(a.header.Get("X-Auth-Token-Expires"), 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if expires.IsZero() {
		return 0
	}
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil {
		now = date
	}
	return expires.Sub(now)
}
