-- The gates that several processes share. Advisory locks: each process holds `owner`, its presence
-- lock. A process that keeps its queues in memory holds the lock "alone" exclusively; all others
-- hold it shared. Each slot of a machine has a lock, held by the owner of the call in it.

-- name: be_patient
SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),
       set_config('idle_session_timeout', '0', false),
       set_config('tcp_keepalives_idle', '15', false),
       set_config('tcp_keepalives_interval', '5', false),
       set_config('tcp_keepalives_count', '3', false);

-- name: bound_waits
SELECT set_config('lock_timeout', '2s', false), set_config('synchronous_commit', 'off', false),
       set_config('idle_in_transaction_session_timeout', '5s', false);

-- name: notice_hang_up
SET client_connection_check_interval = '1s';

-- name: hold
SELECT pg_advisory_lock(%(owner)s);

-- name: check
SELECT 1;

-- name: watch
SELECT pg_advisory_lock_shared(%(owner)s);

-- name: unwatch
SELECT pg_advisory_unlock_shared(%(owner)s);

-- name: listen
LISTEN byline_gates;

-- name: tell
SELECT pg_notify('byline_gates', %(payload)s);

-- name: register
WITH known AS (INSERT INTO gate_processes (owner) VALUES (%(owner)s) ON CONFLICT DO NOTHING)
SELECT pg_notify('byline_gates', '+');

-- name: unregister
WITH gone AS (DELETE FROM gate_processes WHERE owner = %(owner)s)
SELECT pg_notify('byline_gates', '-');

-- name: processes
SELECT owner FROM gate_processes WHERE owner <> %(owner)s
UNION
SELECT owner FROM gate_tickets WHERE owner <> %(owner)s
ORDER BY owner;

-- name: is_gone
SELECT pg_try_advisory_lock_shared(%(owner)s) AS gone;

-- name: end_session
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = %(application)s AND pid <> pg_backend_pid();

-- name: try_alone
SELECT pg_try_advisory_lock(hashtextextended('byline gates alone', 0)) AS alone;

-- name: share
SELECT pg_advisory_lock_shared(hashtextextended('byline gates alone', 0));

-- name: unshare
SELECT pg_advisory_unlock_shared(hashtextextended('byline gates alone', 0));

-- name: not_alone
SELECT pg_advisory_unlock(hashtextextended('byline gates alone', 0));

-- name: time
SELECT extract(epoch FROM clock_timestamp())::double precision AS now;

-- name: know_machine
INSERT INTO gate_machines (machine, limits) VALUES (%(machine)s, %(limits)s)
ON CONFLICT (machine) DO UPDATE SET limits = excluded.limits;

-- name: paused
SELECT machine FROM machine_pauses;

-- name: lock_machine
SELECT *, EXISTS (SELECT FROM machine_pauses WHERE machine = %(machine)s) AS paused
FROM gate_machines WHERE machine = %(machine)s FOR UPDATE;

-- name: machine
SELECT *, EXISTS (SELECT FROM machine_pauses WHERE machine = %(machine)s) AS paused
FROM gate_machines WHERE machine = %(machine)s;

-- name: tickets
SELECT * FROM gate_tickets WHERE machine = %(machine)s;

-- name: tickets_and_slots
SELECT *, CASE WHEN owner = %(owner)s AND slot <> ALL(%(held)s::integer[]) THEN
    pg_advisory_lock(hashtextextended('byline gate ' || slot || ' ' || machine, 0))::text END
FROM gate_tickets WHERE machine = %(machine)s;

-- name: begin
BEGIN;

-- name: commit
COMMIT;

-- name: machines_of
SELECT DISTINCT machine FROM gate_tickets WHERE owner = %(owner)s;

-- name: put_tickets
INSERT INTO gate_tickets
SELECT * FROM jsonb_populate_recordset(NULL::gate_tickets, %(put)s)
ON CONFLICT (ticket) DO UPDATE
SET sequence = excluded.sequence, owner = excluded.owner, came = excluded.came,
    since = excluded.since, waited_s = excluded.waited_s, preemptions = excluded.preemptions,
    stopping = excluded.stopping, undisturbed = excluded.undisturbed,
    started = excluded.started, slot = excluded.slot;

-- name: remove_tickets
DELETE FROM gate_tickets WHERE ticket = ANY(%(removed)s::bigint[]);

-- name: put_machine
UPDATE gate_machines
SET turn = %(turn)s, mean_foreground_s = %(mean_foreground_s)s,
    mean_background_s = %(mean_background_s)s, last_number = %(last_number)s
WHERE machine = %(machine)s;

-- name: leave_slots
SELECT pg_advisory_unlock(hashtextextended('byline gate ' || slot || ' ' || %(machine)s, 0))
FROM unnest(%(left)s::integer[]) AS slot;

-- name: take_slots
SELECT pg_advisory_lock(hashtextextended('byline gate ' || slot || ' ' || %(machine)s, 0))
FROM unnest(%(taken)s::integer[]) AS slot;
