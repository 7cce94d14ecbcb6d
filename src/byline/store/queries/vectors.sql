-- Vectors of passages. `{vectors}` stands for the table of one space, `{within}` for a condition
-- on `document_id`. Removed documents keep their vectors until they are deleted for good.

-- name: spaces
SELECT id, fingerprint, dimensions, is_current FROM vector_spaces
WHERE retired_at IS NULL ORDER BY is_current DESC, id DESC

-- name: counted_spaces
SELECT id, fingerprint, dimensions, is_current,
       coalesce((
           SELECT sum(passages) FROM vector_changes
           WHERE space_id = vector_spaces.id
             AND (%(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[]))
       ), 0)::bigint AS vectors,
       coalesce((
           SELECT sum(passages) FROM vector_changes WHERE space_id = vector_spaces.id
       ), 0)::bigint AS all_vectors,
       coalesce((
           SELECT sum(passages) FROM lexical_totals
           WHERE %(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[])
       ), 0)::bigint + coalesce((
           SELECT sum(passages) FROM lexical_changes
           WHERE %(collections)s::text[] IS NULL OR collection = ANY (%(collections)s::text[])
       ), 0)::bigint AS passages
FROM vector_spaces
WHERE retired_at IS NULL
ORDER BY is_current DESC, id DESC

-- name: add_space
INSERT INTO vector_spaces (fingerprint, dimensions, is_current)
VALUES (%(fingerprint)s, %(dimensions)s, %(is_current)s)
RETURNING id, fingerprint, dimensions, is_current

-- name: bound_lock_waits
SELECT set_config('lock_timeout', '5s', true)

-- name: make_table
-- The vectors stay in the row (up to 2,000 bytes): the graph finds rows, whose vectors are
-- compared.
CREATE TABLE {vectors} (
    passage_id bigint PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    document_id uuid NOT NULL,
    collection text NOT NULL,
    embedding halfvec({dimensions}) NOT NULL
);
ALTER TABLE {vectors} ALTER COLUMN embedding SET STATISTICS 0;
CREATE INDEX {vectors}_document ON {vectors} (document_id);
CREATE INDEX {vectors}_collection ON {vectors} (collection);
CREATE INDEX {vectors}_near ON {vectors}
    USING hnsw (embedding halfvec_ip_ops) WITH ({graph});
CREATE TRIGGER count_on AFTER INSERT ON {vectors} REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vectors_count_on({space});
CREATE TRIGGER count_off AFTER DELETE ON {vectors} REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION vectors_count_off({space})

-- name: graph_is_thin
-- Whether the graph was made before `make_table` made graphs as dense as it does now.
SELECT NOT coalesce(reloptions @> '{{graph}}', false) AS is_thin
FROM pg_class WHERE oid = to_regclass('{vectors}_near')

-- name: drop_unfinished_graph
DROP INDEX IF EXISTS {vectors}_dense

-- name: make_dense_graph
-- Beside the old graph, while searches and writes go on; by one process, to leave them the cores.
CREATE INDEX CONCURRENTLY {vectors}_dense ON {vectors}
    USING hnsw (embedding halfvec_ip_ops) WITH ({graph})

-- name: no_helpers
SELECT set_config('max_parallel_maintenance_workers', '0', false)

-- name: use_dense_graph
DROP INDEX {vectors}_near;
ALTER INDEX {vectors}_dense RENAME TO {vectors}_near

-- name: drop_table
DROP TABLE {vectors}

-- name: forget_space
DELETE FROM vector_spaces WHERE id = %(id)s

-- name: retire_space
-- The fingerprint is changed: its embedder may be used again before this table is dropped.
UPDATE vector_spaces
SET retired_at = clock_timestamp(), is_current = false, fingerprint = fingerprint || ' (' || id || ')'
WHERE id = %(id)s

-- name: make_current
UPDATE vector_spaces SET is_current = true WHERE id = %(id)s

-- name: retired_spaces
SELECT id, fingerprint, dimensions, is_current FROM vector_spaces
WHERE retired_at < clock_timestamp() - make_interval(secs => %(since_s)s)

-- name: is_empty
SELECT NOT EXISTS (SELECT FROM {vectors}) AS is_empty

-- name: set_scan
SELECT set_config('hnsw.ef_search', %(ef_search)s::text, true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.max_scan_tuples', %(scanned_max)s::text, true)

-- name: in_collections
SELECT coalesce(sum(passages), 0)::bigint AS vectors FROM vector_changes
WHERE space_id = {space} AND collection = ANY (%(collections)s::text[])

-- name: nearest
-- `IS TRUE` makes the planner test the condition on documents row by row on what the graph finds.
SELECT passage_id, -(embedding <#> %(vector)s::halfvec) AS similarity
FROM {vectors}
WHERE (document_id NOT IN (SELECT id FROM stored_documents WHERE removed_at IS NOT NULL)
       {within}) IS TRUE
ORDER BY embedding <#> %(vector)s::halfvec
LIMIT %(limit)s

-- name: nearest_of_few
WITH measured AS MATERIALIZED (
    SELECT passage_id, -(embedding <#> %(vector)s::halfvec) AS similarity
    FROM {vectors}
    WHERE document_id NOT IN (SELECT id FROM stored_documents WHERE removed_at IS NOT NULL)
      {within}
)
SELECT passage_id, similarity FROM measured ORDER BY similarity DESC, passage_id LIMIT %(limit)s

-- name: usual_similarity
-- How near a sample of the passages is to the query, those in other languages apart.
SELECT coalesce(language = ANY (%(others)s::text[]), false) AS is_other,
       avg(-(embedding <#> %(vector)s::halfvec)) AS similarity, count(*) AS passages
FROM {vectors} AS sampled TABLESAMPLE SYSTEM (%(percent)s::real) REPEATABLE (1)
JOIN documents ON documents.id = sampled.document_id
WHERE %(collections)s::text[] IS NULL OR sampled.collection = ANY (%(collections)s::text[])
GROUP BY 1

-- name: move_document
WITH moved AS (
    UPDATE {vectors} SET collection = %(after)s WHERE document_id = %(document_id)s RETURNING 1
)
INSERT INTO vector_changes (space_id, collection, passages)
SELECT {space}, side.collection, side.sign * (SELECT count(*) FROM moved)
FROM (VALUES (%(before)s::text, -1), (%(after)s::text, 1)) AS side (collection, sign)

-- name: both_scores
SELECT passage_id, -(words.weights <#> %(weights)s::sparsevec) AS lexical,
       -(near.embedding <#> %(vector)s::halfvec) AS dense
FROM lexical_passages AS words LEFT JOIN {vectors} AS near USING (passage_id)
WHERE passage_id = ANY (%(passages)s::bigint[])
