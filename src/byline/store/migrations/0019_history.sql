-- What an ask is found by in the history: the terms of its question and answer, as passages have
-- them (text/terms.py). `analysis` is the version of the rules they were made by, 0 for none:
-- asks from before are read behind the start that applies this (ask/history/search_terms.py).
ALTER TABLE asks
    ADD COLUMN terms integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN analysis integer NOT NULL DEFAULT 0;
CREATE INDEX asks_terms ON asks USING gin (terms);
CREATE INDEX asks_analysis ON asks (analysis);

-- When an event happened; of a run of tokens, when the first (`since`) and the last of them came.
-- NULL in transcripts from before.
ALTER TABLE ask_events
    ADD COLUMN since timestamptz,
    ADD COLUMN at timestamptz;
