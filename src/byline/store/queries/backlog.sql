-- Documents that wait to be read, are being read, or would never be read for want of a job.

-- name: without_job
-- Waiting documents without a job. A document that is just being given one is locked.
SELECT id, name FROM documents
WHERE state IN ('queued', 'extracting')
  AND NOT EXISTS (
      SELECT FROM procrastinate_jobs AS job
      WHERE job.status IN ('todo', 'doing') AND job.args ->> 'document_id' = documents.id::text
  )
ORDER BY created_at DESC
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: bring_forward
-- Jobs put off for longer than any is: the clock was set back since. They are due at once.
UPDATE procrastinate_jobs SET scheduled_at = NULL
WHERE queue_name = %(queue)s AND status = 'todo'
  AND scheduled_at > now() + make_interval(secs => 2 * %(pause_s_max)s)

-- name: has_another_job
-- Whether a document has a job besides this one.
SELECT EXISTS (
    SELECT FROM procrastinate_jobs
    WHERE status IN ('todo', 'doing') AND id <> %(job)s AND args ->> 'document_id' = %(document)s
) AS has_another

-- name: queue_unembedded
-- Queue the documents that have no vectors and are not queued for embedding.
WITH queued AS (
    INSERT INTO embedding_work (document_id, created_at)
    SELECT id, created_at FROM documents
    WHERE state = 'indexed' AND passages > 0
      AND NOT EXISTS (SELECT FROM embedding_work AS work WHERE work.document_id = documents.id)
    ON CONFLICT (document_id) DO NOTHING
    RETURNING document_id
)
SELECT count(*) AS documents, pg_notify('byline_embedding', '') FROM queued

-- name: standing
-- How many documents wait and how many are being read, and for how many seconds the first of each
-- has done so. One that is tried again waits from its next try on.
SELECT count(*) FILTER (WHERE state = 'queued') AS waiting,
       count(*) FILTER (WHERE state = 'extracting') AS reading,
       extract(epoch FROM clock_timestamp() - min(
           CASE WHEN error_code IS NULL THEN updated_at
                ELSE updated_at + make_interval(secs => %(pause_s_max)s) END
       ) FILTER (WHERE state = 'queued'))::float8 AS waits_s,
       extract(epoch FROM clock_timestamp() - min(updated_at) FILTER (
           WHERE state = 'extracting'))::float8 AS reads_s
FROM documents
WHERE state IN ('queued', 'extracting')
