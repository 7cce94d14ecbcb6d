-- Asks and their transcripts. `owner` is the advisory lock key its process holds while it lives:
-- an unfinished ask whose owner's lock is free belongs to a dead process.
CREATE TABLE asks (
    id uuid PRIMARY KEY,
    owner bigint NOT NULL,
    question text NOT NULL,
    backend text NOT NULL,
    machine text NOT NULL,
    mode text NOT NULL,
    collection text,
    status text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    answer jsonb
);
CREATE INDEX asks_newest ON asks (created_at DESC, id DESC);
CREATE INDEX asks_unfinished ON asks (owner) WHERE finished_at IS NULL;

CREATE TABLE ask_events (
    ask_id uuid NOT NULL REFERENCES asks (id) ON DELETE CASCADE,
    seq integer NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (ask_id, seq)
);
