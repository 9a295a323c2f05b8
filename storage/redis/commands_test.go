//go:build unix

package redis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/marconi-mq/marconi/internal/testservices"
)

var quoted = regexp.MustCompile(`'([A-Z]+)'`)
var called = regexp.MustCompile(`call\('([A-Z]+)'`)

// TestCommandsAreOf60 asks a newer server since when there is what the scripts use.
func TestCommandsAreOf60(t *testing.T) {
	server := testservices.StartRedis(t)
	if !server.AtLeast(7, 0) {
		t.Skip("the server is older than 7.0, which does not know since when its commands are")
	}
	used, words := map[string][]string{}, map[string][]string{}
	for _, s := range newScripts().all() {
		for _, m := range called.FindAllStringSubmatch(s.text, -1) {
			used[m[1]] = append(used[m[1]], s.name)
		}
		for line := range strings.Lines(s.text) {
			if m := called.FindStringSubmatch(line); m != nil {
				for _, w := range quoted.FindAllStringSubmatch(line, -1) {
					words[m[1]] = append(words[m[1]], w[1])
				}
			}
		}
	}
	if len(used) < 20 {
		t.Fatalf("only %d commands were found in the scripts: %v", len(used), used)
	}
	for command, scripts := range used {
		docs := pairs(server.Do("COMMAND", "DOCS", command).([]any))
		doc, is := docs[strings.ToLower(command)].([]any)
		if !is {
			t.Errorf("%s, of scripts %v, is no command", command, scripts)
			continue
		}
		about := pairs(doc)
		if since := fmt.Sprint(about["since"]); newer(since) {
			t.Errorf("%s, of scripts %v, is there since %s only", command, scripts, since)
		}
		for token, since := range newTokens(about["arguments"]) {
			if slices.Contains(words[command], token) {
				t.Errorf("%s with %s is there since %s only", command, token, since)
			}
		}
	}
}

// TestWhatIsNewIsNotUsed looks for what came to our commands in 6.2 and 7.0, also on a server that can't be asked.
func TestWhatIsNewIsNotUsed(t *testing.T) {
	for _, s := range newScripts().all() {
		for line := range strings.Lines(s.text) {
			if strings.Contains(line, "call('XRANGE'") || strings.Contains(line, "call('XREVRANGE'") {
				if strings.Contains(line, "'(") {
					t.Errorf("script %s has an exclusive range of a stream, which is of 6.2: %s", s.name, line)
				}
			}
			for _, word := range []string{"'NOMKSTREAM'", "'BYSCORE'", "'BYLEX'", "'REV'", "'PXAT'", "'EXAT'", "'GT'", "'LT'", "redis.setresp"} {
				if strings.Contains(line, word) {
					t.Errorf("script %s uses %s, which is newer than 6.0: %s", s.name, word, line)
				}
			}
		}
	}
}

// TestScriptsNameTheirKeys by KEYS only: a cluster must know them beforehand.
func TestScriptsNameTheirKeys(t *testing.T) {
	local := regexp.MustCompile(`call\('[A-Z]+', (?:'USAGE', )?([^,)]+)`)
	keys := map[string]bool{
		"H": true, "S": true, "K": true, "M": true, "R": true, "D": true, "X": true, "C": true, "L": true,
		"KEYS[1]": true, "KEYS[2]": true, "KEYS[i]": true, "key": true, "unpack(KEYS": true,
	}
	for _, s := range newScripts().all() {
		for line := range strings.Lines(s.text) {
			for _, m := range local.FindAllStringSubmatch(line, -1) {
				if !keys[m[1]] && !strings.Contains(line, "'PUBLISH'") {
					t.Errorf("script %s calls a command on %s: %s", s.name, m[1], line)
				}
			}
		}
	}
}

// pairs makes a map of a list of names and values.
func pairs(list []any) map[string]any {
	all := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		all[fmt.Sprint(list[i])] = list[i+1]
	}
	return all
}

func newer(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "%d.%d", &major, &minor)
	return err != nil || major > 6 || major == 6 && minor > 0
}

// newTokens are the words among arguments that are newer than 6.0.
func newTokens(arguments any) map[string]string {
	found := map[string]string{}
	list, _ := arguments.([]any)
	for _, one := range list {
		fields, _ := one.([]any)
		about := pairs(fields)
		since, has := about["since"].(string)
		if token, is := about["token"].(string); is && has && newer(since) {
			found[token] = since
		}
		for token, since := range newTokens(about["arguments"]) {
			found[token] = since
		}
	}
	return found
}
