package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/marconi-mq/marconi/client"
)

func TestRoundTripOfQueues(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		metadata := json.RawMessage(`{"colour": "<red>", "n": 1e400}`)
		created, err := q.Create(ctx, metadata)
		ok(t, err)
		again, err := q.Create(ctx, json.RawMessage(`{}`))
		ok(t, err)
		if !created || again {
			t.Errorf("Create = %v, then %v; want true, false", created, again)
		}
		got, err := q.Metadata(ctx)
		if err != nil || string(got) != string(metadata) {
			t.Errorf("Metadata = %s, %v; want %s", got, err, metadata)
		}

		for _, name := range []string{"a", "joba", "jobr", "jobs-", "z"} {
			_, err := c.Queue(name).Create(ctx, nil)
			ok(t, err)
		}
		for name, want := range map[string]bool{"a": true, "jobr": true, "jobs": true, "jobs-": true, "job": false, "jobt": false, "zz": false, "-": false} {
			if got, err := c.Queue(name).Exists(ctx); err != nil || got != want {
				t.Errorf("Exists of %s = %v, %v; want %v", name, got, err, want)
			}
		}
		var listed []string
		for entry, err := range c.Queues(ctx, client.QueueListing{Limit: 2, Detailed: true}) {
			ok(t, err)
			listed = append(listed, entry.Name)
			if entry.Name == "jobs" && string(entry.Metadata) != string(metadata) {
				t.Errorf("metadata in the listing are %s, want %s", entry.Metadata, metadata)
			}
		}
		if want := []string{"a", "joba", "jobr", "jobs", "jobs-", "z"}; !slices.Equal(listed, want) {
			t.Errorf("Queues = %v, want %v", listed, want)
		}

		ok(t, q.Delete(ctx))
		ok(t, q.Delete(ctx))
		if there, err := q.Exists(ctx); err != nil || there {
			t.Errorf("Exists after Delete = %v, %v; want false", there, err)
		}
		_, err = c.Queue("not a name").Create(ctx, nil)
		wantErr(t, "Create under a bad name", err, client.ErrBadRequest)
	})
}

func TestRoundTripOfSetMetadata(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		_, err := q.Create(ctx, nil)
		ok(t, err)
		err = q.SetMetadata(ctx, json.RawMessage(`{"a": 1}`))
		if c.Version() != client.V1 {
			wantErr(t, "SetMetadata", err, client.ErrNotInVersion)
			return
		}
		ok(t, err)
		if got, err := q.Metadata(ctx); err != nil || string(got) != `{"a": 1}` {
			t.Errorf("Metadata = %s, %v", got, err)
		}
		wantErr(t, "SetMetadata of no queue", c.Queue("none").SetMetadata(ctx, json.RawMessage(`{}`)), client.ErrNotFound)
		wantErr(t, "SetMetadata to a number", q.SetMetadata(ctx, json.RawMessage(`1`)), client.ErrBadRequest)
	})
}

func TestRoundTripOfMessages(t *testing.T) {
	eachVersion(t, func(t *testing.T, writer, reader *client.Client) {
		ctx := t.Context()
		w, r := writer.Queue("jobs"), reader.Queue("jobs")
		_, err := w.Create(ctx, nil)
		ok(t, err)
		ids := post(t, w, 1, 2, 3, 4, 5)

		m, err := r.Message(ctx, ids[2])
		ok(t, err)
		if m.ID != ids[2] || string(m.Body) != "3" || m.TTL != 5*time.Minute || m.Age < 0 || m.Age > time.Minute || m.Href == "" {
			t.Errorf("Message = %+v", m)
		}
		some, err := r.MessagesByID(ctx, ids[4], "nonexistent", ids[0])
		ok(t, err)
		wantBodies(t, "MessagesByID", some, "5", "1")
		some, err = r.MessagesByID(ctx, "nonexistent")
		ok(t, err)
		wantBodies(t, "MessagesByID of none", some)

		var listed []client.Message
		for m, err := range r.Messages(ctx, client.MessageListing{Limit: 2}) {
			ok(t, err)
			listed = append(listed, m)
		}
		wantBodies(t, "Messages", listed, "1", "2", "3", "4", "5")
		own, err := w.MessagePage(ctx, client.MessageListing{})
		ok(t, err)
		wantBodies(t, "the writer's own listing", own.Items)
		echo, err := w.MessagePage(ctx, client.MessageListing{Echo: true, Limit: 4})
		ok(t, err)
		wantBodies(t, "the writer's listing with echo", echo.Items, "1", "2", "3", "4")
		rest, err := w.MessagePage(ctx, client.MessageListing{Echo: true, Marker: echo.Marker})
		ok(t, err)
		wantBodies(t, "the page behind it", rest.Items, "5")

		ok(t, w.DeleteMessage(ctx, ids[0], ""))
		ok(t, w.DeleteMessage(ctx, ids[0], ""))
		ok(t, w.DeleteMessages(ctx, ids[1], ids[2], "nonexistent"))
		_, err = r.Message(ctx, ids[0])
		wantErr(t, "Message that was deleted", err, client.ErrNotFound)
		s, err := r.Stats(ctx)
		ok(t, err)
		if s.Free != 2 || s.Claimed != 0 || s.Total != 2 || s.Oldest == nil || s.Oldest.ID != ids[3] || s.Newest == nil || s.Newest.ID != ids[4] {
			t.Errorf("Stats = %+v, want 2 free ones, %s to %s", s, ids[3], ids[4])
		} else if age := time.Since(s.Newest.Created); age < -time.Second || age > time.Minute {
			t.Errorf("the newest message was created %v ago", age)
		}
	})
}

func TestRoundTripOfRefusedPosts(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		_, err := q.Post(ctx, client.NewMessage{})
		if c.Version() == client.V1 {
			wantErr(t, "Post to no queue", err, client.ErrNotFound)
		} else {
			ok(t, err)
		}
		_, err = q.Post(ctx)
		wantErr(t, "Post of nothing", err, client.ErrBadRequest)
		_, err = q.Post(ctx, client.NewMessage{TTL: time.Second})
		wantErr(t, "Post with a short TTL", err, client.ErrBadRequest)
		_, err = q.Post(ctx, client.NewMessage{Body: json.RawMessage(`"` + strings.Repeat("x", 1<<18) + `"`)})
		wantErr(t, "Post that is too long", err, client.ErrBadRequest)
		_, err = q.MessagePage(ctx, client.MessageListing{Limit: 21})
		wantErr(t, "MessagePage of 21", err, client.ErrBadRequest)
	})
}

func TestRoundTripOfClaims(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, other *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		empty, err := q.Claim(ctx, client.ClaimRequest{})
		ok(t, err)
		if empty.ID != "" || len(empty.Messages) > 0 {
			t.Errorf("Claim of no queue = %+v, want nothing", empty)
		}
		ok(t, empty.Release(ctx))
		_, err = q.Create(ctx, nil)
		ok(t, err)
		ids := post(t, q, 1, 2, 3)

		claim, err := q.Claim(ctx, client.ClaimRequest{TTL: 10 * time.Minute, Grace: time.Minute, Limit: 2})
		ok(t, err)
		wantBodies(t, "Claim", claim.Messages, "1", "2")
		if m := claim.Messages[0]; claim.ID == "" || claim.TTL != 10*time.Minute || m.ID != ids[0] || m.Claim != claim.ID || m.TTL != 11*time.Minute {
			t.Errorf("Claim = %+v", claim)
		}
		seen, err := other.Queue("jobs").MessagePage(ctx, client.MessageListing{})
		ok(t, err)
		wantBodies(t, "a listing of the free ones", seen.Items, "3")
		seen, err = other.Queue("jobs").MessagePage(ctx, client.MessageListing{IncludeClaimed: true})
		ok(t, err)
		wantBodies(t, "a listing of all", seen.Items, "1", "2", "3")

		wantErr(t, "DeleteMessage of a claimed one", q.DeleteMessage(ctx, ids[0], ""), client.ErrForbidden)
		wantErr(t, "DeleteMessage of a free one with a claim", claim.Delete(ctx, ids[2]), client.ErrBadRequest)
		ok(t, claim.Delete(ctx, ids[0]))
		ok(t, claim.Update(ctx, client.ClaimUpdate{TTL: 2 * time.Minute, Grace: time.Minute}))
		fetched, err := q.ClaimByID(ctx, claim.ID)
		ok(t, err)
		if fetched.ID != claim.ID || fetched.TTL != 2*time.Minute || fetched.Age > time.Minute {
			t.Errorf("ClaimByID = %+v, want a TTL of 2m", fetched)
		}
		wantBodies(t, "ClaimByID", fetched.Messages, "2")

		ok(t, fetched.Release(ctx))
		ok(t, fetched.Release(ctx))
		_, err = q.ClaimByID(ctx, claim.ID)
		wantErr(t, "ClaimByID of a released one", err, client.ErrNotFound)
		wantErr(t, "Update of a released one", claim.Update(ctx, client.ClaimUpdate{}), client.ErrNotFound)
		wantErr(t, "Delete with a released one", claim.Delete(ctx, ids[1]), client.ErrBadRequest)
		all, err := other.Queue("jobs").Claim(ctx, client.ClaimRequest{})
		ok(t, err)
		wantBodies(t, "Claim after the release", all.Messages, "2", "3")
	})
}

func TestRoundTripOfPop(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		_, err := q.Create(ctx, nil)
		ok(t, err)
		post(t, q, 1, 2, 3)
		popped, err := q.Pop(ctx, 2)
		if c.Version() == client.V1 {
			wantErr(t, "Pop", err, client.ErrNotInVersion)
			return
		}
		ok(t, err)
		wantBodies(t, "Pop", popped, "1", "2")
		popped, err = q.Pop(ctx, 0)
		ok(t, err)
		wantBodies(t, "Pop of one", popped, "3")
		popped, err = q.Pop(ctx, 1)
		ok(t, err)
		wantBodies(t, "Pop of none", popped)
		_, err = q.Pop(ctx, 21)
		wantErr(t, "Pop of 21", err, client.ErrBadRequest)
	})
}

func TestRoundTripOfService(t *testing.T) {
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx := t.Context()
		ok(t, c.Ping(ctx))
		home, err := c.Home(ctx)
		ok(t, err)
		if r := home.Resources["rel/claim"]; r.HrefTemplate == "" || len(r.Hints.Allow) == 0 {
			t.Errorf("Home has rel/claim as %+v", r)
		}
		versions, err := c.Versions(ctx)
		ok(t, err)
		if !slices.ContainsFunc(versions, func(v client.VersionInfo) bool { return v.ID == "1.1" && len(v.Links) == 1 }) {
			t.Errorf("Versions = %+v, want 1.1 among them", versions)
		}
		health, err := c.Health(ctx)
		if c.Version() == client.V1 {
			wantErr(t, "Health", err, client.ErrNotInVersion)
			return
		}
		ok(t, err)
		if s := health.Stores[""]; health.Pooled || !s.Reachable || !s.Operations["post_messages"].Succeeded {
			t.Errorf("Health = %+v", health)
		}
	})
}

// Without a project API v1.0 has a scope of its own, and API v1.1 refuses.
func TestRoundTripWithoutProject(t *testing.T) {
	dial := connect(t)
	ctx := t.Context()
	global := dial(client.Config{Version: client.V1})
	_, err := global.Queue("jobs").Create(ctx, nil)
	ok(t, err)
	if there, err := dial(client.Config{Version: client.V1, Project: "p1"}).Queue("jobs").Exists(ctx); err != nil || there {
		t.Errorf("Exists in a project = %v, %v; want false", there, err)
	}
	_, err = dial(client.Config{}).Queue("jobs").Create(ctx, nil)
	wantErr(t, "Create in API v1.1 without a project", err, client.ErrBadRequest)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Title == "" || refused.Description == "" {
		t.Errorf("the refusal has no words: %+v", refused)
	}
}

// Whatever JSON is posted comes back byte for byte, in every way that messages are read.
func TestRoundTripKeepsBytes(t *testing.T) {
	texts := []string{`null`, `""`, `0`, `-0.0`, `1e400`, `1.0`, `{}`, `[]`, `{"b": 1,  "a": 2, "b": 3}`, `"\ud800"`, `"<>&"`, `"é汉\u0000"`, `[[[[]]]]`, "\"\x7f\""}
	eachVersion(t, func(t *testing.T, writer, reader *client.Client) {
		ctx := t.Context()
		_, err := writer.Queue("jobs").Create(ctx, nil)
		ok(t, err)
		var messages []client.NewMessage
		for _, text := range texts {
			messages = append(messages, client.NewMessage{Body: json.RawMessage(text)})
		}
		ids, err := writer.Queue("jobs").Post(ctx, messages...)
		ok(t, err)

		q := reader.Queue("jobs")
		page, err := q.MessagePage(ctx, client.MessageListing{Limit: 20})
		ok(t, err)
		wantBodies(t, "MessagePage", page.Items, texts...)
		many, err := q.MessagesByID(ctx, ids...)
		ok(t, err)
		wantBodies(t, "MessagesByID", many, texts...)
		claim, err := q.Claim(ctx, client.ClaimRequest{Limit: 20})
		ok(t, err)
		wantBodies(t, "Claim", claim.Messages, texts...)
		fetched, err := q.ClaimByID(ctx, claim.ID)
		ok(t, err)
		wantBodies(t, "ClaimByID", fetched.Messages, texts...)
	})
}

// Many workers over one client see each message once.
func TestConcurrentWorkers(t *testing.T) {
	const workers, messages = 8, 200
	eachVersion(t, func(t *testing.T, c, _ *client.Client) {
		ctx, q := t.Context(), c.Queue("jobs")
		_, err := q.Create(ctx, nil)
		ok(t, err)
		for n := range messages / 10 {
			numbers := make([]int, 10)
			for i := range numbers {
				numbers[i] = 10*n + i
			}
			post(t, q, numbers...)
		}

		var mu sync.Mutex // guards seen
		seen := map[string]int{}
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for {
					done, err := workOnce(ctx, q)
					if err != nil {
						t.Error(err)
					}
					if err != nil || len(done) == 0 {
						return
					}
					mu.Lock()
					for _, body := range done {
						seen[body]++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		want := map[string]int{}
		for n := range messages {
			want[fmt.Sprint(n)] = 1
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("how often each message was seen differs (-want +got):\n%s", diff)
		}
	})
}

// workOnce claims messages and deletes them.
func workOnce(ctx context.Context, q *client.Queue) ([]string, error) {
	claim, err := q.Claim(ctx, client.ClaimRequest{Limit: 7})
	if err != nil {
		return nil, err
	}
	for _, m := range claim.Messages {
		if err := claim.Delete(ctx, m.ID); err != nil {
			return nil, err
		}
	}
	return bodies(claim.Messages), claim.Release(ctx)
}
