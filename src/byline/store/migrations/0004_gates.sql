-- The gates of machines that several processes share. A process alone on its database keeps its
-- queues in memory, and these tables stay empty. Unlogged: whoever waits knows its own place, and
-- no slot outlives the connection that holds it, so there is nothing here for a crash to lose.

-- The processes whose gates are shared, by the advisory lock key each holds while it lives.
CREATE UNLOGGED TABLE gate_processes (
    owner bigint PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

-- One row a machine: locked by whoever changes its queue.
CREATE UNLOGGED TABLE gate_machines (
    machine text PRIMARY KEY,
    limits jsonb NOT NULL, -- of the process that started last
    turn smallint NOT NULL DEFAULT 1,
    mean_foreground_s double precision,
    mean_background_s double precision,
    last_number bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Every call that waits or runs. Times are seconds since 1970 by the database's clock; `started`
-- and `slot` are null for a call that waits. A call that runs is its owner's who holds the
-- advisory lock of the slot; one whose owner's own lock is free is nobody's.
CREATE UNLOGGED TABLE gate_tickets (
    ticket bigint PRIMARY KEY,
    machine text NOT NULL,
    class smallint NOT NULL,
    sequence bigint NOT NULL,
    owner bigint NOT NULL,
    came double precision NOT NULL,
    since double precision NOT NULL,
    waited_s double precision NOT NULL,
    preemptions integer NOT NULL,
    stopping boolean NOT NULL,
    undisturbed boolean NOT NULL,
    started bigint,
    slot integer
) WITH (fillfactor = 50);
CREATE INDEX gate_tickets_machine ON gate_tickets (machine);
CREATE INDEX gate_tickets_owner ON gate_tickets (owner);
