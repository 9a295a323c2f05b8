package redis

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An option is what may stand behind the question mark.
type option struct {
	name string
	set  func(s *settings, text string) error
}

// uriOptions are all options, by name.
func uriOptions() []option {
	return []option{
		{"cluster", func(s *settings, text string) error { return choose(&s.topology, text, topologies) }},
		{"connect_timeout", func(s *settings, text string) error { return seconds(&s.connectTimeout, text) }},
		{"connections", func(s *settings, text string) error { return choose(&s.connections, text, connectionCounts) }},
		{"dbid", func(s *settings, text string) error { return number(&s.database, text, 0, 1<<20) }},
		{"durability", func(s *settings, text string) error { return choose(&s.durability, text, durabilities) }},
		{"master", setMaster},
		{"max_reconnect_attempts", func(s *settings, text string) error { return number(&s.reconnects, text, 0, 1_000_000) }},
		{"pool_size", func(s *settings, text string) error { return number(&s.waiters, text, 1, 1<<14) }},
		{"prefix", setPrefix},
		{"reconnect_sleep", setReconnectSleep},
		{"sentinel_password", func(s *settings, text string) error { s.sentinelPassword = text; return nil }},
		{"sentinel_username", func(s *settings, text string) error { s.sentinelUsername = text; return nil }},
		{"socket_timeout", func(s *settings, text string) error { return seconds(&s.socketTimeout, text) }},
		{"ssl_ca_certs", func(s *settings, text string) error { return file(&s.tls.ca, text) }},
		{"ssl_certfile", func(s *settings, text string) error { return file(&s.tls.cert, text) }},
		{"ssl_insecure", func(s *settings, text string) error { return choose(&s.tls.insecure, text, trueOrFalse) }},
		{"ssl_keyfile", func(s *settings, text string) error { return file(&s.tls.key, text) }},
		{"ssl_server_name", func(s *settings, text string) error { return file(&s.tls.serverName, text) }},
		{"wait_ms", setWait},
		{"wait_replicas", func(s *settings, text string) error { return number(&s.waitReplicas, text, 1, 100) }},
	}
}

// A choice is a word and what it means.
type choice[T any] struct {
	word string
	is   T
}

var (
	trueOrFalse      = []choice[bool]{{"true", true}, {"false", false}}
	topologies       = []choice[topology]{{"true", cluster}, {"false", standalone}}
	durabilities     = []choice[durability]{{"memory", inMemory}, {"aof", onDisk}, {"replicas", onReplicas}}
	connectionCounts = []choice[int]{{"1", 1}, {"2", 2}, {"4", 4}, {"8", 8}}
)

func choose[T any](to *T, text string, among []choice[T]) error {
	words := make([]string, len(among))
	for i, c := range among {
		if words[i] = c.word; strings.EqualFold(c.word, text) {
			*to = c.is
			return nil
		}
	}
	return fmt.Errorf("%swant one of %s", shown(text), strings.Join(words, ", "))
}

// shown is a value for a message, unless it may hold a piece of a password that was not escaped.
func shown(text string) string {
	if len(text) > 10 || strings.Contains(text, "@") {
		return ""
	}
	return strconv.Quote(text) + ": "
}

func number(to *int, text string, least, most int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return fmt.Errorf("%swant a number from %d to %d", shown(text), least, most)
	}
	*to = n
	return nil
}

// seconds reads a time as files of old have it.
func seconds(to *time.Duration, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0 && n <= 3600) {
		return fmt.Errorf("%swant a number of seconds above 0, up to 3600, as in 0.5", shown(text))
	}
	*to = time.Duration(n * float64(time.Second))
	return nil
}

// setReconnectSleep takes what the option of that name in a file may be: up to a day, and 0, which is as short as a pause gets.
func setReconnectSleep(s *settings, text string) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= 86_400) {
		return fmt.Errorf("%swant a number of seconds from 0 to 86400, as in 0.5", shown(text))
	}
	s.reconnectSleep = max(time.Duration(n*float64(time.Second)), firstPause)
	return nil
}

func setWait(s *settings, text string) error {
	var ms int
	err := number(&ms, text, 1, 60_000)
	s.wait = time.Duration(ms) * time.Millisecond
	return err
}

func setMaster(s *settings, text string) error {
	if text == "" {
		return errors.New("want the name that the sentinels know, as in their line sentinel monitor NAME")
	}
	s.master = text
	return nil
}

func file(to *string, text string) error {
	if text == "" || strings.ContainsRune(text, 0) {
		return errors.New("it is empty")
	}
	*to = text
	return nil
}

// isPlain reports whether r is a letter or a digit of ASCII.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// setPrefix takes what can begin a key: a brace would make another hash tag of it.
func setPrefix(s *settings, text string) error {
	odd := func(r rune) bool { return !isPlain(r) && !strings.ContainsRune("-._", r) }
	if text == "" || len(text) > 64 || strings.ContainsFunc(text, odd) {
		return errors.New("want up to 64 letters, digits, dots, dashes and underscores")
	}
	s.prefix = text
	return nil
}

// takeQuery reads what stands behind the question mark.
func (s *settings) takeQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what stands behind the question mark can't be read: a % is %25, a ; is %3B, a & in a value is %26")
	}
	options := uriOptions()
	for name := range values {
		if !slices.ContainsFunc(options, func(o option) bool { return o.name == name }) {
			return unknownOption(name, strings.Contains(query, "@"), options)
		}
	}
	for _, o := range options {
		texts := values[o.name]
		if len(texts) > 1 {
			return fmt.Errorf("option %s is given %d times", o.name, len(texts))
		}
		if len(texts) == 0 {
			continue
		}
		if err := o.set(s, texts[0]); err != nil {
			return fmt.Errorf("option %s: %w", o.name, err)
		}
	}
	if s.master != "" {
		if s.topology == cluster {
			return errors.New("master is for sentinels, so there can't be cluster=true as well")
		}
		s.topology = sentinel
	}
	return nil
}

// unknownOption names an option only if it looks like one: it may be a piece of a password.
func unknownOption(name string, doubtful bool, options []option) error {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	known := "there are " + strings.Join(names, ", ")
	odd := func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }
	if doubtful || name == "" || len(name) > 12 || strings.ContainsFunc(name, odd) {
		return errors.New("there is an unknown option behind the question mark; " + known)
	}
	return fmt.Errorf("there is no option %q; %s", name, known)
}
