-- The list of documents and its facets. {conditions} stands for the conditions of filters.sql;
-- `visible` are the collections that whoever asks may see, NULL for all.

-- name: chosen
-- Conditions of a list beside its filters. A parameter that is NULL does not filter.
    (%(states)s::text[] IS NULL OR state = ANY (%(states)s::text[]))
AND (%(patterns)s::text[] IS NULL OR (path || ' ' || title) ILIKE ALL (%(patterns)s::text[]))
AND (%(warned)s::boolean IS NULL OR (warnings <> '[]') = %(warned)s::boolean)

-- name: list
SELECT *, ({key})::text AS place FROM documents
WHERE {conditions}
  AND {chosen}
  AND (%(after_id)s::uuid IS NULL
       OR ({key}, id) {beyond} (%(after_key)s::{type}, %(after_id)s::uuid))
ORDER BY {key} {order}, id {order}
LIMIT %(limit)s

-- name: counts
SELECT state, count(*) AS documents FROM documents
WHERE {conditions}
  AND {chosen}
GROUP BY state

-- name: warned
SELECT count(*) AS documents FROM documents
WHERE {conditions}
  AND {chosen}
  AND warnings <> '[]'

-- name: facets
-- The values a list can be filtered by, each with its number of documents.
(SELECT 'collection' AS facet, collections.name AS value, count(documents.id) AS documents
 FROM collections LEFT JOIN documents ON documents.collection = collections.name
 WHERE (%(visible)s::text[] IS NULL OR collections.name = ANY (%(visible)s::text[]))
 GROUP BY collections.name ORDER BY documents DESC, value LIMIT %(limit)s)
UNION ALL
(SELECT 'tag', tag, count(*) AS counted FROM documents, unnest(tags) AS tag
 WHERE (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
 GROUP BY tag ORDER BY counted DESC, tag LIMIT %(limit)s)
UNION ALL
(SELECT 'type', media_type, count(*) AS counted FROM documents
 WHERE (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
 GROUP BY media_type ORDER BY counted DESC, media_type LIMIT %(limit)s)

-- name: passages
SELECT ordinal, page, heading, start_offset, end_offset, text
FROM passages
WHERE document_id = (SELECT id FROM documents WHERE id = %(id)s AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[])))
  AND ordinal > %(after)s
ORDER BY ordinal
LIMIT %(limit)s
