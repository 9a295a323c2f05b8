package drivers

import (
	"github.com/marconi-mq/marconi/storage/importer"
	"github.com/marconi-mq/marconi/storage/redis/upstream"
)

// Sources are what queues can be imported from, by the scheme of their URIs. The map is the caller's, to add to.
func Sources() importer.Sources {
	return importer.Sources{
		"redis":   upstream.Open,
		"rediss":  upstream.Open,
		"valkey":  upstream.Open,
		"valkeys": upstream.Open,
	}
}
