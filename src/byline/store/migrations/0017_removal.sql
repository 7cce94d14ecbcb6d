-- A removed document is kept for a while, so that its removal can be undone (ingest/library/document_removal.py).
-- `documents` is a view from here on: whatever names it, searches among it, knows only what is not
-- removed. A migration that gives documents a column gives it to `stored_documents`, and makes the
-- view anew.
ALTER TABLE documents RENAME TO stored_documents;
ALTER TABLE stored_documents
    ADD COLUMN removed_at timestamptz,
    -- What its owner calls it, whatever its file says.
    ADD COLUMN given_title text;
CREATE INDEX documents_removed ON stored_documents (removed_at, id) WHERE removed_at IS NOT NULL;
CREATE INDEX documents_by_name ON stored_documents (lower(name) COLLATE "C", id);
CREATE VIEW documents AS SELECT * FROM stored_documents WHERE removed_at IS NULL;

-- Which asks cite a document.
CREATE INDEX asks_citing ON asks
    USING gin (jsonb_path_query_array(answer, '$.citations[*].document_id') jsonb_path_ops);
