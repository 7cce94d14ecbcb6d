-- The recent calls and states of machines, and the pauses of background work.

-- name: pause
INSERT INTO machine_pauses (machine) VALUES (%(machine)s) ON CONFLICT DO NOTHING;

-- name: resume
DELETE FROM machine_pauses WHERE machine = %(machine)s;

-- name: tell
-- The channel that gates listen on.
SELECT pg_notify('byline_gates', %(machine)s);

-- name: pauses
SELECT machine, since FROM machine_pauses;

-- name: hasten
SET LOCAL synchronous_commit = off;

-- name: add_calls
INSERT INTO machine_calls (machine, backend, class, asker, ask_id, came_at, queued_ms,
    first_token_ms, total_ms, outcome, reason)
SELECT machine, backend, class, asker, ask_id, came_at, queued_ms, first_token_ms, total_ms,
    outcome, reason
FROM jsonb_populate_recordset(NULL::machine_calls, %(calls)s);

-- name: begin_state
INSERT INTO backend_states (backend, state, reason, began_at, seen_until)
VALUES (%(backend)s, %(state)s, %(reason)s, %(began_at)s, greatest(%(began_at)s, %(seen_until)s))
RETURNING id;

-- name: end_state
UPDATE backend_states SET seen_until = greatest(began_at, %(at)s) WHERE id = %(id)s;

-- name: extend_states
UPDATE backend_states SET seen_until = greatest(seen_until, %(at)s)
WHERE id = ANY(%(ids)s::bigint[]);

-- name: sweep_calls
DELETE FROM machine_calls USING (
    SELECT machine, (
        SELECT id FROM machine_calls AS newer WHERE newer.machine = known.machine
        ORDER BY id DESC OFFSET %(calls_max)s LIMIT 1
    ) AS last_id
    FROM (SELECT DISTINCT machine FROM machine_calls) AS known
) AS bound
WHERE machine_calls.machine = bound.machine
  AND (machine_calls.id <= bound.last_id OR came_at < now() - make_interval(hours => 24));

-- name: sweep_states
DELETE FROM backend_states USING (
    SELECT backend, (
        SELECT began_at FROM backend_states AS newer WHERE newer.backend = known.backend
        ORDER BY began_at DESC OFFSET %(states_max)s LIMIT 1
    ) AS last_at
    FROM (SELECT DISTINCT backend FROM backend_states) AS known
) AS bound
WHERE backend_states.backend = bound.backend
  AND (began_at <= bound.last_at OR seen_until < now() - make_interval(hours => 24));

-- name: newest_calls
SELECT newest.*
FROM unnest(%(machines)s::text[]) AS wanted (machine)
CROSS JOIN LATERAL (
    SELECT * FROM machine_calls WHERE machine_calls.machine = wanted.machine
    ORDER BY id DESC LIMIT %(calls)s
) AS newest
ORDER BY newest.came_at DESC;

-- name: first_tokens
SELECT backend, count(*) AS count,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS median_ms,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY first_token_ms) AS p90_ms,
    (array_agg(came_at ORDER BY id DESC))[1:%(points)s] AS came,
    (array_agg(first_token_ms ORDER BY id DESC))[1:%(points)s] AS first_ms
FROM machine_calls
WHERE machine = ANY(%(machines)s::text[]) AND first_token_ms IS NOT NULL
  AND came_at > now() - make_interval(hours => 24)
GROUP BY backend;

-- name: states
SELECT backend, state, reason, began_at, seen_until FROM backend_states
WHERE backend = ANY(%(backends)s::text[]) AND seen_until > now() - make_interval(hours => 24)
ORDER BY began_at, id;
