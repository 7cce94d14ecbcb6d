-- Documents and their passages, read in order or by exact words, for the agent's tools.
-- {conditions} stands for the conditions of filters.sql.

-- name: documents
SELECT id, name, title, pages, passages, count(*) OVER () AS total
FROM documents
WHERE passages > 0
  AND {conditions}
  AND (name ILIKE %(pattern)s OR title ILIKE %(pattern)s)
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s OFFSET %(skip)s;

-- name: document_named
SELECT id, name, title, pages, passages
FROM documents
WHERE passages > 0
  AND {conditions}
  AND (id::text = lower(%(name)s) OR name ILIKE %(pattern)s OR title ILIKE %(pattern)s)
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: passages_from
SELECT passages.id AS passage_id, passages.document_id, documents.name, documents.title,
       passages.page, passages.heading, passages.start_offset, passages.end_offset, passages.text,
       0::float8 AS score, passages.ordinal
FROM passages JOIN documents ON documents.id = passages.document_id
WHERE passages.document_id = %(document_id)s
  AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
  AND passages.ordinal >= %(first)s
  AND (%(page)s::integer IS NULL OR passages.page >= %(page)s)
ORDER BY passages.ordinal
LIMIT %(limit)s;

-- name: passages_with
SELECT passages.id AS passage_id, passages.document_id, documents.name, documents.title,
       passages.page, passages.heading, passages.start_offset, passages.end_offset, passages.text,
       (SELECT count(*) FROM unnest(%(patterns)s::text[]) AS one (pattern)
        WHERE passages.text ILIKE one.pattern)::float8 AS score,
       passages.ordinal
FROM passages JOIN documents ON documents.id = passages.document_id
WHERE passages.document_id = %(document_id)s
  AND (%(visible)s::text[] IS NULL OR collection = ANY (%(visible)s::text[]))
  AND passages.text ILIKE ANY (%(patterns)s::text[])
ORDER BY (passages.text ILIKE %(whole)s) DESC, score DESC, passages.ordinal
LIMIT %(limit)s;
