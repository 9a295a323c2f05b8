// Package drivers is the one list of drivers that this repository builds into its programs.
package drivers

import (
	"github.com/marconi-mq/marconi/storage"
	"github.com/marconi-mq/marconi/storage/memory"
	"github.com/marconi-mq/marconi/storage/redis"
	"github.com/marconi-mq/marconi/storage/sqlstore"
	"github.com/marconi-mq/marconi/storage/swift"
)

// All are the drivers by the scheme of their URIs. The map is the caller's, to add to.
func All() storage.Drivers {
	return storage.Drivers{
		"memory":  memory.Open,
		"redis":   redis.Open,
		"rediss":  redis.Open,
		"sqlite":  sqlstore.OpenSQLite,
		"swift":   swift.Open,
		"valkey":  redis.Open,
		"valkeys": redis.Open,
	}
}
