-- The record of what has been applied to the schema, and what the server is able to do.

-- name: versions
SELECT current_setting('server_version_num')::integer AS server,
       current_setting('server_encoding') AS encoding,
       current_setting('server_version') AS server_text,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector_available,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_installed

-- name: bound_lock_waits
SELECT set_config('lock_timeout', '60s', false)

-- name: lock
SELECT pg_advisory_lock(hashtextextended('byline schema', 0))

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended('byline schema', 0))

-- name: create_record
CREATE TABLE IF NOT EXISTS schema_migrations (
    component text NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, name)
)

-- name: is_recorded
SELECT to_regclass('schema_migrations') IS NOT NULL AS is_recorded

-- name: applied
SELECT component, name FROM schema_migrations

-- name: record
INSERT INTO schema_migrations (component, name) SELECT %(component)s, unnest(%(names)s::text[])
