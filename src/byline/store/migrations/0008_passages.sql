-- What passages say, in 64 bits (search/near_duplicates.py): passages that say nearly the same have
-- nearly the same bits. NULL: not worked out yet.
ALTER TABLE passages ADD COLUMN fingerprint bigint;

-- By which rules (ingest/passages/chunking.py) a document was cut; 0: by those before there was a number.
ALTER TABLE documents ADD COLUMN chunked_by integer NOT NULL DEFAULT 0;
CREATE INDEX documents_chunked_by ON documents (chunked_by);
