-- By how many characters all processes cut passages (ingest/passages/passage_length.py): what the last one that began
-- alone was configured to.
CREATE TABLE passage_length (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    chars_max integer NOT NULL
);
