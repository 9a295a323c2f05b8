//go:build unix

package command

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
)

// Where queues and the index are follows from what is said about Swift, and a server that could lose messages does not start.
func TestSwift(t *testing.T) {
	swift := testservices.StartSwift(t, testservices.SwiftOptions{})
	redis := testservices.StartRedis(t).Address
	const place = "swift://tester:***@"
	there := swift.StorageURI[strings.Index(swift.StorageURI, "@")+1:]
	for _, row := range []struct {
		name         string
		options      string // of the store
		control      string
		data, queues string // where the server says they are
		files        []string
	}{
		{"alone", "", "", place + there, "sqlite:///HOME/marconi/marconi.db", []string{"marconi-swift.db", "marconi.db"}},
		{"with an index", "&prefix=i&index=sqlite:///HOME/i.db", "", place + there + "&prefix=i&index=sqlite:///HOME/i.db", "sqlite:///HOME/i.db", nil},
		{"with Redis", "&prefix=r&index=redis://" + redis, "", place + there + "&prefix=r&index=redis://" + redis, "redis://" + redis, nil},
		{"nothing but Swift", "&prefix=n&index=none", swift.StorageURI + "&prefix=n", place + there + "&prefix=n&index=none", place + there + "&prefix=n", nil},
		{"nothing but Swift, in short", "&prefix=s&index=none", "", place + there + "&prefix=s&index=none", place + there + "&prefix=s&index=none", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			home := t.TempDir()
			at := strings.NewReplacer("HOME", home)
			args := []string{"--listen", "127.0.0.1:0", "--store", at.Replace(swift.StorageURI + row.options)}
			if row.control != "" {
				args = append(args, "--control-store", row.control)
			}
			p := start(t, []string{"XDG_DATA_HOME=" + home}, args...)
			post := p.base(t) + "/v1.1/queues/jobs/messages"
			for range 2 { // the second is by a queue that is there
				wantPosted(t, post, fmt.Sprintf(`{"messages": [{"ttl": 300, "body": %q}]}`, strings.Repeat("x", 3000)))
			}
			said := p.err.String()
			if !strings.Contains(said, at.Replace("messages in "+row.data+"\n")) || !strings.Contains(said, at.Replace("queues in   "+row.queues+"\n")) {
				t.Errorf("it says\n%s\nwant messages in %s, queues in %s", said, row.data, row.queues)
			}
			for _, name := range row.files {
				if _, err := os.Stat(filepath.Join(home, "marconi", name)); err != nil {
					t.Error(err)
				}
			}
			if strings.Contains(said, "testing") {
				t.Errorf("it tells the key: %s", said)
			}
		})
	}
	t.Run("an index that was lost, and one of another account", func(t *testing.T) {
		home := t.TempDir()
		lost, other := swift.StorageURI, strings.Replace(strings.Replace(swift.StorageURI, "testing", "testing2", 1), "/test?", "/other?", 1)
		begin := func(account string, more ...string) *process {
			args := []string{"--listen", "127.0.0.1:0", "--store", account + "&prefix=lost&index=sqlite:///" + filepath.Join(home, "index.db")}
			return start(t, []string{"XDG_DATA_HOME=" + home}, append(args, more...)...)
		}
		post := func(p *process) {
			wantPosted(t, p.base(t)+"/v1.1/queues/jobs/messages", fmt.Sprintf(`{"messages": [{"ttl": 300, "body": %q}]}`, strings.Repeat("x", 3000)))
			p.stop()
			p.wait(t)
		}
		post(begin(lost))
		post(begin(lost))
		files, err := filepath.Glob(filepath.Join(home, "index*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("the index is in %v, %v", files, err)
		}
		for _, name := range files {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		p := begin(lost)
		post(p)
		if said := p.err.String(); strings.Count(said, "bodies of another") != 1 {
			t.Errorf("a server with a new index says\n%s\nwant a warning", said)
		}
		p = begin(other)
		status, said := p.wait(t), p.err.String()
		if status != unusable || !strings.Contains(said, "lost-segments-") || !strings.Contains(said, "--adopt-data") || strings.Contains(said, "testing") ||
			strings.Count(said, "\n") != 1 {
			t.Errorf("exit status %d, it says\n%s\nwant %d and a sentence about --adopt-data", status, said, unusable)
		}
		post(begin(other, "--adopt-data"))
		post(begin(other))
	})
	t.Run("no index beside queues in Swift", func(t *testing.T) {
		p := start(t, []string{"XDG_DATA_HOME=" + t.TempDir()}, "--listen", "127.0.0.1:0", "--store", swift.StorageURI, "--control-store", swift.StorageURI)
		status, said := p.wait(t), p.err.String()
		if status != unusable || !strings.Contains(said, "index=none") || strings.Contains(said, "testing") || strings.Count(said, "\n") != 1 {
			t.Errorf("exit status %d, it says\n%s\nwant %d and a sentence about index=none", status, said, unusable)
		}
	})
}

// Keystone is logged in to by what a URI says, or by what a file of OpenStack's does.
func TestSwiftWithKeystone(t *testing.T) {
	k := testservices.StartKeystone(t, testservices.KeystoneOptions{})
	testservices.StartSwift(t, testservices.SwiftOptions{Keystone: k})
	file := func(text string) []string { return []string{"--config-file", write(t, "zaqar.conf", text)} }
	for name, args := range map[string][]string{
		"password": {"--store", "swift://tester:testing@" + k.Host + "/test?index=none&prefix=password"},
		"password, auth_url": {"--store", "swift://tester:testing@/test?index=none&prefix=url&region_name=" + testservices.Region +
			"&auth_url=" + url.QueryEscape(k.URL)},
		"application credential": {"--store", "swift://" + k.Host + "?application_credential_id=" + k.Credential.ID +
			"&application_credential_secret=" + k.Credential.Secret + "&index=none&prefix=credential"},
		"a file of OpenStack's": file("[drivers]\nmessage_store = swift\nmanagement_store = swift\n[drivers:message_store:swift]\n" +
			"uri = swift://tester:testing@/test?index=none&prefix=file\nauth_url = " + k.URL + "\nuser_domain_name = Default\nproject_domain_id = default\n" +
			"interface = internalURL\nregion_name = " + testservices.Region + "\n[drivers:management_store:swift]\n" +
			"uri = swift://tester:testing@/test?prefix=file\nauth_url = " + k.URL + "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, []string{"XDG_DATA_HOME=" + t.TempDir()}, append(args, "--listen", "127.0.0.1:0")...)
			wantPosted(t, p.base(t)+"/v1.1/queues/jobs/messages", `{"messages": [{"ttl": 300, "body": 1}]}`)
			if said := p.err.String(); strings.Contains(said, "testing") || strings.Contains(said, k.Credential.Secret) {
				t.Errorf("it tells the key: %s", said)
			}
		})
	}
	t.Run("a wrong password", func(t *testing.T) {
		p := start(t, []string{"XDG_DATA_HOME=" + t.TempDir()}, "--listen", "127.0.0.1:0", "--store", "swift://tester:Hunter2@"+k.Host+"/test?index=none")
		status, said := p.wait(t), p.err.String()
		if status != unusable || !strings.Contains(said, "check user, key, project") || strings.Contains(said, "Hunter2") {
			t.Errorf("exit status %d, it says\n%s\nwant %d and what to check", status, said, unusable)
		}
	})
}

func wantPosted(t *testing.T, to, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Client-ID", "3381af92-2b9e-11e3-b191-71861300734c")
	r.Header.Set("X-Project-ID", "demo")
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("POST %s = %s", to, answer.Status)
	}
}
