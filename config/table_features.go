package config

func signedURLGroup(s *SignedURL) group {
	return allLater(group{"signed_url", "URLs that carry the right to use a queue.", []option{
		{name: "secret_key", value: secret(&s.SecretKey, ""),
			help: "The key that such URLs are signed with. Without it there are none, and no confirmations of subscriptions."},
	}})
}

func notificationGroup(n *Notification) group {
	return allLater(group{"notification", "What is sent to subscribers, and how.", []option{
		{name: "smtp_mode", value: choice(&n.SMTPMode, "third_part", "third_part", "self_local"),
			help: "How mail goes out: third_part runs smtp_command, self_local speaks SMTP itself."},
		{name: "smtp_command", value: text(&n.SMTPCommand, "/usr/sbin/sendmail -t -oi"),
			help: "The command that takes a mail, and its arguments."},
		{name: "smtp_host", value: hostOrNone(&n.SMTPHost),
			help: "The host of the mail server."},
		{name: "smtp_port", value: whole(&n.SMTPPort, 0, 0, 65535),
			help: "The port of the mail server. 0 is the usual one."},
		{name: "smtp_user_name", value: text(&n.SMTPUserName, ""),
			help: "The name to log in with at the mail server."},
		{name: "smtp_user_password", value: secret(&n.SMTPUserPassword, ""),
			help: "The password to log in with at the mail server."},
		{name: "max_notifier_workers", value: whole(&n.MaxNotifierWorkers, 10, 1, 10000),
			help: "How many notifications are sent at once."},
		{name: "require_confirmation", value: boolean(&n.RequireConfirmation),
			help: "Sends nothing to a subscriber before it has confirmed the subscription."},
		{name: "external_confirmation_url", value: text(&n.ExternalConfirmationURL, ""),
			help: "The page that a confirmation mail leads to."},
		{name: "subscription_confirmation_email_template", value: dict(&n.SubscriptionEmail, map[string]string{
			"topic":  "Marconi Notification - Subscription Confirmation",
			"sender": "Marconi Notifications <no-reply@localhost>",
			"body": "Somebody asked that the messages of queue {0} of project {1} be sent to this address. " +
				"To agree, open {2}. If it was not you, ignore this mail."}),
			help: "The mail that asks for a confirmation: its topic, body and sender. In the body {0} is the queue, {1} the project and {2} the link."},
		{name: "unsubscribe_confirmation_email_template", value: dict(&n.UnsubscriptionEmail, map[string]string{
			"topic":  "Marconi Notification - Unsubscribe Confirmation",
			"sender": "Marconi Notifications <no-reply@localhost>",
			"body": "The messages of queue {0} of project {1} are no longer sent to this address. " +
				"To have them sent again, open {2}. If you want none, ignore this mail."}),
			help: "The mail that follows the end of a subscription, with the same parts."},
	}})
}

func policyGroup(p *Policy) group {
	return allLater(group{"oslo_policy", "Rules about which roles may do what. They don't hold for versions 1.0 and 1.1 of the API.", []option{
		{name: "enforce_scope", value: boolean(&p.EnforceScope),
			help: "Refuses tokens whose scope doesn't fit the rule."},
		{name: "policy_file", value: filePath(&p.File, "policy.yaml"),
			help: "The file with the rules."},
		{name: "policy_dirs", value: many(&p.Dirs, "policy.d"),
			help: "Folders with further files of rules."},
	}})
}
