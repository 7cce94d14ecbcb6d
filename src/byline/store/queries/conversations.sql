-- Conversations and their turns, which are asks. `caller` is whose they are.

-- name: create
INSERT INTO conversations (id, caller, title) VALUES (%(id)s, %(caller)s, %(title)s)
RETURNING *, 0 AS turns;

-- name: conversation_of_ask
-- Locked, so that two follow-ups to one answer at the same time begin one conversation.
SELECT conversation_id FROM asks WHERE id = %(ask)s AND caller = %(caller)s FOR UPDATE;

-- name: begin_with
UPDATE asks SET conversation_id = %(id)s WHERE id = %(ask)s AND caller = %(caller)s;

-- name: touch
UPDATE conversations
SET updated_at = now(), title = CASE WHEN title = '' THEN %(title)s ELSE title END
WHERE id = %(id)s AND caller = %(caller)s;

-- name: rename
UPDATE conversations SET title = %(title)s WHERE id = %(id)s AND caller = %(caller)s
RETURNING *, (SELECT count(*) FROM asks WHERE conversation_id = conversations.id) AS turns;

-- name: delete
DELETE FROM conversations WHERE id = %(id)s AND caller = %(caller)s;

-- name: get
SELECT *, (SELECT count(*) FROM asks WHERE conversation_id = conversations.id) AS turns
FROM conversations
WHERE id = %(id)s AND caller = %(caller)s;

-- name: list
SELECT *, (SELECT count(*) FROM asks WHERE conversation_id = conversations.id) AS turns
FROM conversations
WHERE caller = %(caller)s
  AND (%(before_at)s::timestamptz IS NULL
       OR (updated_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s;

-- name: search
-- Conversations with an ask that matches, and, where words are the only condition, those whose
-- title has the words.
SELECT *, (SELECT count(*) FROM asks WHERE conversation_id = conversations.id) AS turns
FROM conversations
WHERE caller = %(caller)s
  AND (id IN (SELECT conversation_id FROM asks WHERE conversation_id IS NOT NULL AND {conditions})
       OR title ILIKE ALL (%(in_title)s::text[]))
  AND (%(before_at)s::timestamptz IS NULL
       OR (updated_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY updated_at DESC, id DESC
LIMIT %(limit)s;

-- name: latest_asks
SELECT * FROM (
    SELECT id, question, backend, machine, status, created_at, finished_at, answer,
           conversation_id, mode, collection
    FROM asks
    WHERE conversation_id = %(id)s AND caller = %(caller)s
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s
) AS latest
ORDER BY created_at, id;
