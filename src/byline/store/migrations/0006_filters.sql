-- What a search may be confined to, beside the collection: see search/filters.py.
ALTER TABLE documents
    -- ISO 639-1, as detected in the text; NULL while the text says nothing of it.
    ADD COLUMN language text,
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    -- The name with the folders the file lay in: letters/2024/tax.pdf.
    ADD COLUMN path text NOT NULL DEFAULT '';
UPDATE documents SET path = name;
CREATE INDEX documents_tags ON documents USING gin (tags);

-- The index knows of which document a passage is, so that a filter needs no third table. It is made
-- anew by the start that applies this (search/index/reindexing.py).
TRUNCATE lexical_passages, lexical_terms, lexical_totals, lexical_changes, lexical_analysis;
ALTER TABLE lexical_passages ADD COLUMN document_id uuid NOT NULL;
CREATE INDEX lexical_passages_document ON lexical_passages (document_id);
