package sqlstore

import (
	"context"
	"database/sql"
	"embed"

	"github.com/pressly/goose/v3"
)

// A dialect is what differs from one kind of database to the next: how it is spelled, how a write is run, how its schema
// came about. The rules (which message is free, who may delete it, what is counted) are the same for all, and stand in
// the files named for a resource.
type dialect struct {
	goose      goose.Dialect
	folder     string // in migrations
	statements statements
}

//go:embed migrations
var migrations embed.FS

// An engine runs reads and writes on one database.
type engine interface {
	// write runs w in a transaction: all of it, or nothing. If ctx ends before it has begun, nothing was done; if
	// later, all or nothing was, as after any error of the database itself.
	write(ctx context.Context, w work) error

	// read calls row for each row of a query, which sees one state of the database. It ends with ctx.
	read(ctx context.Context, query string, row func(*sql.Rows) error, args ...any) error

	// trim gives back to the system what the database keeps beyond its pages, as far as nobody is in the way.
	trim(ctx context.Context) error

	// close finishes what has begun. No call may be made after it.
	close() error
}

// A work is a write to be run.
type work struct {
	// run may be called again: when the transaction was lost for another's sake, and with it what run did; and when it
	// answers errAgain, which says that it has done a part, which stays done, and leaves the database to others in between.
	run func(*tx) error
	// bytes are about how much it writes beside a few numbers.
	bytes int
}

// statements are the texts of a dialect. A query for messages gives the columns that [scanMessage] reads, first. A
// parameter named seqs is a JSON array of numbers. Where a read names a queue, its parameters begin with key, which
// [keyOf] makes: project, name, incarnation and the time.
type statements struct {
	listStatements
	countStatements
	headerStatements
	messageStatements
	holdStatements
	restStatements
	controlStatements
}

// Reads of messages. All see those whose hold is over as free, whether or not a write has noticed yet.
type listStatements struct {
	listFree  string // key, after, client or null, limit: free messages of others than client, each with how many holds were over
	listAll   string // key, after, client or null, with claimed, with delayed, limit, the last to look at
	countOver string // key: how many holds are over that no write has ended yet, up to manyOver
	walkEnd   string // project, name, incarnation, after, n: the seq behind n messages of any kind
	getByID   string // key, seqs: live messages
	oldest    string // key: one message
	newest    string // key: one message
	getClaim  string // key, claim: its messages, each with the claim's ttl and time of update
}

// Reads of what is to be counted or done.
type countStatements struct {
	stats      string // key: the oldest and the newest message without body, with the counts of all and of claimed ones
	volume     string // time: counts of all and of claimed messages
	queues     string // time: project, name and incarnation of queues that hold messages
	nextEnd    string // key: whether a hold is over, and when the next one will be, or 0
	anythingTo string // time: whether there are expired messages or holds that are over
	idle       string // last, limit: project, name, incarnation of queues with nothing in them and no post since
	freePages  string // how many pages of the database hold nothing, how many there are, and the size of one
}

// Headers of queues. Each write knows them; see headers.go.
type headerStatements struct {
	loadHeader string // project, name, incarnation: id, last, first, sealed, total, claimed
	headerByID string // id: the same, and project, name, incarnation
	makeHeader string // project, name, incarnation, last: id
	saveHeader string // id, last, first, total, claimed
	dropHeader string // id
}

// Messages, as writes find and change them.
type messageStatements struct {
	insertBody     string // id, body, sum
	insertMessage  string // qid, seq, hold, ttl, created, expires, client, checksum, body
	insertBodies   string // the parameters of insertBody, for each of rowsAtOnce rows
	insertMessages string // those of insertMessage
	lastBody       string // highest id of a body
	free           string // qid, from, time, most claims, limit, looked, below: free messages among the first so many rows
	further        string // qid, from, looked, below: seq of the free row behind so many
	spent          string // qid, from, time, least claims, below, limit: free messages claimed so often
	held           string // qid, seqs, first, time: seq, expires, and hold, kind, name, end and number of what holds it
	remove         string // qid, seqs
	moveMessage    string // qid, seq, new qid, new seq, ttl or 0, time: makes it a new, free one
}

// Holds, and what they do to messages.
type holdStatements struct {
	insertHold string // id, qid, kind, name or null, ttl, updated, expires, n, first, seqs
	lastHold   string // highest id of a hold
	hold       string // qid, name: a hold, all its columns
	overHolds  string // qid, time, limit: those that are over
	overFirst  string // qid, time, limit: the same, those first that hold the oldest messages
	restart    string // id, ttl, updated, expires
	lighten    string // id, n: it holds n fewer
	dropHold   string // id
	dropHolds  string // ids, a JSON array
	take       string // qid, seqs, hold, claims more
	extend     string // qid, seqs, hold, ttl, expires, before: of those that expire before
	release    string // qid, seqs, holds, a JSON array
}

// What is left over.
type restStatements struct {
	expired       string // time, limit: qid and seq of messages
	expiredAfter  string // time, qid, time, limit: of the next messages to expire, how many do so at a time in a queue: time, qid, number
	deadBelow     string // qid, time: the seq below which all messages have expired, and nothing has held any
	countBelow    string // qid, from, below, limit: how many free messages there are, and the last one's seq
	overQueue     string // time: qid of a hold that is over
	addGarbage    string // qid, below
	garbage       string // a qid and below
	removeBelow   string // qid, below, limit
	holdsBelow    string // qid, below, limit
	forgetGarbage string // qid
	vacuum        string // gives a few free pages back to the system
}

// The control plane, and what is known of the database as a whole.
type controlStatements struct {
	queue       string // project, name: incarnation, metadata
	listQueues  string // project, after, limit: name, incarnation, metadata
	createQueue string // project, name, incarnation, metadata, created: unless it is there
	setMetadata string // project, name, metadata
	deleteQueue string // project, name: incarnation
	meta        string // key: value
	setMeta     string // key, value
}
