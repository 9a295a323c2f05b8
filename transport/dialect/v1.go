package dialect

import (
	"net/http"

	"github.com/marconi-mq/marconi"
)

// v1 is API v1.0, of 2013: lists are bare arrays, empty ones have no answer, messages are known by their href alone,
// and a queue's metadata is a resource beside it.
func v1() Dialect {
	return Dialect{
		Version: V1,
		Name:    "1.0",
		Prefix:  "/v1",

		ParseClient: uuidOnly,

		DecodeMessages:    bareMessages,
		DecodeClaim:       fullTerms,
		DecodeClaimUpdate: newTTL,

		EmptyList:       http.StatusNoContent,
		ContentLocation: true,
		Partial:         true,
		BareLists:       true,
		AppendMessage:   messageWithHref,
		Home:            v1Home,
	}
}

// uuidOnly leaves the operator no say: v1.0 always wants a UUID.
func uuidOnly(_ marconi.ClientIDs, text string) (marconi.ClientID, error) {
	return marconi.ParseUUID(text)
}

var v1Home = []Resource{
	{Name: "rel/queues", Template: "/queues{?marker,limit,detailed}", Allow: "GET",
		Vars: vars{"marker": "marker", "limit": "queue_limit", "detailed": "detailed"}},
	{Name: "rel/queue", Template: "/queues/{queue_name}", Allow: "GET HEAD PUT DELETE",
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/queue-metadata", Template: "/queues/{queue_name}/metadata", Allow: "GET PUT",
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/queue-stats", Template: "/queues/{queue_name}/stats", Allow: "GET",
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/messages", Template: "/queues/{queue_name}/messages{?marker,limit,echo,include_claimed}", Allow: "GET",
		Vars: vars{"queue_name": "queue_name", "marker": "marker", "limit": "messages_limit", "echo": "echo", "include_claimed": "include_claimed"}},
	{Name: "rel/post-messages", Template: "/queues/{queue_name}/messages", Allow: "POST", Posts: true,
		Vars: vars{"queue_name": "queue_name"}},
	{Name: "rel/claim", Template: "/queues/{queue_name}/claims{?limit}", Allow: "POST", Posts: true,
		Vars: vars{"queue_name": "queue_name", "limit": "claim_limit"}},
}
