-- What a reading could not do (domain/documents.py, ReadingWarning): [{code, pages, parts, characters}].
-- Documents with warnings are counted and listed by themselves, among however many without.
ALTER TABLE stored_documents ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]';
CREATE OR REPLACE VIEW documents AS SELECT * FROM stored_documents WHERE removed_at IS NULL;
CREATE INDEX documents_with_warnings ON stored_documents (created_at, id) WHERE warnings <> '[]';
