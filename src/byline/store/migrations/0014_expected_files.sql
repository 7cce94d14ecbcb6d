-- Originals that are being added: named here before the store gets them, and taken off with the row
-- of their document. What stays here for long was left by a process that died in between, and the
-- sweep of ingest/library/source_files.py looks whether anybody has it.
CREATE TABLE expected_files (
    sha256 text PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT now()
);

-- `chunked_by` tells the longest passage, too: version × 100,000 + characters (ingest/passages/chunking.py). What
-- was cut before was cut at 800, unless it was configured otherwise: that is cut once more.
UPDATE documents SET chunked_by = chunked_by * 100000 + 800 WHERE chunked_by > 0;
