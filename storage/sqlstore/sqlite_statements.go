package sqlstore

import (
	"fmt"
	"strings"
)

// messageColumns are what scanMessage reads, from m, h (its hold, or nulls) and b (its body), at time ?4.
const messageColumns = `m.seq, m.ttl, m.created, m.expires, m.client, m.claims, m.checksum,
	CASE WHEN h.kind = 1 AND h.expires > ?4 THEN h.name ELSE '' END, b.body, b.sum`

// freeColumns are the same of messages that nothing holds.
const freeColumns = `m.seq, m.ttl, m.created, m.expires, m.client, m.claims, m.checksum, '', b.body, b.sum`

// theQueue finds the header of the queue of parameters ?1 to ?3.
const theQueue = `q.project = ?1 AND q.name = ?2 AND q.incarnation = ?3`

// sqliteStatements are written for one plan each, which plans_test.go holds on to: CROSS JOIN keeps the order of
// tables, INDEXED BY the index, for SQLite's planner knows nothing of how many rows a new file will have.
//
// An expired message is skipped by its row, a claimed one never met: messages_free does not have it.
func sqliteStatements() statements {
	return statements{
		sqliteList(), sqliteCounts(), sqliteHeaders(), sqliteMessages(), sqliteHolds(), sqliteRest(), sqliteControl(),
	}
}

// Bounds of what a read takes in beside what it gives; see [statements].
const (
	manyOver       = 64     // holds
	countedOver    = 2000   // holds
	countedExpired = 10_000 // messages
)

func sqliteList() listStatements {
	return listStatements{
		listFree: fmt.Sprintf(`
WITH over AS MATERIALIZED (
	SELECT h.id, h.qid, h.seqs, q.first_seq FROM data_queues q CROSS JOIN holds h INDEXED BY holds_due
	WHERE `+theQueue+` AND h.qid = q.id AND h.expires <= ?4 AND h.first >= q.first_seq LIMIT %d)
SELECT `+freeColumns+`, (SELECT count(*) FROM over) FROM (
	SELECT f.seq, m.ttl, m.created, m.expires, m.client, m.claims, m.checksum, m.body
	FROM data_queues q CROSS JOIN messages f INDEXED BY messages_free CROSS JOIN messages m
	WHERE `+theQueue+` AND f.qid = q.id AND f.hold = 0 AND f.seq > max(?5, q.first_seq - 1) AND f.expires > ?4
		AND m.qid = f.qid AND m.seq = f.seq AND (?6 IS NULL OR m.client <> ?6)
	UNION ALL
	SELECT m.seq, m.ttl, m.created, m.expires, m.client, m.claims, m.checksum, m.body
	FROM over CROSS JOIN json_each(over.seqs) s CROSS JOIN messages m
	WHERE m.qid = over.qid AND m.seq = s.value AND m.hold = over.id AND m.seq > ?5
		AND m.expires > ?4 AND (?6 IS NULL OR m.client <> ?6)
	ORDER BY seq LIMIT ?7) m CROSS JOIN bodies b
WHERE b.id = m.body`, manyOver),

		countOver: fmt.Sprintf(`
SELECT count(*) FROM (SELECT 1 FROM data_queues q CROSS JOIN holds h INDEXED BY holds_due
	WHERE `+theQueue+` AND h.qid = q.id AND h.expires <= ?4 AND h.first >= q.first_seq LIMIT %d) over`, manyOver),

		walkEnd: `
SELECT m.seq FROM data_queues q CROSS JOIN messages m
WHERE ` + theQueue + ` AND m.qid = q.id AND m.seq > max(?4, q.first_seq - 1) ORDER BY m.seq LIMIT 1 OFFSET ?5`,

		listAll: `
SELECT ` + messageColumns + `
FROM data_queues q CROSS JOIN messages m LEFT JOIN holds h ON h.id = m.hold CROSS JOIN bodies b
WHERE ` + theQueue + ` AND m.qid = q.id AND m.seq > max(?5, q.first_seq - 1)
	AND m.expires > ?4 AND (?6 IS NULL OR m.client <> ?6)
	AND (m.hold = 0 OR h.expires <= ?4 OR CASE h.kind WHEN 3 THEN ?8 ELSE ?7 END)
	AND b.id = m.body AND m.seq <= ?10
ORDER BY m.seq LIMIT ?9`,

		getByID: `
SELECT ` + messageColumns + `
FROM data_queues q CROSS JOIN json_each(?5) s CROSS JOIN messages m LEFT JOIN holds h ON h.id = m.hold CROSS JOIN bodies b
WHERE ` + theQueue + ` AND m.qid = q.id AND m.seq = s.value AND m.seq >= q.first_seq AND m.expires > ?4 AND b.id = m.body`,

		oldest: sqliteEnd("ASC"),
		newest: sqliteEnd("DESC"),

		getClaim: `
SELECT ` + messageColumns + `, h.ttl, h.updated
FROM data_queues q CROSS JOIN holds h CROSS JOIN json_each(h.seqs) s CROSS JOIN messages m CROSS JOIN bodies b
WHERE ` + theQueue + ` AND h.qid = q.id AND h.name = ?5 AND h.kind = 1 AND h.expires > ?4 AND h.first >= q.first_seq
	AND m.qid = q.id AND m.seq = s.value AND m.hold = h.id AND m.expires > ?4 AND b.id = m.body`,
	}
}

func sqliteCounts() countStatements {
	return countStatements{
		// What has expired, or whose claim is over, leaves the counters when the collector comes by. Until then it is counted here, in
		// the indexes alone, and taken off, up to bounds that keep a call to a few milliseconds: of more, the rest waits for the
		// collector. Claims last no longer than their messages (law C5), leases may.
		stats: fmt.Sprintf(`
WITH s AS MATERIALIZED (
	SELECT q.id, q.first_seq, q.n_total, q.n_claimed,
		(SELECT coalesce(sum(over.n), 0) FROM
			(SELECT n FROM holds INDEXED BY holds_due
			WHERE qid = q.id AND expires <= ?4 AND kind <> 3 AND first >= q.first_seq LIMIT %[1]d) over) AS over,
		(SELECT m.seq FROM messages m WHERE m.qid = q.id AND m.seq >= q.first_seq AND m.expires > ?4 ORDER BY m.seq LIMIT 1) AS oldest,
		(SELECT m.seq FROM messages m WHERE m.qid = q.id AND m.seq >= q.first_seq AND m.expires > ?4 ORDER BY m.seq DESC LIMIT 1) AS newest
	FROM data_queues q WHERE `+theQueue+`),
gone AS MATERIALIZED (
	SELECT (
		SELECT count(*) FROM holds h INDEXED BY holds_leases CROSS JOIN json_each(h.seqs) CROSS JOIN messages m
		WHERE h.qid = s.id AND h.kind = 2 AND h.expires > ?4 AND h.first >= s.first_seq
			AND m.qid = s.id AND m.seq = json_each.value AND m.hold = h.id AND m.expires <= ?4) AS held, (
		SELECT count(*) FROM
			(SELECT qid, seq FROM messages INDEXED BY messages_expires WHERE expires <= ?4 ORDER BY expires DESC LIMIT %[2]d) gone
		WHERE +gone.qid = s.id AND gone.seq >= s.first_seq) AS n
	FROM s)
SELECT m.seq, m.ttl, m.created, m.expires, m.client, m.claims, m.checksum,
	CASE WHEN h.kind = 1 AND h.expires > ?4 THEN h.name ELSE '' END, NULL, NULL,
	s.n_total - gone.n, s.n_claimed - s.over - gone.held
FROM s CROSS JOIN gone CROSS JOIN messages m LEFT JOIN holds h ON h.id = m.hold
WHERE m.qid = s.id AND m.seq IN (s.oldest, s.newest)`, countedOver, countedExpired),

		volume: `
WITH gone AS (
	SELECT count(*) AS n FROM messages e INDEXED BY messages_expires CROSS JOIN data_queues q
	WHERE e.expires <= ?1 AND q.id = e.qid AND e.seq >= q.first_seq),
leased AS (
	SELECT count(*) AS n
	FROM data_queues q CROSS JOIN holds h INDEXED BY holds_leases CROSS JOIN json_each(h.seqs) s CROSS JOIN messages m
	WHERE h.qid = q.id AND h.kind = 2 AND h.expires > ?1 AND h.first >= q.first_seq
		AND m.qid = q.id AND m.seq = s.value AND m.hold = h.id AND m.expires <= ?1),
over AS (
	SELECT coalesce(sum(h.n), 0) AS n FROM holds h INDEXED BY holds_expires CROSS JOIN data_queues q
	WHERE h.expires <= ?1 AND h.kind <> 3 AND q.id = h.qid AND h.first >= q.first_seq)
SELECT coalesce(sum(q.n_total), 0) - (SELECT n FROM gone),
	coalesce(sum(q.n_claimed), 0) - (SELECT n FROM over) - (SELECT n FROM leased)
FROM data_queues q`,

		queues: `
SELECT q.project, q.name, q.incarnation FROM data_queues q
WHERE EXISTS (SELECT 1 FROM messages m WHERE m.qid = q.id AND m.seq >= q.first_seq AND m.expires > ?1)`,

		nextEnd: `
SELECT
	EXISTS (SELECT 1 FROM holds h INDEXED BY holds_due WHERE h.qid = q.id AND h.expires <= ?4),
	coalesce((SELECT h.expires FROM holds h INDEXED BY holds_due WHERE h.qid = q.id AND h.expires > ?4 ORDER BY h.expires LIMIT 1), 0)
FROM data_queues q WHERE ` + theQueue,

		anythingTo: `
SELECT EXISTS (SELECT 1 FROM messages INDEXED BY messages_expires WHERE expires <= ?1)
	OR EXISTS (SELECT 1 FROM holds INDEXED BY holds_expires WHERE expires <= ?1)`,

		idle: `
SELECT project, name, incarnation FROM data_queues WHERE n_total = 0 AND last_seq < ?1 AND sealed = 0 LIMIT ?2`,

		freePages: `SELECT freelist_count, page_count, page_size FROM pragma_freelist_count, pragma_page_count, pragma_page_size`,
	}
}

func sqliteHeaders() headerStatements {
	return headerStatements{
		loadHeader: `
SELECT id, last_seq, first_seq, sealed, n_total, n_claimed FROM data_queues
WHERE project = ?1 AND name = ?2 AND incarnation = ?3`,

		headerByID: `
SELECT id, last_seq, first_seq, sealed, n_total, n_claimed, project, name, incarnation FROM data_queues WHERE id = ?1`,

		makeHeader: `INSERT INTO data_queues (project, name, incarnation, last_seq) VALUES (?1, ?2, ?3, ?4) RETURNING id`,
		saveHeader: `UPDATE data_queues SET last_seq = ?2, first_seq = ?3, n_total = ?4, n_claimed = ?5 WHERE id = ?1`,
		dropHeader: `DELETE FROM data_queues WHERE id = ?1`,
	}
}

func sqliteMessages() messageStatements {
	// OR FAIL: what a statement inserted before it failed may stay, for the transaction is lost. Otherwise SQLite would copy
	// each page that several rows are inserted into, so as to be able to go back.
	const (
		bodies   = `INSERT OR FAIL INTO bodies (id, body, sum) VALUES `
		body     = `(?, ?, ?)`
		messages = `
INSERT OR FAIL INTO messages (qid, seq, hold, ttl, created, expires, client, claims, checksum, body) VALUES `
		message = `(?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`
	)
	return messageStatements{
		insertBody:     bodies + body,
		insertMessage:  messages + message,
		insertBodies:   bodies + body + strings.Repeat(", "+body, rowsAtOnce-1),
		insertMessages: messages + message + strings.Repeat(", "+message, rowsAtOnce-1),

		lastBody: `SELECT coalesce(max(id), 0) FROM bodies`,

		free: `
SELECT ` + freeColumns + `
FROM (SELECT seq, expires FROM messages INDEXED BY messages_free WHERE qid = ?1 AND hold = 0 AND seq >= ?2 AND seq < ?7 ORDER BY seq LIMIT ?6) f
	CROSS JOIN messages m CROSS JOIN bodies b
WHERE f.expires > ?3 AND m.qid = ?1 AND m.seq = f.seq AND m.claims < ?4 AND b.id = m.body LIMIT ?5`,

		further: `
SELECT seq FROM messages INDEXED BY messages_free WHERE qid = ?1 AND hold = 0 AND seq >= ?2 AND seq < ?4 ORDER BY seq LIMIT 1 OFFSET ?3`,

		spent: `
SELECT ` + freeColumns + `
FROM messages m INDEXED BY messages_free CROSS JOIN bodies b
WHERE m.qid = ?1 AND m.hold = 0 AND m.seq >= ?2 AND m.seq < ?5 AND m.expires > ?3 AND m.claims >= ?4 AND b.id = m.body
ORDER BY m.seq LIMIT ?6`,

		held: `
SELECT m.seq, m.expires, m.hold, coalesce(h.kind, 0), coalesce(h.name, ''), coalesce(h.expires, 0), coalesce(h.n, 0)
FROM json_each(?2) s CROSS JOIN messages m LEFT JOIN holds h ON h.id = m.hold
WHERE m.qid = ?1 AND m.seq = s.value AND m.seq >= ?3 AND m.expires > ?4`,

		remove: `DELETE FROM messages WHERE qid = ?1 AND seq IN (SELECT value FROM json_each(?2))`,

		moveMessage: `
UPDATE messages SET qid = ?3, seq = ?4, hold = 0, claims = 0, created = ?6,
	ttl = CASE ?5 WHEN 0 THEN ttl ELSE ?5 END, expires = ?6 + 1000 * CASE ?5 WHEN 0 THEN ttl ELSE ?5 END
WHERE qid = ?1 AND seq = ?2`,
	}
}

func sqliteHolds() holdStatements {
	return holdStatements{
		insertHold: `
INSERT INTO holds (id, qid, kind, name, ttl, updated, expires, n, first, seqs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,

		lastHold:  `SELECT coalesce(max(id), 0) FROM holds`,
		hold:      `SELECT ` + holdColumns + ` FROM holds WHERE qid = ?1 AND name = ?2`,
		overHolds: `SELECT ` + holdColumns + ` FROM holds INDEXED BY holds_due WHERE qid = ?1 AND expires <= ?2 ORDER BY expires LIMIT ?3`,
		overFirst: `SELECT ` + holdColumns + ` FROM holds INDEXED BY holds_first WHERE qid = ?1 AND expires <= ?2 ORDER BY first LIMIT ?3`,
		restart:   `UPDATE holds SET ttl = ?2, updated = ?3, expires = ?4 WHERE id = ?1`,
		lighten:   `UPDATE holds SET n = n - ?2 WHERE id = ?1`,
		dropHold:  `DELETE FROM holds WHERE id = ?1`,
		dropHolds: `DELETE FROM holds WHERE id IN (SELECT value FROM json_each(?1))`,

		take: `
UPDATE messages SET hold = ?3, claims = claims + ?4 WHERE qid = ?1 AND seq IN (SELECT value FROM json_each(?2))`,

		extend: `
UPDATE messages SET ttl = ?4, expires = ?5
WHERE qid = ?1 AND seq IN (SELECT value FROM json_each(?2)) AND hold = ?3 AND expires < ?6`,

		release: `
UPDATE messages SET hold = 0
WHERE qid = ?1 AND seq IN (SELECT value FROM json_each(?2)) AND hold IN (SELECT value FROM json_each(?3))`,
	}
}

func sqliteRest() restStatements {
	return restStatements{
		expired: `SELECT m.qid, m.seq FROM messages m INDEXED BY messages_expires WHERE m.expires <= ?1 ORDER BY m.expires LIMIT ?2`,
		expiredAfter: `
SELECT expires, qid, count(*) FROM
	(SELECT expires, qid FROM messages INDEXED BY messages_expires
	WHERE (expires, qid) > (?1, ?2) AND expires <= ?3 ORDER BY expires, qid LIMIT ?4) gone
GROUP BY expires, qid ORDER BY expires, qid`,

		deadBelow: `
SELECT min(
	coalesce((SELECT seq FROM messages INDEXED BY messages_free
		WHERE qid = ?1 AND hold = 0 AND seq >= q.first_seq AND expires > ?2 ORDER BY seq LIMIT 1), q.last_seq + 1),
	coalesce((SELECT min(first) FROM holds INDEXED BY holds_first WHERE qid = ?1), q.last_seq + 1))
FROM data_queues q WHERE q.id = ?1`,

		countBelow: `
SELECT count(*), coalesce(max(seq), 0) FROM
	(SELECT seq FROM messages INDEXED BY messages_free WHERE qid = ?1 AND hold = 0 AND seq >= ?2
		AND seq < min(?3, coalesce((SELECT min(first) FROM holds INDEXED BY holds_first WHERE qid = ?1), ?3)) ORDER BY seq LIMIT ?4) gone`,

		overQueue: `SELECT qid FROM holds INDEXED BY holds_expires WHERE expires <= ?1 ORDER BY expires LIMIT 1`,

		addGarbage: `
INSERT INTO garbage (qid, below) VALUES (?1, ?2) ON CONFLICT (qid) DO UPDATE SET below = max(below, excluded.below)`,

		garbage: `SELECT qid, below FROM garbage LIMIT 1`,

		removeBelow: `
DELETE FROM messages WHERE qid = ?1 AND seq IN (SELECT seq FROM messages WHERE qid = ?1 AND seq < ?2 ORDER BY seq LIMIT ?3)`,

		holdsBelow: `
DELETE FROM holds WHERE id IN (SELECT id FROM holds INDEXED BY holds_due WHERE qid = ?1 AND first < ?2 LIMIT ?3)`,

		forgetGarbage: `DELETE FROM garbage WHERE qid = ?1`,
		vacuum:        fmt.Sprintf("PRAGMA incremental_vacuum(%d)", turnPages),
	}
}

func sqliteControl() controlStatements {
	return controlStatements{
		queue:      `SELECT incarnation, metadata FROM queues WHERE project = ?1 AND name = ?2`,
		listQueues: `SELECT name, incarnation, metadata FROM queues WHERE project = ?1 AND name > ?2 ORDER BY name LIMIT ?3`,

		createQueue: `
INSERT INTO queues (project, name, incarnation, metadata, created) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING`,

		setMetadata: `UPDATE queues SET metadata = ?3 WHERE project = ?1 AND name = ?2`,
		deleteQueue: `DELETE FROM queues WHERE project = ?1 AND name = ?2 RETURNING incarnation`,
		meta:        `SELECT value FROM meta WHERE key = ?1`,
		setMeta:     `INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
	}
}

const holdColumns = `id, qid, kind, coalesce(name, ''), ttl, updated, expires, n, first, seqs`

func sqliteEnd(direction string) string {
	return `
SELECT ` + messageColumns + `
FROM data_queues q CROSS JOIN messages m LEFT JOIN holds h ON h.id = m.hold CROSS JOIN bodies b
WHERE ` + theQueue + ` AND m.qid = q.id AND m.seq >= q.first_seq AND m.expires > ?4 AND b.id = m.body
ORDER BY m.seq ` + direction + ` LIMIT 1`
}
