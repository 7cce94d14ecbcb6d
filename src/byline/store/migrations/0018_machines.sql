-- What each machine did lately, and on which of them background work is to rest.

-- Who wants a call that is at a gate, for the page that shows it.
ALTER TABLE gate_tickets
    ADD COLUMN backend text NOT NULL DEFAULT '',
    ADD COLUMN asker text NOT NULL DEFAULT 'program',
    ADD COLUMN ask_id text;

-- The owner's wish, not a gate's state: it outlives crashes, and every process reads it.
CREATE TABLE machine_pauses (
    machine text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

-- The calls of the last day, of each machine the newest thousands. `outcome` is `completed` or why
-- it was not; times in milliseconds: queued, from then to the first token, and all of it.
CREATE TABLE machine_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine text NOT NULL,
    backend text NOT NULL,
    class smallint NOT NULL,
    asker text NOT NULL,
    ask_id text,
    came_at timestamptz NOT NULL,
    queued_ms real NOT NULL,
    first_token_ms real,
    total_ms real NOT NULL,
    outcome text NOT NULL,
    reason text
);
CREATE INDEX machine_calls_of_machine ON machine_calls (machine, id);

-- How each backend was known to be in the last day, by the process that knew it. A state lasts from
-- `began_at` at least until `seen_until`, which is put forward while the process lives; between the
-- end of one and the begin of the next nobody looked.
CREATE TABLE backend_states (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    backend text NOT NULL,
    state text NOT NULL,
    reason text,
    began_at timestamptz NOT NULL,
    seen_until timestamptz NOT NULL
);
CREATE INDEX backend_states_of_backend ON backend_states (backend, began_at);
