//go:build unix

package testservices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// populate makes projects and users, and the one by which Swift asks whose a token is.
func (k *Keystone) populate() error {
	var err error
	if k.token, err = k.login("admin", "admin", "admin"); err != nil {
		return err
	}
	if err := k.readRoles(); err != nil {
		return err
	}
	for _, u := range []struct{ project, name, password, role string }{
		{"service", "swift", "swift", "admin"},
		{"test", "tester", "testing", "member"},
		{"test", "guest", "guesting", "reader"},
		{"other", "stranger", "strange", "member"},
	} {
		if err := k.addUser(u.project, u.name, u.password, u.role); err != nil {
			return err
		}
	}
	return k.addCredential()
}

func (k *Keystone) readRoles() error {
	var said struct{ Roles []struct{ ID, Name string } }
	if err := k.order(http.MethodGet, "/roles", nil, &said); err != nil {
		return err
	}
	for _, r := range said.Roles {
		k.roles[r.Name] = r.ID
	}
	return nil
}

func (k *Keystone) addUser(project, name, password, role string) error {
	if k.Projects[project] == "" {
		id, err := k.create("project", map[string]any{"name": project, "domain_id": "default"})
		if err != nil {
			return err
		}
		k.Projects[project] = id
	}
	id, err := k.create("user", map[string]any{"name": name, "domain_id": "default", "password": password})
	if err != nil {
		return err
	}
	return k.order(http.MethodPut, "/projects/"+k.Projects[project]+"/users/"+id+"/roles/"+k.roles[role], nil, nil)
}

func (k *Keystone) addCredential() error {
	token, err := k.login("test", "tester", "testing")
	if err != nil {
		return err
	}
	var me struct {
		Token struct{ User struct{ ID string } }
	}
	if err := k.ask(http.MethodGet, "/auth/tokens", token, nil, &me); err != nil {
		return err
	}
	var made struct {
		Credential struct{ ID, Name, Secret string } `json:"application_credential"`
	}
	wish := map[string]any{"application_credential": map[string]any{"name": "marconi"}}
	err = k.ask(http.MethodPost, "/users/"+me.Token.User.ID+"/application_credentials", token, wish, &made)
	k.Credential = made.Credential
	return err
}

// addSwift puts the proxy at host into the catalogue. Its internal URL names the host otherwise than the public one.
func (k *Keystone) addSwift(host string) error {
	service, err := k.create("service", map[string]any{"type": "object-store", "name": "swift"})
	if err != nil {
		return err
	}
	if err := k.order(http.MethodPost, "/regions", map[string]any{"region": map[string]any{"id": OtherRegion}}, nil); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return err
	}
	for _, e := range []struct{ region, kind, host string }{
		{Region, "public", host},
		{Region, "internal", "localhost:" + port},
		{OtherRegion, "public", "127.0.0.1:1"},
	} {
		_, err := k.create("endpoint", map[string]any{"service_id": service, "interface": e.kind, "region_id": e.region,
			"url": "http://" + e.host + "/v1/AUTH_$(project_id)s"})
		if err != nil {
			return err
		}
	}
	return nil
}

// create makes a thing of a kind, and gives its id.
func (k *Keystone) create(kind string, thing map[string]any) (string, error) {
	var made map[string]struct{ ID string }
	err := k.order(http.MethodPost, "/"+kind+"s", map[string]any{kind: thing}, &made)
	return made[kind].ID, err
}

// login gives a token of a user for a project.
func (k *Keystone) login(project, user, password string) (string, error) {
	home := map[string]any{"id": "default"}
	wish := map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{
			"user": map[string]any{"name": user, "domain": home, "password": password}}},
		"scope": map[string]any{"project": map[string]any{"name": project, "domain": home}},
	}}
	header, err := k.send(http.MethodPost, "/auth/tokens", "", wish, nil)
	return header.Get("X-Subject-Token"), err
}

// order sends a request as the admin.
func (k *Keystone) order(method, path string, body, into any) error {
	return k.ask(method, path, k.token, body, into)
}

var errUnauthorized = errors.New("unauthorized")

func (k *Keystone) ask(method, path, token string, body, into any) error {
	_, err := k.send(method, path, token, body, into)
	return err
}

// send sends a request and reads the answer into a value, if there is one.
func (k *Keystone) send(method, path, token string, body, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, k.URL+path, &text)
	if err != nil {
		return nil, err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Auth-Token", token)
	if path == "/auth/tokens" {
		request.Header.Set("X-Subject-Token", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized {
		return nil, fmt.Errorf("%s %s: %w", method, path, errUnauthorized)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, said)
	}
	if into == nil {
		return response.Header, nil
	}
	return response.Header, json.Unmarshal(said, into)
}
