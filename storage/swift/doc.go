// Package swift keeps queues in OpenStack Swift: messages in one of two ways, and what is set up, if it is told to.
//
//	swift://USER:KEY@HOST[:PORT]/PROJECT?auth=v1         tempauth and its likes: the user PROJECT:USER
//	swift://USER:KEY@HOST[:PORT]/PROJECT                 Keystone at that host
//	swift://USER:KEY@/PROJECT?auth_url=URL               as in OpenStack's configuration files
//	swift://HOST?application_credential_id=…&application_credential_secret=…
//
// The options are those of uri_options.go. Names of containers begin with the option prefix, marconi if it is not given, and
// Options.Namespace. Package objects speaks with Swift; the rest is
//
//	indexed   messages whose bodies are in Swift, and whose order and leases are in another store, the index
//	pure      messages in Swift alone (index=none)
//	here      URIs, which of the two it is, and the control store
//
// # Where queues are
//
// A URI that is opened for messages alone, or for queues alone, holds those. One that is opened for both has its queues where its
// index is; with index=none they are in Swift as well. Without the option index the index is the embedded store of the program
// (Options.Embedded), which is at hand unless the queues are in a store that other processes may use: these would have no part in the
// index, and so not find the messages.
//
// An index is opened in a namespace of its own, so that it never meets messages which the same store holds for itself.
//
// # The control store
//
// One container, PREFIX-control, has all that is set up. A project is named by the hexadecimal SHA-256 of its name, for 256 characters of
// any kind would not fit into the name of an object; clear names are inside.
//
//	id                          the store's ID, made once
//	q/<project>/<queue>         a queue: a line of JSON, and its metadata as it was sent (record.go)
//	p/<pool>                    ┐
//	u/<SHA-256 of a pool's URI> │ taken for what will be set up beside queues: pools, their URIs, which are theirs alone,
//	f/<project>/<flavor>        │ flavors, and which pool a queue is in
//	c/<project>/<queue>         ┘
//
// # Promises of the control store
//
// What is confirmed is on a quorum of replicas, or was read back from one of them, and reads ask all. There is no compare-and-set: a PUT with If-None-Match: * is
// checked before it is stored, so that two at one moment can both be told 201, and the later one stays. Hence a maker reads back which
// incarnation is stored, and takes that. One who read back before the other's PUT was seen keeps another incarnation until its cache
// ends, after five seconds; what it posted meanwhile is in no queue any more. Of changes of metadata by several processes the last one
// stays, and one that meets a deletion may bring the queue back as it was, also in place of one that was made since. Within a process
// none of this happens: there changes of a queue take turns. What ended without an answer may still be done, as long as its request is
// on its way. Listings may be late by seconds; they leave out what this process has deleted, and with metadata what can't be read.
//
// A 404 of what the container's listing shows is not believed, neither by who would make a queue nor by who asks for one: what is listed
// and can't be found is Unavailable. So is, until its listing has lost it, a queue that another process has deleted. Nor is it believed
// that the container is missing, once it was there. Only what no listing shows, since container servers are down as well, is taken for
// missing while its object servers are away.
//
// Nor is a 202 believed, or a 409 to a DELETE: what is newer may have come through a proxy whose clock is ahead, without any other
// writer. Such changes are tried again for somewhat more than the second by which clocks may differ, and are then Unavailable. A
// deletion without an answer that is asked for again tells which queue it was, so that its data is dropped; unless the process was
// started anew between the two.
//
// So what needs a compare-and-set, moving a queue from pool to pool say, cannot be done over this store.
package swift
