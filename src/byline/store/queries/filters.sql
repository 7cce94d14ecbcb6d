-- The documents that pass a filter, and that as a condition on rows of other tables.

-- name: conditions
-- Conditions on `documents`, for the statements below and the list of documents. A parameter that
-- is NULL does not filter.
    (%(in_collections)s::text[] IS NULL OR collection = ANY (%(in_collections)s::text[]))
AND (%(in_documents)s::uuid[] IS NULL OR id = ANY (%(in_documents)s::uuid[]))
AND (%(of_types)s::text[] IS NULL OR media_type = ANY (%(of_types)s::text[]))
AND (%(in_languages)s::text[] IS NULL OR language = ANY (%(in_languages)s::text[]))
AND (%(with_tags)s::text[] IS NULL OR tags && %(with_tags)s::text[])
AND (%(added_from)s::timestamptz IS NULL OR created_at >= %(added_from)s)
AND (%(added_until)s::timestamptz IS NULL OR created_at < %(added_until)s)
AND (%(under_path)s::text IS NULL OR starts_with(path, %(under_path)s))

-- name: measure
WITH chosen AS MATERIALIZED (
    SELECT id, passages FROM documents WHERE {conditions}
)
SELECT count(*) AS documents, coalesce(sum(passages), 0)::bigint AS passages,
       ARRAY(SELECT id FROM chosen WHERE passages > 0 LIMIT %(narrow_max)s) AS ids
FROM chosen

-- name: within_few
AND {document} = ANY (%(few_documents)s::uuid[])

-- name: within_many
AND {document} IN (SELECT id FROM documents WHERE {conditions})

-- name: tags_nobody_has
SELECT tag FROM unnest(%(with_tags)s::text[]) AS tag
WHERE NOT EXISTS (
    SELECT FROM documents
    WHERE tags @> ARRAY[tag]
      AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
)
ORDER BY tag
