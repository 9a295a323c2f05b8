package rest

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/broker"
)

// resources are the hrefs of new messages.
func resources(t testing.TB, a answer) []string {
	t.Helper()
	var hrefs []string
	for _, href := range a.json(t)["resources"].([]any) {
		hrefs = append(hrefs, href.(string))
	}
	return hrefs
}

func TestPostMessages(t *testing.T) {
	s := serve(t)
	s.want(404, "POST", "/v1/queues/q/messages", `[{"ttl": 60, "body": 1}]`)
	s.want(201, "PUT", "/v1/queues/q", "ignored {")
	for _, tt := range []struct{ path, body, rest string }{
		{"/v1/queues/q/messages", `[{"ttl": 60, "body": 1}, {"ttl": 60, "body": null}]`, `,"partial":false}`},
		{"/v1.1/queues/new/messages", `{"messages": [{"body": 1}, {"body": null}]}`, `}`},
	} {
		a := s.want(201, "POST", tt.path, tt.body)
		hrefs := resources(t, a)
		if len(hrefs) != 2 || hrefs[0] == hrefs[1] {
			t.Fatalf("POST %s: resources %q", tt.path, hrefs)
		}
		ids := strings.TrimPrefix(hrefs[0], tt.path+"/") + "," + strings.TrimPrefix(hrefs[1], tt.path+"/")
		if got, want := a.header.Get("Location"), tt.path+"?ids="+ids; got != want {
			t.Errorf("POST %s: location %q, want %q", tt.path, got, want)
		}
		if want := fmt.Sprintf(`{"resources":["%s","%s"]%s`, hrefs[0], hrefs[1], tt.rest); a.body != want {
			t.Errorf("POST %s: body %s, want %s", tt.path, a.body, want)
		}
		s.want(200, "GET", a.header.Get("Location"), "")
	}
	s.want(404, "GET", "/v1/queues/none", "")
}

// Bodies come back byte for byte, whatever is in them, also when many are in the air at once: no buffer is shared.
func TestBodiesUntouched(t *testing.T) {
	s := serve(t)
	bodies := []string{
		`{"b":1,"a":[1.50,1E+5,-0,1e400]}`, `"<a> & 'b' \/ \u00e9 \ud800 é"`, `null`, "{ \t\"x\" :\r\n1 }", `{"a":1,"a":2}`, `9223372036854775807`,
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			path := fmt.Sprintf("/v1.1/queues/q%d/messages", worker)
			for i := range 40 {
				body := bodies[i%len(bodies)]
				if i%2 == 1 {
					body = fmt.Sprintf(`"%d %s"`, worker, strings.Repeat("x", i*i*worker))
				}
				a := s.want(201, "POST", path, `{"messages": [{"x": {}, "body": `+body+`}]}`)
				got := s.want(200, "GET", resources(t, a)[0], "").body
				if !strings.Contains(got, `"body":`+body+`}`) {
					t.Errorf("the body %.100q came back in %.200q", body, got)
				}
			}
		})
	}
	wg.Wait()
}

func TestListMessages(t *testing.T) {
	s := serve(t)
	for _, version := range []string{"/v1", "/v1.1"} {
		path := version + "/queues/q/messages"
		s.want(201, "PUT", version+"/queues/q", "", "X-Project-ID: "+version)
		project := "X-Project-ID: " + version
		post := `[{"ttl": 60, "body": 1}, {"ttl": 60, "body": 2}, {"ttl": 60, "body": 3}]`
		if version == "/v1.1" {
			post = `{"messages": ` + post + `}`
		}
		s.want(201, "POST", path, post, project)

		first := s.want(200, "GET", path+"?limit=2&x=1&echo=True", "", project)
		link := regexp.MustCompile(`"links":\[\{"rel":"next","href":"([^"]*)"\}\]\}$`).FindStringSubmatch(first.body)
		if link == nil || !regexp.MustCompile(`^`+path+`\?limit=2&echo=true&marker=[^&]+$`).MatchString(link[1]) {
			t.Fatalf("GET %s: link %q in %s", path, link, first.body)
		}
		second := s.want(200, "GET", link[1], "", project)
		if n := strings.Count(second.body, `"href"`); n != 2 || !strings.Contains(second.body, `?marker=`) || !strings.Contains(second.body, `&limit=2&echo=true"`) {
			t.Errorf("GET %s: %s", link[1], second.body)
		}

		empty := map[string]int{"/v1": 204, "/v1.1": 200}[version]
		for _, target := range []string{path, path + "?marker=sfhlsfdjh2048&echo=true", version + "/queues/none/messages"} {
			a := s.want(empty, "GET", target, "", project)
			if version == "/v1" && a.header.Get("Content-Location") != target {
				t.Errorf("GET %s: content location %q", target, a.header.Get("Content-Location"))
			}
			if version == "/v1.1" && (a.body != `{"messages":[],"links":[]}` || a.header["Content-Location"] != nil) {
				t.Errorf("GET %s: %s, content location %q", target, a.body, a.header["Content-Location"])
			}
		}
	}
}

func TestFindMessages(t *testing.T) {
	s := serve(t)
	location := s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"body": 2}]}`).header.Get("Location")
	v1 := strings.Replace(location, "v1.1", "v1", 1)

	if a := s.want(200, "GET", v1+",none&limit=x", "", noClient); !strings.HasPrefix(a.body, "[{") || a.header.Get("Content-Location") != v1+",none&limit=x" {
		t.Errorf("GET %s: %s", v1, a.body)
	}
	if a := s.want(200, "GET", location+",none", ""); !strings.HasPrefix(a.body, `{"messages":[{"id"`) || strings.Contains(a.body, "links") {
		t.Errorf("GET %s: %s", location, a.body)
	}
	for _, tt := range []struct {
		target string
		status int
	}{
		{"/v1/queues/q/messages?ids=a,b", 204},
		{"/v1.1/queues/q/messages?ids=a,b", 404},
		{"/v1.1/queues/none/messages?ids=a", 404},
		{"/v1/queues/q/messages?ids=,", 400},
		{"/v1/queues/q/messages?ids=" + strings.Repeat("a,", 20), 204},
		{"/v1/queues/q/messages?ids=" + strings.Repeat("a,", 21), 400},
		{"/v1.1/queues/q/messages?ids=" + strings.Repeat("a,", 21), 400},
		{"/v1/queues/q/messages/a", 404},
		{"/v1.1/queues/q/messages/;%20DROP%20TABLE%20queues", 404},
	} {
		s.want(tt.status, "GET", tt.target, "")
	}
}

func TestClaims(t *testing.T) {
	s := serve(t)
	a := s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"body": 2}]}`)
	hrefs := resources(t, a)

	claim := s.want(201, "POST", "/v1.1/queues/q/claims?limit=1", "")
	location := claim.header.Get("Location")
	id := strings.TrimPrefix(location, "/v1.1/queues/q/claims/")
	if want := hrefs[0] + "?claim_id=" + id; !strings.Contains(claim.body, `"href":"`+want+`"`) {
		t.Errorf("the claim %s doesn't name %s", claim.body, want)
	}
	if got := s.want(200, "GET", hrefs[0], "").body; !strings.Contains(got, "?claim_id="+id) {
		t.Errorf("1.1 shows a claimed message as %s", got)
	}
	if got := s.want(200, "GET", strings.Replace(hrefs[0], "v1.1", "v1", 1), "").body; strings.Contains(got, "claim_id") {
		t.Errorf("1.0 shows a claimed message as %s", got)
	}
	v1 := strings.Replace(location, "v1.1", "v1", 1)
	if got := s.want(200, "GET", v1+"?x=1", ""); got.header.Get("Content-Location") != v1+"?x=1" || !strings.Contains(got.body, `"href":"`+v1+`"`) {
		t.Errorf("GET %s: %s, content location %q", v1, got.body, got.header["Content-Location"])
	}

	for _, tt := range []struct {
		method, target, body string
		status               int
		title                string
	}{
		{"DELETE", hrefs[0], "", 403, "Unable to delete"},
		{"DELETE", hrefs[0] + "?claim_id=gone", "", 400, "Unable to delete"},
		{"DELETE", hrefs[1] + "?claim_id=" + id, "", 400, "Unable to delete"},
		{"DELETE", hrefs[1] + "?claim_id=,", "", 400, "Invalid parameter"},
		{"PATCH", location, "", 400, "Invalid request body"},
		{"PATCH", location, `{"ttl": 59}`, 400, "Invalid API request"},
		{"PATCH", "/v1.1/queues/q/claims/gone", `{"ttl": 59}`, 400, "Invalid API request"},
		{"PATCH", "/v1.1/queues/q/claims/gone", `{}`, 404, "Not found"},
		{"GET", "/v1.1/queues/q/claims/gone", "", 404, "Not found"},
		{"POST", "/v1.1/queues/q/claims?limit=x", "", 400, "Invalid parameter"},
		{"POST", "/v1.1/queues/q/claims?limit=21", "", 400, "Invalid API request"},
	} {
		if a := s.want(tt.status, tt.method, tt.target, tt.body); a.title(t) != tt.title {
			t.Errorf("%s %s %s: title %q, want %q", tt.method, tt.target, tt.body, a.title(t), tt.title)
		}
	}
	s.want(204, "PATCH", location, `{}`)
	if got := s.want(200, "GET", location, "").body; !strings.Contains(got, `"ttl":300`) {
		t.Errorf("a claim renewed without a TTL: %s", got)
	}
	s.want(204, "DELETE", hrefs[0]+"?claim_id="+id, "")
	s.want(404, "GET", location, "")
	s.want(204, "DELETE", location, "")
	s.want(204, "DELETE", hrefs[0]+"?claim_id="+id, "")
	if a := s.want(204, "POST", "/v1.1/queues/none/claims", ""); a.header["Location"] != nil {
		t.Errorf("a claim of nothing is at %q", a.header["Location"])
	}
}

func TestDeleteMessages(t *testing.T) {
	s := serve(t)
	post := func() string {
		return s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"body": 2}]}`).header.Get("Location")
	}
	location := post()
	v1 := "/v1/queues/q/messages"
	for _, tt := range []struct {
		target, title string
	}{
		{v1, "Missing parameter"},
		{v1 + "?pop=1", "Missing parameter"},
		{v1 + "?ids=" + strings.Repeat("a,", 21), "Invalid API request"},
		{"/v1.1/queues/q/messages", "Invalid API request"},
		{location + "&pop=1", "Invalid API request"},
		{"/v1.1/queues/q/messages?pop=0", "Invalid API request"},
		{"/v1.1/queues/q/messages?pop=21", "Invalid API request"},
		{"/v1.1/queues/q/messages?pop=-1", "Invalid API request"},
		{"/v1.1/queues/q/messages?pop=10000000000000000000", "Invalid API request"},
		{"/v1.1/queues/q/messages?pop=x", "Invalid parameter"},
		{"/v1.1/queues/q/messages?pop=,", "Invalid parameter"},
	} {
		if a := s.want(400, "DELETE", tt.target, ""); a.title(t) != tt.title {
			t.Errorf("DELETE %s: title %q, want %q", tt.target, a.title(t), tt.title)
		}
	}
	s.want(200, "GET", location, "")
	s.want(204, "DELETE", location+",none", "")
	s.want(404, "GET", location, "")
	s.want(204, "DELETE", location, "")

	post()
	popped := s.want(200, "DELETE", "/v1.1/queues/q/messages?pop=1", "").body
	if !regexp.MustCompile(`^\{"messages":\[\{"id":"[\w-]+","ttl":3600,"age":\d+,"body":1,"claim_count":0,"claim_id":null\}\]\}$`).MatchString(popped) {
		t.Errorf("popped %s", popped)
	}
	if a := s.want(200, "DELETE", "/v1.1/queues/none/messages?pop=2", ""); a.body != `{"messages":[]}` {
		t.Errorf("popped %s of a queue that isn't there", a.body)
	}
}

func TestDeleteNeedsClaims(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.DeleteNeedsClaims = true })
	location := s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}]}`).header.Get("Location")
	s.want(400, "DELETE", location, "")
	s.want(200, "GET", location, "")
	s.want(204, "DELETE", strings.Replace(location, "v1.1", "v1", 1), "")
	s.want(404, "GET", location, "")
}

func TestQueues(t *testing.T) {
	s := serve(t)
	if a := s.want(204, "GET", "/v1/queues?limit=2", ""); a.header["Content-Location"] != nil {
		t.Errorf("an empty list is at %q", a.header["Content-Location"])
	}
	if a := s.want(200, "GET", "/v1.1/queues", ""); a.body != `{"queues":[],"links":[]}` {
		t.Errorf("no queues: %s", a.body)
	}
	for _, name := range []string{"a", "b"} {
		path := "/v1.1/queues/" + name
		if a := s.want(201, "PUT", path, `{"n": "`+name+`"}`); a.header.Get("Location") != path || a.body != "" {
			t.Errorf("PUT %s: location %q, body %q", path, a.header.Get("Location"), a.body)
		}
		s.want(204, "PUT", path+"/", `{"n": 2}`)
	}
	target := "/v1/queues?limit=1&detailed=true"
	a := s.want(200, "GET", target, "")
	want := `{"queues":[{"name":"a","href":"/v1/queues/a","metadata":{"n": "a"}}],"links":[{"rel":"next","href":"/v1/queues?limit=1&detailed=true&marker=a"}]}`
	if diff := cmp.Diff(want, a.body); diff != "" || a.header.Get("Content-Location") != target {
		t.Errorf("GET %s (-want +got):\n%s at %q", target, diff, a.header["Content-Location"])
	}
	for _, tt := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/v1/queues?limit=0", "", 400}, {"GET", "/v1.1/queues?limit=21", "", 400}, {"GET", "/v1.1/queues?limit=x", "", 400},
		{"GET", "/v1.1/queues?detailed=2", "", 400}, {"GET", "/v1/queues?marker=zzz", "", 204},
		{"HEAD", "/v1/queues/a", "", 204}, {"HEAD", "/v1/queues/none", "", 404}, {"HEAD", "/v1.1/queues/a", "", 405},
		{"PUT", "/v1.1/queues/c", `[]`, 400}, {"PUT", "/v1.1/queues/c", `  `, 400}, {"PUT", "/v1.1/queues/c", `{"_default_message_ttl": 59}`, 400},
		{"PUT", "/v1/queues/a/metadata", `{"_x": 1}`, 400}, {"PUT", "/v1/queues/none/metadata", `{"_x": 1}`, 400},
		{"PUT", "/v1/queues/none/metadata", `{}`, 404}, {"GET", "/v1/queues/none/metadata", "", 404},
		{"PUT", "/v1/queues/a/metadata", "", 400}, {"GET", "/v1/queues/none/stats", "", 404},
		{"DELETE", "/v1/queues/b", "", 204}, {"DELETE", "/v1/queues/b", "", 204},
	} {
		s.want(tt.status, tt.method, tt.target, tt.body)
	}
	if a := s.want(204, "PUT", "/v1/queues/a/metadata", `{"é": "<>"}`); a.header.Get("Location") != "/v1/queues/a/metadata" {
		t.Errorf("metadata are at %q", a.header.Get("Location"))
	}
	if a := s.want(200, "GET", "/v1/queues/a/metadata", ""); a.body != `{"é": "<>"}` || a.header.Get("Content-Location") != "/v1/queues/a/metadata" {
		t.Errorf("metadata came back as %s at %q", a.body, a.header["Content-Location"])
	}
	if a := s.want(200, "GET", "/v1.1/queues/none", ""); a.body != `{}` {
		t.Errorf("the metadata of no queue are %s", a.body)
	}
	if a := s.want(200, "GET", "/v1.1/queues/none/stats", ""); a.body != `{"messages":{"claimed":0,"free":0,"total":0}}` {
		t.Errorf("the stats of no queue are %s", a.body)
	}
	if a := s.want(200, "GET", "/v1/queues/a/stats?x", ""); a.header.Get("Content-Location") != "/v1/queues/a/stats" {
		t.Errorf("stats are at %q", a.header["Content-Location"])
	}
}

// The global scope of 1.0 and the projects don't see each other.
func TestGlobalScope(t *testing.T) {
	s := serve(t)
	s.want(201, "PUT", "/v1/queues/global", "", noProject)
	s.want(204, "GET", "/v1/queues/global", "", noProject)
	s.want(404, "GET", "/v1/queues/global", "")
	s.want(204, "GET", "/v1/queues", "")
}

func TestHome(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/v1/", "/v1.1/"} {
		a := s.want(200, "GET", path, "")
		if a.header.Get("Content-Type") != "application/json-home" || a.header.Get("Cache-Control") != "max-age=86400" {
			t.Errorf("GET %s: type %q, cache %q", path, a.header["Content-Type"], a.header["Cache-Control"])
		}
		if _, found := a.json(t)["resources"].(map[string]any)["rel/queue"]; !found || strings.Contains(a.body, "pools") {
			t.Errorf("GET %s: %s", path, a.body)
		}
	}
}

func TestHealth(t *testing.T) {
	s := serve(t, func(c *Config, _ *broker.Config) { c.AdminMode = true })
	s.want(201, "POST", "/v1.1/queues/q/messages", `{"messages": [{"body": 1}, {"body": 2}]}`)
	s.want(201, "POST", "/v1.1/queues/q/claims?limit=1", "")
	for _, path := range []string{"/v1/health", "/v1.1/ping"} {
		s.want(204, "GET", path, "")
		s.want(204, "HEAD", path, "")
	}
	a := s.want(200, "GET", "/v1.1/health", "")
	report := a.json(t)
	want := map[string]any{"free": 1.0, "claimed": 1.0, "total": 2.0}
	if diff := cmp.Diff(want, report["message_volume"]); diff != "" || report["storage_reachable"] != true {
		t.Errorf("the report is %s; volume (-want +got):\n%s", a.body, diff)
	}
	steps, _ := report["operation_status"].(map[string]any)
	if len(steps) != 8 {
		t.Errorf("the report has the steps %v", steps)
	}
	form := regexp.MustCompile(`"create_queue":\{"succeeded":true,"seconds":\d+\.\d+,"ref":null\}`)
	if !form.MatchString(a.body) {
		t.Errorf("the report %s has no %s", a.body, form)
	}
}

func TestAppendOperationFailed(t *testing.T) {
	got := string(appendOperation(nil, broker.OperationStatus{Name: "delete_queue", Took: 1500000, Ref: "r"}))
	if want := `"delete_queue":{"succeeded":false,"seconds":0.001500,"ref":"r"}`; got != want {
		t.Errorf("a failed step shows as %s, want %s", got, want)
	}
}
