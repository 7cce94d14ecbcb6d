-- name: insert_ask
-- This commit does not wait for the disk; the commit of the answer does. A power cut may lose the
-- row of a question asked in the last second, which had no answer yet.
WITH unhurried AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO asks (id, owner, caller, question, backend, machine, mode, collection, conversation_id,
                  status, terms, analysis)
SELECT %(id)s, %(owner)s, %(caller)s, %(question)s, %(backend)s, %(machine)s, %(mode)s,
       %(collection)s, %(conversation_id)s::uuid, 'running', %(terms)s::integer[], %(analysis)s
FROM unhurried
ON CONFLICT (id) DO NOTHING;

-- name: finish_ask
-- One statement: somebody waits for it. An ask that has been finished is left alone: its end may be
-- stored a second time where nobody heard whether the first was.
WITH finished AS (
    UPDATE asks
    SET status = %(status)s, answer = %(answer)s, finished_at = now(),
        terms = %(terms)s::integer[], analysis = %(analysis)s
    WHERE id = %(id)s AND NOT EXISTS (SELECT FROM ask_events WHERE ask_id = %(id)s)
    RETURNING id
)
INSERT INTO ask_events (ask_id, seq, type, since, at, data)
SELECT finished.id, event.seq, event.type, event.since, event.at, event.data
FROM finished,
     jsonb_to_recordset(%(events)s)
         AS event (seq integer, type text, since timestamptz, at timestamptz, data jsonb);

-- name: get_ask
SELECT id, question, backend, machine, status, created_at, finished_at, answer, conversation_id,
       mode, collection
FROM asks
WHERE id = %(id)s AND caller = %(caller)s;

-- name: conditions
-- Conditions on `asks`, for the lists of asks and of conversations. A parameter that is NULL does
-- not filter. `caller` is whose asks are listed.
    caller = %(caller)s
AND (%(backends)s::text[] IS NULL OR backend = ANY (%(backends)s::text[]))
AND (%(machines)s::text[] IS NULL OR machine = ANY (%(machines)s::text[]))
AND (%(statuses)s::text[] IS NULL OR status = ANY (%(statuses)s::text[]))
AND (%(conversation_id)s::uuid IS NULL OR conversation_id = %(conversation_id)s::uuid)
AND (%(asked_from)s::timestamptz IS NULL OR created_at >= %(asked_from)s::timestamptz)
AND (%(asked_until)s::timestamptz IS NULL OR created_at < %(asked_until)s::timestamptz)

-- name: with_words
terms @> %(terms)s::integer[]

-- name: cites
-- Uses the index `asks_citing`.
jsonb_path_query_array(answer, '$.citations[*].document_id') @> jsonb_build_array(%(cites)s::text)

-- name: list_asks
-- MATERIALIZED, so that answers are read for the rows of one page only.
WITH page AS MATERIALIZED (
    SELECT id, created_at
    FROM asks
    WHERE {conditions}
      AND (%(before_at)s::timestamptz IS NULL
           OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
)
SELECT asks.id, question, backend, machine, mode, status, asks.created_at, finished_at,
       conversation_id,
       left(coalesce(answer ->> 'answer', answer ->> 'partial_answer'), %(excerpt)s) AS excerpt,
       answer -> 'byline' AS byline, answer -> 'refusal' AS refusal, answer -> 'error' AS error,
       answer ->> 'error_reason' AS error_reason, answer ->> 'reason' AS reason
FROM page JOIN asks ON asks.id = page.id
ORDER BY page.created_at DESC, page.id DESC;

-- name: asks_to_read
SELECT id, question, coalesce(answer ->> 'answer', answer ->> 'partial_answer') AS answer
FROM asks
WHERE analysis <> %(analysis)s
ORDER BY created_at DESC
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: set_terms
UPDATE asks SET terms = %(terms)s::integer[], analysis = %(analysis)s WHERE id = %(id)s;

-- name: list_events
SELECT seq, type, since, at, data
FROM ask_events
WHERE ask_id = (SELECT id FROM asks WHERE id = %(id)s AND caller = %(caller)s) AND seq > %(after)s
ORDER BY seq;

-- name: delete_ask
DELETE FROM asks WHERE id = %(id)s AND caller = %(caller)s;

-- name: unfinished_owners
SELECT DISTINCT owner FROM asks WHERE finished_at IS NULL AND owner <> %(owner)s;

-- name: owner_is_gone
SELECT pg_try_advisory_xact_lock(%(owner)s) AS gone;

-- name: interrupt_asks
UPDATE asks
SET status = 'interrupted', finished_at = now()
WHERE owner = %(owner)s AND finished_at IS NULL;
