-- Documents that wait to be read or embedded are looked for every few seconds (ingest/backlog.py),
-- among however many that do not.
CREATE INDEX documents_to_read ON stored_documents (updated_at)
    WHERE state IN ('queued', 'extracting');
CREATE INDEX documents_to_embed ON stored_documents (created_at) WHERE state = 'indexed';

-- Which file store holds the originals of this database (store/pairing.py): the id that the store
-- bears, once it does, and where it was then.
CREATE TABLE file_store (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    id text NOT NULL,
    place text NOT NULL,
    is_borne boolean NOT NULL DEFAULT false
);
