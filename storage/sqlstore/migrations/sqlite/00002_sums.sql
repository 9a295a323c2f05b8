-- +goose Up

-- The CRC-32C of the body, by which it is known that the disk gives back what it was given: SQLite checks how its pages hang together,
-- not what stands in them. NULL: a body from before.
ALTER TABLE bodies ADD COLUMN sum INTEGER;
