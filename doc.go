// Package marconi is the domain of a multi-tenant message queue service: its words and what a store promises.
//
// A project owns queues; producers post messages to a queue; consumers list them, claim them for a while, or pop them.
// The package holds the types of those words, the interfaces that a store implements, the errors that both sides speak,
// and the service's limits. It imports the standard library only and knows neither HTTP nor any store.
//
// # Map
//
//	queues.go messages.go claims.go   a resource a file: its type, and what a store does with it
//	store.go watch.go                 DataStore and ControlStore, made of the above; waiting without polling
//	errors.go limits.go page.go       kinds of trouble; sizes and defaults; pages and markers
//	caller.go                         who calls, and what for
//	broker/                           every rule of the service, once for all transports and API versions
//	storage/                          opens a store by the scheme of its URI; the drivers and their test suite
//	transport/                        HTTP, and what each API version says differently
//	config/ server/ cmd/              a configuration, a server made of it, and the program around that
//	client/                           the Go client
//	ledger/                           the account of every message, for tests and load runs
//
// Pools, flavors, the catalogue and subscriptions will be files of their own here, each with its own store interface
// beside [ControlStore].
package marconi
