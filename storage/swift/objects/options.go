package objects

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"
)

// A Version is a way to authenticate.
type Version string

// The versions.
const (
	V1 Version = "v1" // tempauth and its likes: a user and a key
	V3 Version = "v3" // Keystone: a user and a password, or an application credential
)

// Options say which account to open, as whom, and how.
type Options struct {
	AuthURL string  // of Keystone, with or without /v3; of v1, with or without /auth/v1.0
	Version Version // "": as AuthURL says

	User    string // for tempauth, account:user
	Key     string // the password
	Project string // v3 only; v1 knows the account by the user

	// An application credential stands for user, key and project: its ID and secret, or its name, secret and user.
	CredentialID     string
	CredentialName   string
	CredentialSecret string

	// Domains are of v3; a name counts if there is no ID. User: "Default" if both are empty. Project: the user's.
	UserDomain      string
	UserDomainID    string
	ProjectDomain   string
	ProjectDomainID string

	Region    string // of the catalogue; "": the first
	Interface string // of the catalogue: public, internal or admin, with or without URL behind; "": public

	TLS TLS

	Timeout     time.Duration // for a request, its answer read; bulk requests have more. 0: 30 s
	Connections int           // at most so many, all kept alive. 0: 128
	Parallel    bool          // make no bulk requests, whatever the server says that it can
	MaxBody     int64         // bytes an object's body may have to be put and got. 0: 2 GiB

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // hears of tokens that could not be renewed in the background; nil: nobody does
	// Observe hears of every request: put, get, head, post, delete, list, bulk-put, bulk-delete, and others; of the time till
	// its answer was read, and of its status, 0 when none came. It must not block. nil: nobody does.
	Observe func(operation string, took time.Duration, status int)
}

// TLS says whom to believe, and who we are.
type TLS struct {
	CAFile   string // PEM; "": what the machine trusts
	CertFile string // PEM, our certificate; with KeyFile
	KeyFile  string
	Insecure bool // believe everyone
}

const (
	defaultTimeout     = 30 * time.Second
	defaultConnections = 128
	defaultMaxBody     = 2 << 30 // twice what a post may have, at most
)

// complete checks what was given and fills in what was not.
func (o Options) complete() (Options, error) {
	u, err := url.Parse(o.AuthURL)
	if err != nil {
		return o, errors.New("auth_url is no URL") // err holds the text, which may hold a password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return o, errors.New("auth_url must be http://host… or https://host…")
	}
	if u.User != nil {
		return o, errors.New("auth_url must not hold a user or password")
	}
	if o.Version == "" {
		o.Version = guessVersion(u)
	}
	switch o.Version {
	case V1:
		err = o.checkV1()
	case V3:
		err = o.checkV3()
	default:
		err = fmt.Errorf("version %q is not v1 or v3, and auth_url doesn't say which it is", o.Version)
	}
	if err != nil {
		return o, err
	}
	o.AuthURL = authURL(u, o.Version)
	o.Interface = cmp.Or(strings.TrimSuffix(o.Interface, "URL"), "public")
	switch o.Interface {
	case "public", "internal", "admin":
	default:
		return o, fmt.Errorf("interface %q is not public, internal or admin", o.Interface)
	}
	return o.withDefaults(), nil
}

func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.Connections = cmp.Or(o.Connections, defaultConnections)
	o.MaxBody = cmp.Or(o.MaxBody, defaultMaxBody)
	if o.Version == V3 && o.UserDomain == "" && o.UserDomainID == "" {
		o.UserDomain = "Default"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, time.Duration, int) {}
	}
	return o
}

func (o Options) checkV1() error {
	if o.User == "" || o.Key == "" {
		return errors.New("v1 needs a user and a key")
	}
	return nil
}

func (o Options) checkV3() error {
	switch {
	case o.CredentialID != "" || o.CredentialName != "":
		if o.CredentialSecret == "" {
			return errors.New("an application credential needs its secret")
		}
		if o.CredentialID == "" && o.User == "" {
			return errors.New("an application credential known by its name needs its user")
		}
	case o.User == "" || o.Key == "":
		return errors.New("v3 needs a user and a password, or an application credential")
	case o.Project == "":
		return errors.New("v3 needs a project")
	}
	return nil
}

func guessVersion(u *url.URL) Version {
	switch {
	case strings.Contains(u.Path, "/v3"):
		return V3
	case strings.Contains(u.Path, "/v1"):
		return V1
	}
	return ""
}

// authURL completes the path: Keystone's is often given without its version.
func authURL(u *url.URL, v Version) string {
	path := strings.TrimRight(u.Path, "/")
	switch {
	case v == V3 && !strings.Contains(path+"/", "/v3/"):
		path += "/v3"
	case v == V1 && path == "":
		path = "/auth/v1.0"
	}
	whole := *u
	whole.Path, whole.RawPath = path, ""
	return whole.String()
}

// config reads the files.
func (t TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in the CA file %s", t.CAFile)
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate and key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
