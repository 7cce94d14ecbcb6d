-- name: check
SELECT 1
