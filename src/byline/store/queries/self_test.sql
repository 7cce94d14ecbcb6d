-- A document that is never kept: see search/self_test.py.

-- name: insert_collection
INSERT INTO collections (name) VALUES (%(collection)s)

-- name: insert_document
INSERT INTO documents (id, name, title, state, collection, sha256, media_type, bytes_len)
VALUES (%(id)s, 'self-test', '', 'indexed', %(collection)s, 'self-test', 'text/plain', 1)

-- name: insert_passage
INSERT INTO passages (document_id, ordinal, start_offset, end_offset, text)
VALUES (%(id)s, %(ordinal)s, 0, 1, %(text)s)
RETURNING id
