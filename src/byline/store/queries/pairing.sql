-- The file store that holds the originals of this database.

-- name: lock
-- Processes that start at the same moment pair the database one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('byline file store', 0))

-- name: known
SELECT id, place, is_borne FROM file_store

-- name: know
INSERT INTO file_store (id, place) VALUES (%(id)s, %(place)s)

-- name: is_borne
UPDATE file_store SET is_borne = true, place = %(place)s
