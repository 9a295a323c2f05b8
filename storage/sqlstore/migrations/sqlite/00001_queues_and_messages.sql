-- Times are milliseconds since 1970. A seq is that of package seqid: the place of a message in its queue, for ever.

-- +goose Up

-- control: the ID of the control store in this file. bound: that of the control store whose data this is.
-- floor: the highest seq of any queue that was dropped. Queues made later begin above it.
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;

-- The control plane's queues.
CREATE TABLE queues (
  project     TEXT NOT NULL,
  name        TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  metadata    BLOB NOT NULL,
  created     INTEGER NOT NULL,
  PRIMARY KEY (project, name)
) WITHOUT ROWID, STRICT;

-- What the data plane knows of a queue, from its first post on. An id is never given twice: the messages of a dropped
-- queue lie about until they are collected.
CREATE TABLE data_queues (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  project     TEXT NOT NULL,
  name        TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  last_seq    INTEGER NOT NULL,           -- the highest that was given to a message
  first_seq   INTEGER NOT NULL DEFAULT 0, -- a purge raises it above all: what lies below is dead
  sealed      INTEGER NOT NULL DEFAULT 0, -- the queue has moved to another store
  n_total     INTEGER NOT NULL DEFAULT 0, -- rows of messages from first_seq on
  n_claimed   INTEGER NOT NULL DEFAULT 0, -- those of them that a claim or lease holds
  UNIQUE (project, name, incarnation)
) STRICT;

-- The changing part of a message. It is narrow, so that a claim rewrites a hundred bytes and not a body of 256 KiB.
CREATE TABLE messages (
  qid      INTEGER NOT NULL,              -- data_queues.id
  seq      INTEGER NOT NULL,
  hold     INTEGER NOT NULL,              -- holds.id of what keeps it back; 0: nothing, it is free
  ttl      INTEGER NOT NULL,              -- seconds
  created  INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  client   TEXT NOT NULL,
  claims   INTEGER NOT NULL,              -- how often it was claimed
  checksum TEXT NOT NULL,
  body     INTEGER NOT NULL,              -- bodies.id
  PRIMARY KEY (qid, seq)
) WITHOUT ROWID, STRICT;

CREATE INDEX messages_free ON messages (qid, seq) WHERE hold = 0;
CREATE INDEX messages_expires ON messages (expires);

CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;

-- +goose StatementBegin
CREATE TRIGGER body_goes_with_message AFTER DELETE ON messages BEGIN
  DELETE FROM bodies WHERE id = old.body;
END;
-- +goose StatementEnd

-- A hold keeps messages of one queue back until a moment. When that has come they are free, whether or not the hold has
-- been removed. A hold that holds no message is removed.
CREATE TABLE holds (
  id      INTEGER PRIMARY KEY,
  qid     INTEGER NOT NULL,
  kind    INTEGER NOT NULL,               -- 1 a claim, 2 the lease of dead letters, 3 a delay
  name    TEXT,                           -- the claim's or lease's ID
  ttl     INTEGER NOT NULL,               -- seconds
  updated INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  n       INTEGER NOT NULL,               -- rows of messages that it holds
  first   INTEGER NOT NULL,               -- the lowest of seqs
  seqs    TEXT NOT NULL,                  -- a JSON array, rising: what it has held
  UNIQUE (qid, name)
) STRICT;

CREATE INDEX holds_due ON holds (qid, expires);
CREATE INDEX holds_expires ON holds (expires);

-- What is left of queues that were dropped or purged: rows of qid with a seq below this one. It is collected bit by bit.
CREATE TABLE garbage (qid INTEGER PRIMARY KEY, below INTEGER NOT NULL) STRICT;
