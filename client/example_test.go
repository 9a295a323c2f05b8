package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/marconi-mq/marconi/client"
	"github.com/marconi-mq/marconi/config"
)

// start begins a server for an example.
func start() (url string, stop func()) {
	url, stopServer, err := startServer(config.Default())
	if err != nil {
		panic(err)
	}
	return url, func() {
		if err := stopServer(); err != nil {
			panic(err)
		}
	}
}

func Example() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	jobs := c.Queue("jobs")
	if _, err := jobs.Create(ctx, nil); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := jobs.Post(ctx, client.NewMessage{TTL: time.Hour, Body: []byte(`{"order": 7}`)}); err != nil {
		fmt.Println(err)
		return
	}

	claim, err := jobs.Claim(ctx, client.ClaimRequest{TTL: time.Minute})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer claim.Release(context.WithoutCancel(ctx))
	for _, m := range claim.Messages {
		fmt.Printf("working on %s\n", m.Body)
		if err := claim.Delete(ctx, m.ID); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output: working on {"order": 7}
}

func ExampleQueue_Post() {
	url, stop := start()
	defer stop()
	c, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()

	type order struct {
		Number int    `json:"number"`
		Note   string `json:"note"`
	}
	var messages []client.NewMessage
	for n := range 3 {
		body, err := client.Encode(order{n, "5 < 7 & so on"})
		if err != nil {
			fmt.Println(err)
			return
		}
		messages = append(messages, client.NewMessage{TTL: time.Hour, Body: body})
	}
	orders := c.Queue("orders")
	ids, err := orders.Post(context.Background(), messages...)
	if err != nil {
		fmt.Println(err)
		return
	}
	last, err := orders.Message(context.Background(), ids[2])
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := client.Decode[order](last.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n%+v\n", last.Body, got)
	// Output:
	// {"number":2,"note":"5 < 7 & so on"}
	// {Number:2 Note:5 < 7 & so on}
}

func ExampleQueue_Messages() {
	url, stop := start()
	defer stop()
	ctx := context.Background()
	writer, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer writer.CloseIdleConnections()
	for _, word := range []string{`"one"`, `"two"`, `"three"`} {
		if _, err := writer.Queue("events").Post(ctx, client.NewMessage{Body: []byte(word)}); err != nil {
			fmt.Println(err)
			return
		}
	}

	// Another client, since listings leave out what a client has posted itself.
	reader, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reader.CloseIdleConnections()
	for m, err := range reader.Queue("events").Messages(ctx, client.MessageListing{Limit: 2}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(m.Body))
	}
	// Output:
	// "one"
	// "two"
	// "three"
}

func ExampleQueue_Tail() {
	url, stop := start()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	news := c.Queue("news")
	if _, err := news.Post(ctx, client.NewMessage{Body: []byte(`"old"`)}); err != nil {
		fmt.Println(err)
		return
	}

	for m, err := range news.Tail(ctx, client.MessageListing{Echo: true}, 10*time.Millisecond) {
		if errors.Is(err, context.Canceled) {
			fmt.Println("the end")
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(m.Body))
		if string(m.Body) == `"new"` {
			cancel()
		} else if _, err := news.Post(ctx, client.NewMessage{Body: []byte(`"new"`)}); err != nil {
			fmt.Println(err)
			return
		}
	}
	// Output:
	// "old"
	// "new"
	// the end
}

func ExampleError() {
	url, stop := start()
	defer stop()
	c, err := client.New(url, client.Config{Version: client.V1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()

	_, err = c.Queue("nowhere").Post(context.Background(), client.NewMessage{Body: []byte("1")})
	var refused *client.Error
	switch {
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("there is no such queue")
	case errors.As(err, &refused):
		fmt.Println("the server refuses with status", refused.Status)
	case err != nil:
		fmt.Println("no answer")
	}
	// Output: there is no such queue
}

func ExampleClient_Queues() {
	url, stop := start()
	defer stop()
	ctx := context.Background()
	c, err := client.New(url, client.Config{Project: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	for _, name := range []string{"b", "a"} {
		if _, err := c.Queue(name).Create(ctx, []byte(`{"owner": "ops"}`)); err != nil {
			fmt.Println(err)
			return
		}
	}
	for q, err := range c.Queues(ctx, client.QueueListing{Detailed: true}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %s\n", q.Name, q.Metadata)
	}
	// Output:
	// a {"owner": "ops"}
	// b {"owner": "ops"}
}

// A program that traces its requests adds a header to each, and watches them.
func ExampleConfig() {
	url, stop := start()
	defer stop()
	c, err := client.New(url, client.Config{
		Project: "shop",
		Prepare: func(r *http.Request) error {
			r.Header.Set("X-Openstack-Request-Id", "req-3381af92-2b9e-11e3-b191-71861300734c")
			return nil
		},
		Observe: func(_ context.Context, x client.Exchange) {
			fmt.Println(x.Operation, x.Queue, x.Status, x.Received > 0, x.Total > 0)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseIdleConnections()
	if _, err := c.Queue("jobs").Stats(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	// Output: get stats jobs 200 true true
}
