package redis

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"strings"
)

//go:embed scripts/*.lua
var scriptFiles embed.FS

// A script is a Lua script of the folder scripts, known to servers by its SHA-1.
type script struct {
	name     string
	text     string
	sha      string
	readOnly bool // it never writes
	looks    bool // what it writes need not be safe: it would be done again
	fresh    bool // no client repeats it: the first try finds nothing done
	repeat   bool // it may be sent again after a try that was not answered
}

// scripts are all there are.
type scripts struct {
	// Of one queue's messages.
	post, list, first, get, stats, pop, delete, claim, claimed, update, release, purge, seal, watch *script
	// Of the data plane as a whole.
	index, queues, bind, ping *script
	// What is written once, of either plane.
	kept *script
	// Behind a script that may be repeated, where writes wait for durability.
	assure *script
	// Of the control plane.
	controlID, createQueue, getQueue, setQueue, deleteQueue, listQueues *script
}

// newScripts puts the scripts together.
func newScripts() *scripts {
	return &scripts{
		post:    newScript("post").once().anew(),
		list:    newScript("list"),
		first:   newScript("first"),
		get:     newScript("get").reading(),
		stats:   newScript("stats").looking(),
		pop:     newScript("pop").once().anew(),
		delete:  newScript("delete"),
		claim:   newScript("claim").anew(),
		claimed: newScript("claimed").reading(),
		update:  newScript("update"),
		release: newScript("release"),
		purge:   newScript("purge"),
		seal:    newScript("seal"),
		watch:   newScript("watch").looking(),

		index:  newScript("index"),
		queues: newScript("queues").reading(),
		bind:   newScript("bind"),
		ping:   newScript("ping").reading(),
		kept:   newScript("kept").reading(),
		assure: newScript("assure"),

		controlID:   newScript("control_id"),
		createQueue: newScript("queue_create"),
		getQueue:    newScript("queue_get").reading(),
		setQueue:    newScript("queue_set"),
		deleteQueue: newScript("queue_delete").once(),
		listQueues:  newScript("queue_list").reading(),
	}
}

// newScript makes the script of a file. It may be repeated.
func newScript(name string) *script {
	text := strings.Join(scriptLines(name), "")
	sum := sha1.Sum([]byte(text))
	return &script{name: name, text: text, sha: hex.EncodeToString(sum[:]), repeat: true}
}

// scriptLines are those of a file. A line --#include NAME stands for those of another.
func scriptLines(name string) []string {
	file, err := scriptFiles.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err) // it is embedded
	}
	var lines []string
	for line := range strings.Lines(string(file)) {
		if part, found := strings.CutPrefix(strings.TrimSpace(line), "--#include "); found {
			lines = append(lines, scriptLines(part)...)
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

// once says that a script whose answer never came is not to be sent again: it would do more than it was asked for.
func (s *script) once() *script {
	s.repeat = false
	return s
}

// anew says that each call is another one, whoever repeats what.
func (s *script) anew() *script {
	s.fresh = true
	return s
}

// looking says that a script writes only what time has brought about, which whoever looks next would do again, and shows no message: one that
// is shown has to be safe.
func (s *script) looking() *script {
	s.looks = true
	return s
}

func (s *script) reading() *script {
	s.readOnly = true
	return s
}

// all are the scripts, to be made known to servers.
func (s *scripts) all() []*script {
	return []*script{
		s.post, s.list, s.first, s.get, s.stats, s.pop, s.delete, s.claim, s.claimed, s.update, s.release, s.purge, s.seal, s.watch,
		s.index, s.queues, s.bind, s.ping, s.kept, s.assure,
		s.controlID, s.createQueue, s.getQueue, s.setQueue, s.deleteQueue, s.listQueues,
	}
}
