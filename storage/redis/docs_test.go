//go:build unix

package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/marconi-mq/marconi"
	"github.com/marconi-mq/marconi/internal/testservices"
	"github.com/marconi-mq/marconi/storage"
)

// docsPage is what users read about this driver.
func docsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "drivers", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestTheDocsNameEveryOption(t *testing.T) {
	var rows []string
	_, table, _ := strings.Cut(docsPage(t), "\n| option | default | |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` ").FindAllStringSubmatch(table, -1) {
		rows = append(rows, row[1])
	}
	var names []string
	for _, o := range uriOptions() {
		names = append(names, o.name)
	}
	if !slices.Equal(rows, names) {
		t.Errorf("the page has the options\n%v, the driver\n%v", rows, names)
	}
}

// docsUser is the user's line in the documentation, for a server; its password is PASSWORD there.
func docsUser(t *testing.T, server *testservices.Redis) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^user marconi on .*$`).FindAllString(docsPage(t), -1)
	if len(found) != 1 {
		t.Fatalf("the page has %d lines of a user, want 1: %q", len(found), found)
	}
	rules := strings.Fields(found[0])[2:] // behind the name
	if !server.AtLeast(6, 2) {
		rules = slices.DeleteFunc(rules, func(r string) bool { return strings.HasPrefix(r, "&") })
	}
	return rules
}

// docsRules are those which the page's list adds for one purpose.
func docsRules(t *testing.T, purpose string) []string {
	t.Helper()
	row := regexp.MustCompile("(?m)^- " + regexp.QuoteMeta(purpose) + ": `([^`]+)`").FindStringSubmatch(docsPage(t))
	if row == nil {
		t.Fatalf("the page adds no rules for %q", purpose)
	}
	return strings.Fields(row[1])
}

// versionRules are those which the page's list adds for some versions.
func versionRules(t *testing.T, server *testservices.Redis) []string {
	t.Helper()
	if server.AtLeast(7, 0) && !server.AtLeast(7, 2) {
		return nil
	}
	return docsRules(t, "all versions but 7.0")
}

// allow makes a user of these rules.
func allow(server *testservices.Redis, user string, rules ...string) {
	server.Do(append([]string{"ACL", "SETUSER", user, "reset"}, rules...)...)
}

// denied are the commands, keys and channels that were kept from a user.
func denied(server *testservices.Redis, user string) []string {
	var all []string
	for _, entry := range server.Do("ACL", "LOG", "100").([]any) {
		if about := pairs(entry.([]any)); about["username"] == user {
			all = append(all, fmt.Sprintf("%v %v", about["reason"], about["object"]))
		}
	}
	return all
}

// smoke opens a store and calls all there is, once with scripts that the servers do not know.
func smoke(t *testing.T, uri string, servers ...*testservices.Redis) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	opened, err := Open(ctx, uri, storage.Options{})
	if err != nil {
		return err
	}
	defer mustClose(t, opened)
	for _, one := range servers {
		one.Do("SCRIPT", "FLUSH")
	}
	f := &fixture{dataStore: opened.Data.(*dataStore), t: t, opened: opened, q: newQueue("p", "q")}
	operations, err := f.tryOperations(ctx)
	if err != nil {
		return err
	}
	if err := allOf(ctx, operations); err != nil {
		return err
	}
	return f.expireAll(ctx)
}

// tryOperations is [fixture.operations] where posts and claims may fail.
func (f *fixture) tryOperations(ctx context.Context) ([]operation, error) {
	p := marconi.Post{Client: poster, Messages: posted(40, 600)} // more than a block
	if _, err := f.Post(ctx, f.q, p); err != nil {
		return nil, err
	}
	c := marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 600, Limit: 4}
	got, err := f.Claim(ctx, f.q, c)
	if err != nil {
		return nil, err
	}
	if len(got.Messages) != c.Limit {
		return nil, fmt.Errorf("a claim got %d messages", len(got.Messages))
	}
	return append(f.consuming(c.ID, got.Messages), f.managing()...), nil
}

// expireAll lets claims, delays and messages end, as scripts do it that find them over.
func (f *fixture) expireAll(ctx context.Context) error {
	q := newQueue("p", "ending")
	for _, m := range []marconi.NewMessage{{TTL: 1, Body: []byte("1")}, {TTL: 60, Delay: 1, Body: []byte("2")}, {TTL: 60, Body: []byte("3")}} {
		if _, err := f.Post(ctx, q, marconi.Post{Client: poster, Messages: []marconi.NewMessage{m}}); err != nil {
			return err
		}
	}
	if _, err := f.Claim(ctx, q, marconi.ClaimRequest{ID: marconi.ClaimID(randomHex(16)), TTL: 1, Limit: 2}); err != nil {
		return err
	}
	time.Sleep(1100 * time.Millisecond)
	for range 3 {
		if _, err := f.Stats(ctx, q); err != nil {
			return err
		}
	}
	if _, err := f.Pop(ctx, q, 5); err != nil {
		return err
	}
	return f.note(ctx, q, 1_209_600)
}

// TestTheUserOfTheDocs starts a server with the very line of the documentation, and looks whether that user may do all that is
// needed.
func TestTheUserOfTheDocs(t *testing.T) {
	t.Parallel()
	probe := testservices.StartRedis(t)
	lines := "user default on nopass ~* &* +@all\nuser marconi " + strings.Join(docsUser(t, probe), " ") + "\n"
	if !probe.AtLeast(6, 2) {
		lines = strings.Replace(lines, " &*", "", 1)
	}
	list := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(list, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	server := testservices.StartRedis(t, "--aclfile", list)
	server.Do(append([]string{"ACL", "SETUSER", "marconi"}, versionRules(t, server)...)...)
	wantSmooth(t, userAt(server.Address), server)
}

func userAt(addresses string) string { return "redis://marconi:PASSWORD@" + addresses }

// mustControl is the control store at a URI.
func mustControl(t *testing.T, uri string) marconi.ControlStore {
	t.Helper()
	opened := mustOpenAt(t, uri, storage.Options{})
	t.Cleanup(func() { mustClose(t, opened) })
	return opened.Control
}

func wantSmooth(t *testing.T, uri string, servers ...*testservices.Redis) {
	t.Helper()
	if err := smoke(t, uri, servers...); err != nil {
		t.Errorf("as the documentation's user: %v", err)
	}
	for _, one := range servers {
		if kept := denied(one, "marconi"); len(kept) > 0 {
			t.Errorf("the documentation's user was kept from %v", kept)
		}
	}
}

// TestEachRuleOfTheDocsIsNeeded leaves out one after the other.
func TestEachRuleOfTheDocsIsNeeded(t *testing.T) {
	t.Parallel()
	rules := docsUser(t, testservices.StartRedis(t))
	for i, rule := range rules {
		if !strings.ContainsAny(rule[:1], "+~&") {
			continue
		}
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			server := testservices.StartRedis(t)
			allow(server, "marconi", slices.Delete(slices.Clone(rules), i, i+1)...)
			before := denied(server, "marconi")
			err := smoke(t, userAt(server.Address), server)
			if err == nil && len(denied(server, "marconi")) <= len(before) {
				t.Errorf("all goes well without %s", rule)
			}
		})
	}
}

// TestWhatElseTheDocsAllow adds to the user what the page's list says, where that is needed.
func TestWhatElseTheDocsAllow(t *testing.T) {
	t.Parallel()
	with := func(servers []*testservices.Redis, purpose string) {
		t.Helper()
		for _, one := range servers {
			allow(one, "marconi", slices.Concat(docsUser(t, one), docsRules(t, purpose), versionRules(t, one))...)
		}
	}
	t.Run("dbid", func(t *testing.T) {
		server := testservices.StartRedis(t)
		with([]*testservices.Redis{server}, "`dbid=`")
		wantSmooth(t, userAt(server.Address)+"?dbid=3", server)
	})
	t.Run("replicas", func(t *testing.T) {
		primary := testservices.StartRedis(t)
		startReplica(t, primary)
		with([]*testservices.Redis{primary}, "`durability=replicas`")
		wantSmooth(t, userAt(primary.Address)+"?durability=replicas", primary)
	})
	t.Run("aof", func(t *testing.T) {
		server := testservices.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
		if !server.AtLeast(7, 2) {
			t.Skip("this Redis has no WAITAOF")
		}
		with([]*testservices.Redis{server}, "`durability=aof`")
		wantSmooth(t, userAt(server.Address)+"?durability=aof", server)
	})
	t.Run("sentinel", func(t *testing.T) {
		s := testservices.StartSentinel(t, testservices.SentinelOptions{})
		with(s.Servers, "`master=`")
		if !s.Servers[0].AtLeast(6, 2) {
			wantSmooth(t, userAt(s.Addresses())+"?master="+testservices.MasterName, s.Servers...)
			return // its sentinels have no users
		}
		for _, one := range s.Sentinels {
			rules := slices.Concat([]string{"on", ">PASSWORD"}, docsRules(t, "the sentinels' own user"), versionRules(t, one))
			allow(one, "watcher", rules...)
		}
		uri := userAt(s.Addresses()) + "?master=" + testservices.MasterName + "&sentinel_username=watcher&sentinel_password=PASSWORD"
		wantSmooth(t, uri, s.Servers...)
		for _, one := range s.Sentinels {
			if kept := denied(one, "watcher"); len(kept) > 0 {
				t.Errorf("the documentation's user was kept from %v", kept)
			}
		}
	})
	t.Run("cluster", func(t *testing.T) {
		c := testservices.StartCluster(t)
		with(c.Nodes, "`cluster=true`")
		slot := c.Slot("mq1:{admin}:id")
		from, to := c.BeginMigration(slot) // what isn't there yet is made at its new place
		if _, err := mustControl(t, userAt(c.Addresses())+"?cluster=true").ID(t.Context()); err != nil {
			t.Errorf("ID in a slot that moves: %v", err)
		}
		c.EndMigration(slot, from, to)
		wantSmooth(t, userAt(c.Addresses())+"?cluster=true", c.Nodes...)
	})
}
