package broker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/marconi-mq/marconi"
)

// attributes are the top-level members of a queue's metadata.
type attributes map[string]json.RawMessage

func parseAttributes(m marconi.Metadata) (attributes, error) {
	var a attributes
	if err := json.Unmarshal(m, &a); err != nil || a == nil {
		return nil, marconi.Refuse("metadata", "metadata has to be a JSON object")
	}
	return a, nil
}

// given is the value of an attribute. null counts as not given.
func (a attributes) given(name string) (json.RawMessage, bool) {
	raw, found := a[name]
	return raw, found && string(raw) != "null"
}

func (a attributes) integer(name string) (n int64, given bool, err error) {
	raw, given := a.given(name)
	if !given {
		return 0, false, nil
	}
	n, err = strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, true, reserved(name + " has to be an integer")
	}
	return n, true, nil
}

func (a attributes) text(name string) (s string, given bool, err error) {
	raw, given := a.given(name)
	if !given {
		return "", false, nil
	}
	if json.Unmarshal(raw, &s) != nil {
		return "", true, reserved(name + " has to be a text")
	}
	return s, true, nil
}

func (a attributes) boolean(name string) error {
	if raw, given := a.given(name); given && string(raw) != "true" && string(raw) != "false" {
		return reserved(name + " has to be true or false")
	}
	return nil
}

func (a attributes) ranged(name string, low, high int64) error {
	n, given, err := a.integer(name)
	if err == nil && given && (n < low || n > high) {
		err = reserved(fmt.Sprintf("%s has to be from %d to %d", name, low, high))
	}
	return err
}

func reserved(text string) error { return marconi.Refuse("metadata-reserved", text) }

// refuseReserved holds that metadata has no attribute of the service's own (API contract §7.1).
func refuseReserved(m marconi.Metadata) error {
	a, err := parseAttributes(m)
	if err != nil {
		return err
	}
	for name := range a {
		if strings.HasPrefix(name, "_") {
			return reserved("names that begin with an underscore are reserved")
		}
	}
	return nil
}

// checkAttributes holds the service's own attributes to their types and ranges (API contract §7.2).
func checkAttributes(queue marconi.QueueName, m marconi.Metadata, l marconi.Limits) error {
	a, err := parseAttributes(m)
	if err != nil {
		return err
	}
	ttl := func(name string) error {
		return a.ranged(name, int64(marconi.MinMessageTTL), int64(l.MaxMessageTTL))
	}
	_, _, countErr := a.integer("_max_claim_count")
	return firstError(
		ttl("_default_message_ttl"),
		a.ranged("_max_messages_post_size", 1, l.MaxMessagesPostSize),
		countErr,
		a.deadLetterQueue(queue),
		ttl("_dead_letter_queue_messages_ttl"),
		a.ranged("_default_message_delay", 0, int64(l.MaxMessageDelay)),
		a.boolean("_enable_encrypt_messages"),
		a.retryPolicy(),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (a attributes) deadLetterQueue(own marconi.QueueName) error {
	name, given, err := a.text("_dead_letter_queue")
	if err != nil || !given {
		return err
	}
	if _, err := marconi.ParseQueueName(name); err != nil {
		return reserved("_dead_letter_queue has to be the name of a queue")
	}
	if name == string(own) {
		return reserved("_dead_letter_queue can't be the queue itself")
	}
	return nil
}

var backoffFunctions = []string{"linear", "arithmetic", "exponential", "geometric"}

// The delays of a retry policy that names none, and how far apart they have to be, in seconds.
const (
	retryMinimum = 5
	retryMaximum = 30
	retrySpread  = 10
)

func (a attributes) retryPolicy() error {
	raw, given := a.given("_retry_policy")
	if !given {
		return nil
	}
	var policy attributes
	if json.Unmarshal(raw, &policy) != nil {
		return reserved("_retry_policy has to be an object")
	}
	function, given, err := policy.text("retry_backoff_function")
	if err == nil && given && !slices.Contains(backoffFunctions, function) {
		err = reserved("retry_backoff_function has to be one of " + strings.Join(backoffFunctions, ", "))
	}
	return firstError(err, policy.boolean("ignore_subscription_override"), policy.delays())
}

func (a attributes) delays() error {
	least, most := int64(retryMinimum), int64(retryMaximum)
	for _, name := range []string{"retries_with_no_delay", "minimum_delay_retries", "minimum_delay", "maximum_delay", "maximum_delay_retries"} {
		n, given, err := a.integer(name)
		switch {
		case err != nil:
			return err
		case given && name == "minimum_delay":
			least = n
		case given && name == "maximum_delay":
			most = n
		}
	}
	if most-least < retrySpread {
		return reserved(fmt.Sprintf("maximum_delay has to be at least %d seconds more than minimum_delay", retrySpread))
	}
	return nil
}
