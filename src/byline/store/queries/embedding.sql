-- The embedding of passages: the documents that wait for it, newest first, and its progress.

-- name: try_alone
SELECT pg_try_advisory_lock(hashtextextended('byline embedding', 0)) AS alone

-- name: listen
LISTEN byline_embedding

-- name: queue_document
WITH queued AS (
    INSERT INTO embedding_work (document_id, created_at)
    SELECT id, created_at FROM documents WHERE id = %(id)s
    ON CONFLICT (document_id) DO UPDATE SET queued_at = clock_timestamp(), next_ordinal = 0
)
SELECT pg_notify('byline_embedding', '')

-- name: queue_all
INSERT INTO embedding_work (document_id, created_at)
SELECT id, created_at FROM documents WHERE passages > 0
ON CONFLICT (document_id) DO UPDATE SET queued_at = clock_timestamp(), next_ordinal = 0

-- name: next_passages
-- A document with nothing left to embed is one row without a passage.
SELECT work.document_id, work.queued_at, rest.id, rest.ordinal, documents.title, rest.heading,
       rest.text
FROM (
    SELECT document_id, queued_at, next_ordinal, created_at FROM embedding_work
    ORDER BY created_at DESC, document_id
    LIMIT %(limit)s
) AS work
JOIN documents ON documents.id = work.document_id
LEFT JOIN LATERAL (
    SELECT id, ordinal, heading, text FROM passages
    WHERE passages.document_id = work.document_id AND ordinal >= work.next_ordinal
      AND NOT EXISTS (SELECT FROM {vectors} AS had WHERE had.passage_id = passages.id)
    ORDER BY ordinal
    LIMIT %(limit)s
) AS rest ON true
ORDER BY work.created_at DESC, work.document_id, rest.ordinal
LIMIT %(limit)s

-- name: lock_documents
-- Removing a document and reading it again lock it first, too.
SELECT documents.id, embedding_work.queued_at
FROM documents JOIN embedding_work ON embedding_work.document_id = documents.id
WHERE documents.id = ANY (%(ids)s::uuid[])
ORDER BY documents.id
FOR UPDATE OF documents

-- name: add_vectors
INSERT INTO {vectors} (passage_id, document_id, collection, embedding)
SELECT passages.id, passages.document_id, documents.collection, made.embedding::halfvec
FROM unnest(%(passages)s::bigint[], %(embeddings)s::text[]) AS made (id, embedding)
JOIN passages ON passages.id = made.id
JOIN documents ON documents.id = passages.document_id
WHERE passages.document_id = ANY (%(documents)s::uuid[])
ON CONFLICT (passage_id) DO NOTHING

-- name: count_embedded
UPDATE documents SET embedded = (
    SELECT count(*) FROM {vectors} AS had WHERE had.document_id = documents.id
)
WHERE id = ANY (%(documents)s::uuid[])

-- name: count_all
UPDATE documents SET embedded = counted.vectors
FROM (
    SELECT documents.id, count(had.passage_id) AS vectors
    FROM documents LEFT JOIN {vectors} AS had ON had.document_id = documents.id
    GROUP BY documents.id
) AS counted
WHERE counted.id = documents.id AND documents.embedded <> counted.vectors

-- name: go_on_from
UPDATE embedding_work SET next_ordinal = %(next_ordinal)s WHERE document_id = %(document)s

-- name: finish_documents
DELETE FROM embedding_work
WHERE document_id = ANY (%(documents)s::uuid[])
  AND NOT EXISTS (
      SELECT FROM passages
      WHERE passages.document_id = embedding_work.document_id
        AND passages.ordinal >= embedding_work.next_ordinal
        AND NOT EXISTS (SELECT FROM {vectors} AS had WHERE had.passage_id = passages.id)
  )
RETURNING document_id

-- name: fold_changes
WITH folded AS (
    DELETE FROM vector_changes
    WHERE (SELECT count(*) FROM vector_changes) > %(changes_max)s
    RETURNING space_id, collection, passages
)
INSERT INTO vector_changes (space_id, collection, passages)
SELECT space_id, collection, sum(passages) FROM folded GROUP BY space_id, collection

-- name: note_failure
UPDATE vector_spaces
SET error_code = %(code)s, error_message = %(message)s, error_remedy = %(remedy)s,
    failures = failures + 1, next_try_at = clock_timestamp() + make_interval(secs => %(pause_s)s)
WHERE id = %(space)s

-- name: note_success
UPDATE vector_spaces
SET error_code = NULL, error_message = NULL, error_remedy = NULL, failures = 0, next_try_at = NULL
WHERE id = %(space)s AND failures > 0

-- name: job
-- All embedding of the collections that whoever asks may see (`visible`, NULL for all) as one job; no
-- row while nothing waits.
SELECT 'embedding' AS id, 'embed_passages' AS kind, work.document_id::text AS document_id,
       documents.name,
       CASE WHEN space.next_try_at IS NULL THEN 'running' ELSE 'retrying' END AS state,
       coalesce(space.failures, 0) AS attempts, space.next_try_at,
       space.error_code, space.error_message, space.error_remedy,
       clock_timestamp() AS updated_at,
       coalesce((
           SELECT sum(passages) FROM vector_changes
           WHERE space_id = space.id
             AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
       ), 0)::bigint AS done,
       coalesce((
           SELECT sum(passages) FROM (
               SELECT collection, passages FROM lexical_totals
               UNION ALL SELECT collection, passages FROM lexical_changes
           ) AS counted
           WHERE (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
       ), 0)::bigint AS total
FROM (
    SELECT document_id FROM embedding_work
    WHERE %(visible)s::text[] IS NULL OR EXISTS (
        SELECT FROM documents
        WHERE documents.id = embedding_work.document_id
          AND documents.collection = ANY (%(visible)s::text[])
    )
    ORDER BY created_at DESC, document_id LIMIT 1
) AS work
JOIN documents ON documents.id = work.document_id
LEFT JOIN LATERAL (
    SELECT * FROM vector_spaces WHERE retired_at IS NULL ORDER BY id DESC LIMIT 1
) AS space ON true
