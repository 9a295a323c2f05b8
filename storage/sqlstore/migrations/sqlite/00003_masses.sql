-- +goose Up

-- With the time at which they expire, so that where thousands have, and are not collected yet, looking for one that has not goes
-- through the index alone. It only changes while a message is held, and then it does not stand here.
DROP INDEX messages_free;
CREATE INDEX messages_free ON messages (qid, seq, expires) WHERE hold = 0;

-- Claims by their oldest message: when thousands end together, those are freed first whose messages are wanted first, and
-- it is known below which message nothing is held.
CREATE INDEX holds_first ON holds (qid, first, expires);

-- Leases of dead letters, of which there are few at a time: they alone may outlive what they hold.
CREATE INDEX holds_leases ON holds (qid) WHERE kind = 2;
