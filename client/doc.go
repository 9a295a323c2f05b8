// Package client calls a Marconi or Zaqar server over API v1.0 or v1.1.
//
// It is for programs that post to queues, work through them, or follow them, and for tests and load runs of the server:
// one call of the package is one request, unless its comment says otherwise, and nothing is repeated behind the caller's
// back. It needs the standard library only, and shares no types with the server: what stands here is the wire in the
// words of Go.
//
// # Connecting
//
// A [Client] is one reader or writer in one project. Its methods, and those of the [Queue] handles that it gives, are the
// same for both versions of the API; what a version lacks is [ErrNotInVersion].
//
//	c, err := client.New("http://127.0.0.1:8888", client.Config{Project: "shop"})
//	if err != nil {
//		return err
//	}
//	jobs := c.Queue("jobs")
//	_, err = jobs.Create(ctx, nil) // API v1.1 would also create it at the first post
//
// One client serves all goroutines of a program; its connections are kept and shared. Every call ends with its context,
// and only with it: give it a deadline.
//
// # Posting
//
// A body is one JSON value. It arrives as the bytes that were sent; [Encode] and [Decode] turn Go values into bodies and
// back.
//
//	body, err := client.Encode(Job{Number: 7})
//	if err != nil {
//		return err
//	}
//	ids, err := jobs.Post(ctx, client.NewMessage{TTL: time.Hour, Body: body})
//
// # Working through a queue
//
// A worker claims messages, which hides them from other workers, deletes each once it has been dealt with, and releases
// what is left. What a worker that died had claimed is free again when the claim's TTL is over, so a message may come
// twice; work should bear that.
//
//	claim, err := jobs.Claim(ctx, client.ClaimRequest{TTL: 5 * time.Minute, Limit: 10})
//	if err != nil {
//		return err
//	}
//	defer claim.Release(context.WithoutCancel(ctx)) // does nothing if nothing was found
//	for _, m := range claim.Messages {
//		job, err := client.Decode[Job](m.Body)
//		if err != nil {
//			return err
//		}
//		job.Run(ctx)
//		if err := claim.Delete(ctx, m.ID); err != nil {
//			return err
//		}
//	}
//
// Nothing to claim is no error: the claim has no messages then, and the worker waits a moment. Work that takes longer than
// the TTL goes on with [Claim.Update]. [Queue.Pop] takes messages without a claim, and loses them if the answer is lost.
//
// # Following a queue
//
// Listing takes nothing away. [Queue.Messages] goes from the oldest message to the newest, page after page, and ends;
// [Queue.Tail] then waits for more. Both leave out what this client posted itself, unless Echo is set.
//
//	for m, err := range events.Tail(ctx, client.MessageListing{}, time.Second) {
//		if errors.Is(err, client.ErrUnavailable) {
//			continue // look again in a second
//		}
//		if err != nil {
//			return err
//		}
//		fmt.Println(string(m.Body))
//	}
//
// The Marker of a [Page], from [Queue.MessagePage], is a place in the queue that can be kept and gone on from later.
//
// # Errors
//
// A server's refusal is an [*Error] with its status and words, and by [errors.Is] one of the sentinels, such as
// [ErrNotFound]. If no whole answer came the error is a [*TransportError]: whether the server did what it was asked is
// not known then, and after a post the messages may be there. A success that can't be read is [ErrBadAnswer]. All say
// what was being done and to which queue, and none shows the token.
//
//	err := claim.Delete(ctx, m.ID)
//	switch {
//	case errors.Is(err, client.ErrBadRequest), errors.Is(err, client.ErrForbidden):
//		// The claim was over before the work was; somebody else will do it again.
//	case errors.Is(err, client.ErrUnavailable):
//		// Later.
//	}
//
// # Watching
//
// [Config.Observe] is told of every request: its operation, status, sizes and times. [Config.Prepare] adds headers. The
// hooks of [net/http/httptrace] in a call's context work as usual, and [Config.Transport] may be anything.
package client
