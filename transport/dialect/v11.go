package dialect

import (
	"net/http"

	"github.com/marconi-mq/marconi"
)

// v11 is API v1.1, of 2014: it makes queues on first use, wraps lists in objects, gives messages their IDs, and wants
// every caller to say who it is.
func v11() Dialect {
	d := v1()
	d.Version = V11
	d.Name = "1.1"
	d.Prefix = "/v1.1"

	d.ParseClient = marconi.ClientIDs.Parse
	d.NeedsClient = true
	d.NeedsProject = true

	d.QueueTakesMetadata = true // was a resource of its own
	d.LazyQueues = true
	d.DecodeMessages = wrappedMessages // was a bare array, a TTL in each
	d.DecodeClaim = anyTermsOrNone     // had to name both
	d.DecodeClaimUpdate = anyTerms     // had to name the TTL, and its grace was 0
	d.MissingIsEmpty = true            // was 404
	d.EmptyList = http.StatusOK        // was 204
	d.NoneFound = marconi.ErrNoMessage // was 204
	d.ContentLocation = false          // said where it looked
	d.Partial = false                  // said false, always
	d.BareLists = false                // were bare arrays
	d.ShowsClaims = true               // showed them to their holders only
	d.AppendMessage = messageWithID    // had an href alone
	d.Home = v11Home
	return d
}

var v11Home = []Resource{
	{Name: "rel/queues", Template: "/queues{?marker,limit,detailed}", Allow: "GET",
		Vars: vars{"marker": "marker", "limit": "queue_limit", "detailed": "detailed"}},
	{Name: "rel/queue", Template: "/queues/{queue_name}", Allow: "PUT DELETE",
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/queue_stats", Template: "/queues/{queue_name}/stats", Allow: "GET",
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/messages", Template: "/queues/{queue_name}/messages{?marker,limit,echo,include_claimed}", Allow: "GET",
		Vars: vars{"queue_name": "queue_name", "marker": "marker", "limit": "messages_limit", "echo": "echo", "include_claimed": "include_claimed"}},
	{Name: "rel/post_messages", Template: "/queues/{queue_name}/messages", Allow: "POST", Posts: true,
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/messages_delete", Template: "/queues/{queue_name}/messages{?ids,pop}", Allow: "DELETE",
		Vars: vars{"queue_name": "queue_name", "ids": "ids", "pop": "pop"}},
	// The parameter is claim_id; the document has had it wrong from the start, and stays as it is.
	{Name: "rel/message_delete", Template: "/queues/{queue_name}/messages/{message_id}{?claim}", Allow: "DELETE",
		Vars: vars{"queue_name": "queue_name", "message_id": "message_id", "claim": "claim_id"}},
	{Name: "rel/claim", Template: "/queues/{queue_name}/claims/{claim_id}", Allow: "GET",
		Vars: vars{"queue_name": "queue_name", "claim_id": "claim_id"}},
	{Name: "rel/post_claim", Template: "/queues/{queue_name}/claims{?limit}", Allow: "POST", Posts: true,
		Vars: vars{"queue_name": "queue_name", "limit": "claim_limit"}},
	{Name: "rel/patch_claim", Template: "/queues/{queue_name}/claims/{claim_id}", Allow: "PATCH", Posts: true,
		Vars: vars{"queue_name": "queue_name", "claim_id": "claim_id"}},
	{Name: "rel/delete_claim", Template: "/queues/{queue_name}/claims/{claim_id}", Allow: "DELETE",
		Vars: vars{"queue_name": "queue_name", "claim_id": "claim_id"}},
	{Name: "rel/ping", Template: "/ping", Allow: "GET"},

	{Name: "rel/pools", Template: "/pools{?detailed,limit,marker}", Allow: "GET", Admin: true,
		Vars: vars{"detailed": "detailed", "limit": "pool_limit", "marker": "marker"}},
	{Name: "rel/pool", Template: "/pools/{pool_name}", Allow: "GET PUT PATCH DELETE", Admin: true,
		Vars: vars{"pool_name": "pool_name"}},
	{Name: "rel/flavors", Template: "/flavors{?detailed,limit,marker}", Allow: "GET", Admin: true,
		Vars: vars{"detailed": "detailed", "limit": "flavor_limit", "marker": "marker"}},
	{Name: "rel/flavor", Template: "/flavors/{flavor_name}", Allow: "GET PUT PATCH DELETE", Admin: true,
		Vars: vars{"flavor_name": "flavor_name"}},
	{Name: "rel/health", Template: "/health", Allow: "GET", Admin: true, Fixed: true},
}
