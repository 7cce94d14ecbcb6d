-- Documents that were removed and can still be restored. The view `documents` leaves them out.
-- `visible` are the collections that whoever asks may see, NULL for all.

-- name: lock
-- What the caller may see of them. Ordered, as in every statement that locks several documents, so
-- that two cannot deadlock.
SELECT id FROM stored_documents
WHERE id = ANY (%(ids)s::uuid[]) AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
ORDER BY id
FOR UPDATE

-- name: hide
UPDATE stored_documents SET removed_at = now()
WHERE id = ANY (%(ids)s::uuid[]) AND removed_at IS NULL
RETURNING *, now() + make_interval(secs => %(undo_s)s) AS until

-- name: drop_embedding
DELETE FROM embedding_work WHERE document_id = ANY (%(ids)s::uuid[])

-- name: show
UPDATE stored_documents SET removed_at = NULL, updated_at = now()
WHERE id = ANY (%(ids)s::uuid[]) AND removed_at IS NOT NULL
RETURNING *

-- name: hidden
SELECT *, removed_at + make_interval(secs => %(undo_s)s) AS until FROM stored_documents
WHERE removed_at IS NOT NULL AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s::uuid[]))
  AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
ORDER BY removed_at DESC, id
LIMIT %(limit)s

-- name: due
-- A document whose time for undo is over and that no other process has locked.
SELECT id, sha256 FROM stored_documents
WHERE removed_at < now() - make_interval(secs => %(undo_s)s)
ORDER BY removed_at
LIMIT 1
FOR UPDATE SKIP LOCKED

-- name: hidden_same_bytes
SELECT id FROM stored_documents
WHERE collection = %(collection)s AND sha256 = %(sha256)s AND removed_at IS NOT NULL
FOR UPDATE

-- name: get_locked
SELECT * FROM stored_documents
WHERE id = %(id)s AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
FOR UPDATE

-- name: delete
DELETE FROM stored_documents WHERE id = %(id)s

-- name: file_is_used
SELECT EXISTS (SELECT FROM stored_documents WHERE sha256 = %(sha256)s) AS used

-- name: expect_file
INSERT INTO expected_files (sha256) VALUES (%(sha256)s)
ON CONFLICT (sha256) DO UPDATE SET since = now()

-- name: expect_unknown
-- Add the files of the store that no document uses to `expected_files`, unless they are there.
INSERT INTO expected_files (sha256)
SELECT kept.sha256 FROM unnest(%(hashes)s::text[]) AS kept (sha256)
WHERE NOT EXISTS (SELECT FROM stored_documents WHERE stored_documents.sha256 = kept.sha256)
ON CONFLICT (sha256) DO NOTHING
RETURNING sha256

-- name: expect_no_more
DELETE FROM expected_files WHERE sha256 = %(sha256)s

-- name: long_expected
SELECT sha256 FROM expected_files
WHERE since < now() - make_interval(secs => %(age_s)s)
ORDER BY since
LIMIT %(limit)s
