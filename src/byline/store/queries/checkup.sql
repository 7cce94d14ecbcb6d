-- How far the passages are embedded, and what is wrong with it.

-- name: embedding
SELECT coalesce((
           SELECT sum(passages) FROM (
               SELECT passages FROM lexical_totals UNION ALL SELECT passages FROM lexical_changes
           ) AS counted
       ), 0)::bigint AS passages,
       coalesce((SELECT sum(passages) FROM vector_changes WHERE space_id = space.id), 0)::bigint
           AS embedded,
       EXISTS (SELECT FROM embedding_work) AS is_waiting,
       space.error_message, space.error_remedy
FROM (SELECT 1) AS always
LEFT JOIN LATERAL (
    SELECT * FROM vector_spaces WHERE retired_at IS NULL ORDER BY id DESC LIMIT 1
) AS space ON true

-- name: partly_read
SELECT count(*) AS documents FROM documents WHERE warnings <> '[]'
