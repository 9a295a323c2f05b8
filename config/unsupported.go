package config

import (
	"errors"
	"slices"
)

// Unsupported says what the configuration asks for that this version can't do, and whose silent lack would cost safety
// or data: nobody gets an open server who asked for a closed one. A server must not start with it.
func (c *Config) Unsupported() error {
	const stages = "this version has no stages to pass, and leaving one out could change what is stored"
	refusals := []struct {
		wanted bool
		option key
		text   string
	}{
		{c.Service.AuthStrategy != "", key{"DEFAULT", "auth_strategy"}, "this version can't ask who callers are, and does not start open instead"},
		{c.Service.Pooling, key{"DEFAULT", "pooling"}, "this version has no pools, so it would not find the messages in them"},
		{slices.Contains(c.Drivers.Transport, "websocket"), key{"drivers", "transport"}, "this version does not speak WebSocket"},
		{len(c.Drivers.Transport) == 0, key{"drivers", "transport"}, "no client could reach the server"},
		{len(c.Pipelines.Queue) > 0, key{"storage", "queue_pipeline"}, stages},
		{len(c.Pipelines.Message) > 0, key{"storage", "message_pipeline"}, stages},
		{len(c.Pipelines.Claim) > 0, key{"storage", "claim_pipeline"}, stages},
		{len(c.Pipelines.Subscription) > 0, key{"storage", "subscription_pipeline"}, stages},
		{len(c.Pipelines.Topic) > 0, key{"storage", "topic_pipeline"}, stages},
	}
	var errs []error
	for _, r := range refusals {
		if r.wanted {
			errs = append(errs, &Error{At: c.origins[r.option], Option: r.option.String(), Text: r.text})
		}
	}
	return errors.Join(errs...)
}
