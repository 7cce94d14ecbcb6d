-- Documents, their texts, passages and jobs. `visible` are the collections that whoever asks may see,
-- NULL for all.

-- name: lock_file
-- Held while a file is added or deleted by its hash, so that neither undoes the other.
SELECT pg_advisory_xact_lock(hashtextextended('byline file ' || %(sha256)s, 0))

-- name: ensure_collection
INSERT INTO collections (name) VALUES (%(collection)s) ON CONFLICT DO NOTHING

-- name: collections
SELECT name FROM collections
WHERE (%(visible)s::text[] IS NULL OR name = ANY (%(visible)s::text[]))
ORDER BY name

-- name: insert
INSERT INTO documents
    (id, name, title, state, collection, sha256, media_type, bytes_len, path, tags)
VALUES (%(id)s, %(name)s, %(title)s, %(state)s, %(collection)s, %(sha256)s, %(media_type)s,
        %(bytes_len)s, %(path)s, %(tags)s)
ON CONFLICT (collection, sha256) DO NOTHING
RETURNING *

-- name: same_bytes
SELECT * FROM documents WHERE collection = %(collection)s AND sha256 = %(sha256)s FOR UPDATE

-- name: get
SELECT * FROM documents
WHERE id = %(id)s AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))

-- name: get_locked
SELECT * FROM documents
WHERE id = %(id)s AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
FOR UPDATE

-- name: change_state
UPDATE documents
SET state = %(state)s, error_code = %(error_code)s, error_message = %(error_message)s,
    error_remedy = %(error_remedy)s, updated_at = now()
WHERE id = %(id)s AND state = ANY(%(from_states)s)
RETURNING *

-- name: set_tags
UPDATE documents SET tags = %(tags)s, updated_at = now() WHERE id = %(id)s RETURNING *

-- name: give_title
UPDATE documents
SET given_title = %(title)s, title = coalesce(%(title)s, title), updated_at = now()
WHERE id = %(id)s
RETURNING *

-- name: move
UPDATE documents SET collection = %(collection)s, updated_at = now() WHERE id = %(id)s RETURNING *

-- name: describe
UPDATE documents
SET title = coalesce(given_title, %(title)s), media_type = %(media_type)s, language = %(language)s, pages = %(pages)s,
    passages = %(passages)s, embedded = 0, chunked_by = %(chunked_by)s, warnings = %(warnings)s
WHERE id = %(id)s

-- name: write_text
INSERT INTO document_texts (document_id, text, pages) VALUES (%(id)s, %(text)s, %(pages)s)
ON CONFLICT (document_id) DO UPDATE SET text = EXCLUDED.text, pages = EXCLUDED.pages

-- name: text
SELECT t.text, t.pages, d.title, d.media_type
FROM document_texts t JOIN documents d ON d.id = t.document_id
WHERE t.document_id = %(id)s AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))

-- name: set_length
INSERT INTO passage_length (chars_max) VALUES (%(chars_max)s)
ON CONFLICT (is_only) DO UPDATE SET chars_max = excluded.chars_max

-- name: length
SELECT chars_max FROM passage_length

-- name: cut_by_earlier_rules
SELECT id FROM documents
WHERE (
    chunked_by < %(cut_by)s OR (chunked_by > %(cut_by)s AND chunked_by < %(version_to)s)
) AND state IN ('indexed', 'embedded', 'enriched')
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: any_waits
SELECT EXISTS (SELECT FROM documents WHERE state IN ('queued', 'extracting')) AS waits

-- name: reserve_passage_ids
SELECT array_agg(nextval('passages_id_seq')) AS ids FROM generate_series(1, %(count)s)

-- name: copy_passages
COPY passages
    (id, document_id, ordinal, page, start_offset, end_offset, heading, text, fingerprint, gap)
FROM STDIN (FORMAT binary)

-- name: delete_passages
DELETE FROM passages WHERE document_id = %(id)s

-- name: jobs
-- The jobs that wait, run or failed, newest first. A document that could not be read has no job any
-- more: its failure is in its own row.
SELECT job.id::text AS id, job.task_name AS kind, job.args ->> 'document_id' AS document_id,
       d.name,
       CASE WHEN d.state = 'failed' THEN 'failed'
            WHEN job.status = 'doing' THEN 'running'
            WHEN job.status = 'todo' AND job.attempts > 0 THEN 'retrying'
            WHEN job.status = 'todo' THEN 'waiting'
            ELSE 'failed' END AS state,
       job.attempts,
       CASE WHEN job.status = 'todo' THEN job.scheduled_at END AS next_try_at,
       d.error_code, d.error_message, d.error_remedy,
       coalesce(d.updated_at, job.scheduled_at, now()) AS updated_at
FROM procrastinate_jobs job
LEFT JOIN documents d ON d.id::text = job.args ->> 'document_id'
WHERE job.status IN ('todo', 'doing', 'failed')
  AND (%(visible)s::text[] IS NULL OR d.collection = ANY (%(visible)s::text[]))
UNION ALL
SELECT 'document-' || d.id, 'read_document', d.id::text, d.name, 'failed', 0, NULL,
       d.error_code, d.error_message, d.error_remedy, d.updated_at
FROM documents d
WHERE d.state = 'failed'
  AND (%(visible)s::text[] IS NULL OR d.collection = ANY (%(visible)s::text[]))
  AND NOT EXISTS (SELECT FROM procrastinate_jobs job
                  WHERE job.status IN ('todo', 'doing', 'failed')
                    AND job.args ->> 'document_id' = d.id::text)
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s

-- name: commit_lazily
-- A job can be done again from the file that was stored when its document was added, so its commits
-- need not wait for the disk. After a crash its last moments are lost, and the job is still there.
SELECT set_config('synchronous_commit', 'off', true)

-- name: always_commit_lazily
-- The same for all transactions of the connection.
SELECT set_config('synchronous_commit', 'off', false)

-- name: try_alone
SELECT pg_try_advisory_lock(hashtextextended('byline readers', 0)) AS alone

-- name: hold_place
SELECT pg_advisory_lock_shared(hashtextextended('byline readers', 0))

-- name: alone_no_more
SELECT pg_advisory_unlock(hashtextextended('byline readers', 0))
