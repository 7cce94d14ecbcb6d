-- name: totals
SELECT coalesce(sum(passages), 0)::bigint AS passages, coalesce(sum(length), 0)::bigint AS length
FROM (
    SELECT passages, length FROM lexical_totals
    UNION ALL
    SELECT passages, length FROM lexical_changes
) AS counted;

-- name: copy_passages
COPY lexical_passages (passage_id, document_id, collection, length, terms, weights)
FROM STDIN (FORMAT binary);

-- name: documents_of
SELECT id, document_id FROM passages WHERE id = ANY (%(passages)s::bigint[]);

-- name: copy_change
COPY lexical_changes (collection, passages, length, terms, counts)
FROM STDIN (FORMAT binary);

-- name: remove_document
DELETE FROM lexical_passages
WHERE document_id = %(document_id)s;

-- name: move_document
WITH moved AS (
    UPDATE lexical_passages SET collection = %(after)s
    WHERE document_id = %(document_id)s
    RETURNING length, terms
), held AS (
    SELECT term, count(*)::integer AS df FROM moved, unnest(terms) AS term GROUP BY term
), side (collection, sign) AS (
    VALUES (%(before)s::text, -1), (%(after)s::text, 1)
)
INSERT INTO lexical_changes (collection, passages, length, terms, counts)
SELECT side.collection, side.sign * total.passages, side.sign * total.length,
       ARRAY(SELECT term FROM held ORDER BY term),
       ARRAY(SELECT side.sign * df FROM held ORDER BY term)
FROM side, (SELECT count(*) AS passages, sum(length) AS length FROM moved) AS total
WHERE total.passages > 0;

-- name: changes
-- Rows are only added and deleted, so the newest row and the count together identify the changes.
SELECT count(*) AS changes, max(xmin::text::bigint) AS newest FROM lexical_changes;

-- name: take_fold
SELECT CASE
    WHEN count(*) > %(changes_max)s OR sum(abs(passages)) > %(passages_max)s
    THEN pg_try_advisory_xact_lock(hashtextextended('byline: fold lexical_changes', 0))
    ELSE false
END AS taken
FROM lexical_changes;

-- name: fold
WITH change AS (
    DELETE FROM lexical_changes RETURNING collection, passages, length, terms, counts
), totalled AS (
    INSERT INTO lexical_totals AS kept (collection, passages, length)
    SELECT collection, sum(passages), sum(length) FROM change GROUP BY collection
    ON CONFLICT (collection) DO UPDATE
    SET passages = kept.passages + excluded.passages, length = kept.length + excluded.length
), counted AS (
    INSERT INTO lexical_terms AS kept (term, collection, df)
    SELECT each.term, change.collection, sum(each.df)
    FROM change, unnest(change.terms, change.counts) AS each (term, df)
    GROUP BY each.term, change.collection
    HAVING sum(each.df) <> 0
    ORDER BY each.term, change.collection
    ON CONFLICT (term, collection) DO UPDATE SET df = kept.df + excluded.df
)
SELECT count(*) FILTER (WHERE passages < 0) AS removals FROM change;

-- name: place_postings
SELECT gin_clean_pending_list('lexical_passages_terms') AS pages;

-- name: forget_terms
DELETE FROM lexical_terms WHERE df = 0;

-- name: term_statistics
-- Appending an empty array unpacks the array once per row; otherwise each access would.
WITH asked AS MATERIALIZED (
    SELECT unnest(%(terms)s::integer[]) AS term
), change AS MATERIALIZED (
    SELECT passages, terms || '{}'::integer[] AS terms, counts || '{}'::integer[] AS counts
    FROM lexical_changes
    WHERE %(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[])
), held AS (
    SELECT term, df FROM lexical_terms
    WHERE term = ANY (%(terms)s::integer[])
      AND (%(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[]))
    UNION ALL
    SELECT asked.term, change.counts[place]
    FROM change CROSS JOIN asked
    CROSS JOIN LATERAL width_bucket(asked.term, change.terms) AS place
    WHERE change.terms[place] = asked.term
)
SELECT
    coalesce((
        SELECT sum(passages) FROM lexical_totals
        WHERE %(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[])
    ), 0)::bigint + coalesce((SELECT sum(passages) FROM change), 0)::bigint AS passages,
    coalesce((SELECT sum(passages) FROM lexical_totals), 0)::bigint
        + coalesce((SELECT sum(passages) FROM lexical_changes), 0)::bigint AS everywhere,
    coalesce((
        SELECT jsonb_object_agg(term, df)
        FROM (SELECT term, sum(df) AS df FROM held GROUP BY term) AS summed
    ), '{}') AS df;

-- name: best_passages
-- Whether any document is removed is asked once; usually none is, and otherwise each candidate
-- would be looked up. The score is computed once per candidate; selecting its negative, too, would
-- compute it twice.
SELECT passage_id, -less AS score
FROM (
    SELECT passage_id, weights <#> %(weights)s::sparsevec AS less
    FROM lexical_passages
    WHERE ({gathered})
      AND (%(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[]))
      AND (NOT (SELECT EXISTS (SELECT FROM stored_documents WHERE removed_at IS NOT NULL))
           OR document_id NOT IN (SELECT id FROM stored_documents WHERE removed_at IS NOT NULL))
      {within}
      {without}
    ORDER BY less, passage_id
    LIMIT %(limit)s
) AS best
ORDER BY less, passage_id;

-- name: written
SELECT passages.id AS passage_id, passages.text, passages.heading, documents.title
FROM passages JOIN documents ON documents.id = passages.document_id
WHERE passages.id = ANY (%(passages)s::bigint[]);

-- name: passages
SELECT passages.id AS passage_id, passages.document_id, documents.name, documents.title,
       passages.page, passages.heading, passages.start_offset, passages.end_offset, passages.text,
       passages.fingerprint, passages.ordinal, passages.gap, documents.language,
       ARRAY(
           SELECT unnest(lexical_passages.terms) INTERSECT SELECT unnest(%(terms)s::integer[])
       ) AS held
FROM passages
JOIN documents ON documents.id = passages.document_id
JOIN lexical_passages ON lexical_passages.passage_id = passages.id
WHERE passages.id = ANY (%(passages)s::bigint[]);

-- name: holding
-- For each word, the passages that have all its terms, best first.
SELECT sought.word, found.passage_id, found.document_id, -found.less AS score
FROM unnest(%(words)s::text[]) WITH ORDINALITY AS sought (terms, word)
CROSS JOIN LATERAL (
    SELECT passage_id, document_id, weights <#> %(weights)s::sparsevec AS less
    FROM lexical_passages
    WHERE terms @> sought.terms::integer[]
      AND (%(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[]))
      AND document_id NOT IN (SELECT id FROM stored_documents WHERE removed_at IS NOT NULL)
      {within}
    ORDER BY less, passage_id
    LIMIT %(limit)s
) AS found
ORDER BY sought.word, found.less, found.passage_id;

-- name: with_all
terms @> {ids}::integer[]

-- name: with_some
terms && {ids}::integer[]

-- name: tested
-- `IS TRUE` makes the planner test the condition on documents row by row, by hash, on what the
-- index of terms has found. As a join, a planner that expects few documents to pass would start
-- with those.
AND (TRUE {within}) IS TRUE

-- name: with_any_weight
weights <#> %(weights)s::sparsevec < 0

-- name: without
AND NOT terms && %(excluded)s::integer[]

-- name: known_collections
SELECT name FROM collections
WHERE %(visible)s::text[] IS NULL OR name = ANY (%(visible)s::text[])
ORDER BY name;

-- name: lock_rebuild
SELECT pg_advisory_xact_lock(hashtextextended('byline: rebuild lexical index', 0));

-- name: analysis_version
SELECT version FROM lexical_analysis;

-- name: empty_index
TRUNCATE lexical_passages, lexical_terms, lexical_totals, lexical_changes, lexical_analysis,
    lexical_words;

-- name: set_analysis_version
INSERT INTO lexical_analysis (version) VALUES (%(version)s);

-- name: passages_to_index
-- Includes passages of removed documents, which may be restored.
SELECT passages.id, passages.heading, passages.text, documents.title, documents.collection
FROM passages JOIN stored_documents AS documents ON documents.id = passages.document_id
WHERE documents.collection = %(collection)s AND passages.id > %(after)s
ORDER BY passages.id
LIMIT %(limit)s;

-- name: set_fingerprints
-- Those that are the same are left alone: a row that is written anew takes its space twice.
UPDATE passages SET fingerprint = made.fingerprint
FROM unnest(%(passages)s::bigint[], %(fingerprints)s::bigint[]) AS made (id, fingerprint)
WHERE passages.id = made.id AND passages.fingerprint IS DISTINCT FROM made.fingerprint;
