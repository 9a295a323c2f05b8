package rest

import "github.com/marconi-mq/marconi/transport/dialect"

// A handler says what to answer.
type handler func(*call) (reply, error)

// An access says where a route is open.
type access int

const (
	public access = iota
	admin         // where the operator has switched the admin mode on
)

// A route is a method on a path below the prefix of a version. HEAD is a method like others: GET doesn't bring it along.
type route struct {
	on       string
	versions dialect.Version
	access   access
	handle   handler
}

// routes is the API.
var routes = []route{
	{"GET /", dialect.Discovery, public, getVersions},
	{"GET /", dialect.All, public, getHome},

	{"GET /health", dialect.V1, public, ping},
	{"HEAD /health", dialect.V1, public, alive},
	{"GET /ping", dialect.V11, public, ping},
	{"HEAD /ping", dialect.V11, public, alive},
	{"GET /health", dialect.V11, admin, getHealth},

	{"GET /queues", dialect.All, public, listQueues},
	{"GET /queues/{queue}", dialect.V1, public, queueExists},
	{"HEAD /queues/{queue}", dialect.V1, public, queueExists},
	{"GET /queues/{queue}", dialect.V11, public, getMetadata},
	{"PUT /queues/{queue}", dialect.All, public, putQueue},
	{"DELETE /queues/{queue}", dialect.All, public, deleteQueue},
	{"GET /queues/{queue}/metadata", dialect.V1, public, getMetadata},
	{"PUT /queues/{queue}/metadata", dialect.V1, public, putMetadata},
	{"GET /queues/{queue}/stats", dialect.All, public, getStats},

	{"GET /queues/{queue}/messages", dialect.All, public, getMessages},
	{"POST /queues/{queue}/messages", dialect.All, public, postMessages},
	{"DELETE /queues/{queue}/messages", dialect.V1, public, deleteMessages},
	{"DELETE /queues/{queue}/messages", dialect.V11, public, deleteOrPopMessages},
	{"GET /queues/{queue}/messages/{message}", dialect.All, public, getMessage},
	{"DELETE /queues/{queue}/messages/{message}", dialect.All, public, deleteMessage},

	{"POST /queues/{queue}/claims", dialect.All, public, postClaim},
	{"GET /queues/{queue}/claims/{claim}", dialect.All, public, getClaim},
	{"PATCH /queues/{queue}/claims/{claim}", dialect.All, public, patchClaim},
	{"DELETE /queues/{queue}/claims/{claim}", dialect.All, public, deleteClaim},
}
