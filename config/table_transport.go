package config

import "github.com/marconi-mq/marconi"

const (
	// maxSeconds is a hundred years: twice that still fits a time.Duration.
	maxSeconds marconi.Seconds = 100 * 365 * 24 * 3600
	maxCount                   = 100_000
	maxBytes   int64           = 1 << 30
)

func transportGroup(t *Transport) group {
	limits := marconi.DefaultLimits()
	return group{"transport", "The limits and defaults of the API.", []option{
		{name: "max_queues_per_page", value: whole(&t.MaxQueuesPerPage, limits.MaxQueuesPerPage, 1, maxCount),
			older: []key{{"limits:transport", "queue_paging_uplimit"}},
			help:  "The most queues on one page of a listing. A client that asks for more is refused."},
		{name: "max_messages_per_page", value: whole(&t.MaxMessagesPerPage, limits.MaxMessagesPerPage, 1, maxCount),
			older: []key{{"limits:transport", "message_paging_uplimit"}},
			help:  "The most messages on one page of a listing, and the most IDs that one request gets or deletes."},
		{name: "max_messages_per_claim_or_pop", value: whole(&t.MaxMessagesPerClaimOrPop, limits.MaxMessagesPerClaim, 1, maxCount),
			older: []key{{"transport", "max_messages_per_claim"}},
			help:  "The most messages that one request claims or pops."},
		{name: "max_subscriptions_per_page", value: whole(&t.MaxSubscriptionsPerPage, 20, 1, maxCount), later: true,
			older: []key{{"limits:transport", "subscription_paging_uplimit"}},
			help:  "The most subscriptions on one page of a listing."},
		{name: "max_flavors_per_page", value: whole(&t.MaxFlavorsPerPage, 20, 1, maxCount), later: true,
			help: "The most flavors on one page of a listing."},
		{name: "max_pools_per_page", value: whole(&t.MaxPoolsPerPage, 20, 1, maxCount), later: true,
			help: "The most pools on one page of a listing."},
		{name: "max_queue_metadata", value: whole(&t.MaxQueueMetadata, limits.MaxQueueMetadata, 1, maxBytes),
			older: []key{{"limits:transport", "metadata_size_uplimit"}},
			help:  "The most bytes of a request that sets the metadata of a queue."},
		{name: "max_messages_post_size", value: whole(&t.MaxMessagesPostSize, limits.MaxMessagesPostSize, 1, maxBytes),
			older: []key{{"transport", "max_message_size"}, {"limits:transport", "message_size_uplimit"}},
			help:  "The most bytes of a request that posts messages."},
		{name: "max_message_ttl", value: whole(&t.MaxMessageTTL, limits.MaxMessageTTL, marconi.MinMessageTTL, maxSeconds),
			older: []key{{"limits:transport", "message_ttl_max"}},
			help:  "The longest that a message may live, in seconds."},
		{name: "max_message_delay", value: whole(&t.MaxMessageDelay, limits.MaxMessageDelay, 0, maxSeconds),
			help: "The longest that a message may be held back before it can be claimed, in seconds."},
		{name: "max_claim_ttl", value: whole(&t.MaxClaimTTL, limits.MaxClaimTTL, marconi.MinClaimTTL, maxSeconds),
			older: []key{{"limits:transport", "claim_ttl_max"}},
			help:  "The longest that a claim may last, in seconds."},
		{name: "max_claim_grace", value: whole(&t.MaxClaimGrace, limits.MaxClaimGrace, marconi.MinClaimGrace, maxSeconds),
			older: []key{{"limits:transport", "claim_grace_max"}},
			help:  "The longest grace of a claim, in seconds: how much longer than the claim its messages live at least."},
		{name: "default_message_ttl", value: whole(&t.DefaultMessageTTL, limits.DefaultMessageTTL, marconi.MinMessageTTL, maxSeconds),
			help: "How long a message lives if its client names no TTL, in seconds. Version 1.0 wants one."},
		{name: "default_message_delay", value: whole(&t.DefaultMessageDelay, limits.DefaultMessageDelay, 0, maxSeconds),
			help: "How long a message is held back if neither its client nor its queue says it, in seconds."},
		{name: "default_claim_ttl", value: whole(&t.DefaultClaimTTL, limits.DefaultClaimTTL, marconi.MinClaimTTL, maxSeconds),
			help: "How long a claim lasts if its client names no TTL, in seconds. Version 1.0 wants one."},
		{name: "default_claim_grace", value: whole(&t.DefaultClaimGrace, limits.DefaultClaimGrace, marconi.MinClaimGrace, maxSeconds),
			help: "The grace of a claim if its client names none, in seconds. Version 1.0 wants one."},
		{name: "default_subscription_ttl", value: whole(&t.DefaultSubscriptionTTL, 3600, 60, maxSeconds), later: true,
			help: "How long a subscription lasts if its client names no TTL, in seconds."},
		{name: "subscriber_types", value: list(&t.SubscriberTypes, []string{"http", "https", "mailto", "trust+http", "trust+https"}), later: true,
			help: "Which kinds of subscribers may be subscribed."},
		{name: "client_id_uuid_safe", value: choice(&t.ClientIDUUIDSafe, "strict", "strict", "off"),
			help: "With strict, a client's ID has to be a UUID. With off it may be any text, but in version 1.0."},
		{name: "min_length_client_id", value: whole(&t.MinLengthClientID, limits.ClientIDs.MinLength, 1, maxCount),
			help: "The fewest characters of a client's ID, with client_id_uuid_safe = off."},
		{name: "max_length_client_id", value: whole(&t.MaxLengthClientID, limits.ClientIDs.MaxLength, 1, maxCount),
			help: "The most characters of a client's ID, with client_id_uuid_safe = off."},
		{name: "message_delete_with_claim_id", value: boolean(&t.MessageDeleteWithClaimID),
			help: "Lets messages be deleted by ID in bulk only together with the claims that hold them. In version 1.1, which can't name any, that is then always refused."},
		{name: "message_encryption_algorithms", value: choice(&t.MessageEncryptionAlgorithms, "AES256", "AES256", "RSA"), later: true,
			help: "How messages are encrypted in queues that ask for it, which those of versions 1.0 and 1.1 can't."},
		{name: "message_encryption_key", value: secret(&t.MessageEncryptionKey, ""), later: true,
			help: "The key that messages are encrypted with."},
	}}
}

func wsgiGroup(w *WSGI) group {
	return group{"drivers:transport:wsgi", "Where the server listens for HTTP, unless [marconi] listen says it.", []option{
		{name: "bind", value: host(&w.Bind, "127.0.0.1"),
			help: "The host or address to listen on. 0.0.0.0 and :: are all addresses of the machine."},
		{name: "port", value: whole(&w.Port, 8888, 0, 65535),
			help: "The port to listen on. 0 is any free port."},
	}}
}

func webSocketGroup(w *WebSocket) group {
	return allLater(group{"drivers:transport:websocket", "Where the server listens for WebSocket connections.", []option{
		{name: "bind", value: host(&w.Bind, "127.0.0.1"),
			help: "The host or address to listen on."},
		{name: "port", value: whole(&w.Port, 9000, 0, 65535),
			help: "The port to listen on."},
		{name: "external_port", value: whole(&w.ExternalPort, 0, 0, 65535),
			help: "The port that clients see, if a proxy stands in between. 0 is the same port."},
		{name: "notification_bind", value: hostOrNone(&w.NotificationBind),
			help: "The host or address on which the inner listener for notifications listens. If it is empty, that is the machine's name."},
		{name: "notification_port", value: whole(&w.NotificationPort, 0, 0, 65535),
			help: "The port of the inner listener for notifications. 0 is any free port."},
	}})
}
