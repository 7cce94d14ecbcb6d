-- name: insert_ask
INSERT INTO asks (id, owner, question, backend, machine, mode, collection, conversation_id, status)
VALUES (%(id)s, %(owner)s, %(question)s, %(backend)s, %(machine)s, %(mode)s, %(collection)s,
        %(conversation_id)s::uuid, 'running');

-- name: finish_ask
-- One statement: somebody waits for it.
WITH finished AS (
    UPDATE asks
    SET status = %(status)s, answer = %(answer)s, finished_at = now()
    WHERE id = %(id)s
    RETURNING id
)
INSERT INTO ask_events (ask_id, seq, type, data)
SELECT finished.id, event.seq, event.type, event.data
FROM finished,
     jsonb_to_recordset(%(events)s) AS event (seq integer, type text, data jsonb);

-- name: get_ask
SELECT id, question, backend, machine, status, created_at, finished_at, answer, conversation_id
FROM asks
WHERE id = %(id)s;

-- name: list_asks
SELECT id, question, backend, machine, status, created_at, finished_at, NULL AS answer,
       conversation_id
FROM asks
WHERE %(before_at)s::timestamptz IS NULL
   OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;

-- name: list_events
SELECT seq, type, data
FROM ask_events
WHERE ask_id = %(id)s AND seq > %(after)s
ORDER BY seq;

-- name: delete_ask
DELETE FROM asks WHERE id = %(id)s;

-- name: unfinished_owners
SELECT DISTINCT owner FROM asks WHERE finished_at IS NULL AND owner <> %(owner)s;

-- name: owner_is_gone
SELECT pg_try_advisory_xact_lock(%(owner)s) AS gone;

-- name: interrupt_asks
UPDATE asks
SET status = 'interrupted', finished_at = now()
WHERE owner = %(owner)s AND finished_at IS NULL;
