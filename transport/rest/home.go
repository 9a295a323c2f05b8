package rest

import (
	"net/http"

	"github.com/marconi-mq/marconi/transport/dialect"
)

// getVersions answers with choices, since the client has to make one.
func getVersions(*call) (reply, error) {
	return reply{status: http.StatusMultipleChoices, body: dialect.VersionsDocument()}, nil
}

func getHome(c *call) (reply, error) {
	rep := ok(c.api.homes[c.dialect])
	rep.mediaType = "application/json-home"
	rep.cache = "max-age=86400"
	return rep, nil
}
