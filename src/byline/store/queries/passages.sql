-- Where passages lie among those of their documents.

-- name: places
SELECT id, ordinal, gap FROM passages WHERE id = ANY (%(ids)s::bigint[]);
