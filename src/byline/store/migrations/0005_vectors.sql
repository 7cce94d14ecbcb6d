-- Passages as vectors: vectors/vector_spaces.py. What an embedder makes of passages is a space: a row here,
-- and a table `vectors_<id>` that is made with it, since only then are its dimensions known.
CREATE TABLE vector_spaces (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL UNIQUE,
    dimensions integer NOT NULL,
    -- False while it is being filled beside the one that is searched.
    is_current boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- From then on no search begins to use it; its table goes when those under way have ended.
    retired_at timestamptz,
    -- Why filling pauses, and until when; NULL while it does not.
    error_code text,
    error_message text,
    error_remedy text,
    failures integer NOT NULL DEFAULT 0,
    next_try_at timestamptz
);
CREATE UNIQUE INDEX vector_spaces_current ON vector_spaces (is_current) WHERE is_current;

-- How many vectors have come and gone, by space and collection: the sum is how many there are.
-- Whoever removes a document only appends, and waits for nobody.
CREATE TABLE vector_changes (
    space_id integer NOT NULL REFERENCES vector_spaces (id) ON DELETE CASCADE,
    collection text NOT NULL,
    passages bigint NOT NULL
);

CREATE FUNCTION vectors_count_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO vector_changes (space_id, collection, passages)
    SELECT TG_ARGV[0]::integer, collection, count(*) FROM changed GROUP BY collection;
    RETURN NULL;
END
$$;
CREATE FUNCTION vectors_count_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO vector_changes (space_id, collection, passages)
    SELECT TG_ARGV[0]::integer, collection, -count(*) FROM changed GROUP BY collection;
    RETURN NULL;
END
$$;

-- The documents that lack vectors in the newest space, and from which passage on. `queued_at` tells
-- one reading of a document from the next.
CREATE TABLE embedding_work (
    document_id uuid PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_ordinal integer NOT NULL DEFAULT 0
);
CREATE INDEX embedding_work_newest ON embedding_work (created_at DESC, document_id);

INSERT INTO embedding_work (document_id, created_at)
SELECT id, created_at FROM documents WHERE passages > 0;
