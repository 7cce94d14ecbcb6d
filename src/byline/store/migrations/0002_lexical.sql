-- The lexical index: what every passage is found by, and how many passages hold each term.

-- `terms` holds each term once, rising; `weights` is the passage's side of BM25 (search/index/bm25.py).
CREATE TABLE lexical_passages (
    passage_id bigint PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
    collection text NOT NULL,
    length integer NOT NULL,
    terms integer[] NOT NULL,
    weights sparsevec(1000000000) NOT NULL
) WITH (parallel_workers = 0); -- starting a worker takes longer than the scan it would share
-- In a row too long for its page `terms` moves out first: scoring reads only `weights`.
ALTER TABLE lexical_passages
    ALTER COLUMN terms SET STORAGE EXTERNAL,
    ALTER COLUMN weights SET STORAGE MAIN,
    -- The only scan there is goes by the index; sampling arrays made ANALYZE five times slower.
    ALTER COLUMN terms SET STATISTICS 0,
    ALTER COLUMN weights SET STATISTICS 0;

-- Postings wait in a list of at most 4 MB (about 1,500 passages; reading it adds up to 1 ms to a
-- search) and are sorted in together: four times the throughput of going in one by one.
CREATE INDEX lexical_passages_terms ON lexical_passages
    USING gin (terms) WITH (fastupdate = on, gin_pending_list_limit = 4096);
CREATE INDEX lexical_passages_collection ON lexical_passages (collection);

-- In how many passages of a collection a term stands. Rows are updated in place, hence the room.
CREATE TABLE lexical_terms (
    term integer NOT NULL,
    collection text NOT NULL,
    df bigint NOT NULL,
    PRIMARY KEY (term, collection)
) WITH (fillfactor = 70);

CREATE TABLE lexical_totals (
    collection text PRIMARY KEY,
    passages bigint NOT NULL,
    length bigint NOT NULL
) WITH (fillfactor = 50);

-- What has come and gone since the counts above were last brought up to date. Writers only append
-- here, so they never wait for each other's rows; a search adds both. `terms` rises, so that a
-- term is found by bisection; `passages`, `length` and `counts` are negative for what has gone.
CREATE TABLE lexical_changes (
    collection text NOT NULL,
    passages integer NOT NULL,
    length bigint NOT NULL,
    terms integer[] NOT NULL,
    counts integer[] NOT NULL
);
ALTER TABLE lexical_changes
    ALTER COLUMN terms SET STORAGE EXTERNAL,
    ALTER COLUMN counts SET STORAGE EXTERNAL;

-- However a passage goes (by its document, by a cascade), its terms are counted off.
CREATE FUNCTION lexical_count_off() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO lexical_changes (collection, passages, length, terms, counts)
    SELECT total.collection, -total.passages, -total.length,
           coalesce(array_agg(held.term ORDER BY held.term) FILTER (WHERE held.df > 0), '{}'),
           coalesce(array_agg(-held.df ORDER BY held.term) FILTER (WHERE held.df > 0), '{}')
    FROM (
        SELECT collection, count(*) AS passages, sum(length) AS length
        FROM removed GROUP BY collection
    ) AS total
    LEFT JOIN (
        SELECT collection, term, count(*) AS df
        FROM removed, unnest(removed.terms) AS term GROUP BY collection, term
    ) AS held USING (collection)
    GROUP BY total.collection, total.passages, total.length;
    RETURN NULL;
END
$$;
CREATE TRIGGER lexical_count_off AFTER DELETE ON lexical_passages
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION lexical_count_off();

-- By which rules (text/terms.py) the passages were indexed; no row while none were.
CREATE TABLE lexical_analysis (
    version integer NOT NULL
);
