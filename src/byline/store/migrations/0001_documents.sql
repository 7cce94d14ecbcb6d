-- Documents, their extracted text and the passages cut from it.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE collections (
    name text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO collections (name) VALUES ('default');

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    title text NOT NULL,
    state text NOT NULL,
    error_code text,
    error_message text,
    error_remedy text,
    collection text NOT NULL REFERENCES collections (name),
    sha256 text NOT NULL,
    media_type text NOT NULL,
    bytes_len bigint NOT NULL,
    pages integer,
    passages integer NOT NULL DEFAULT 0,
    embedded integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection, sha256)
);
CREATE INDEX documents_newest ON documents (created_at DESC, id DESC);
CREATE INDEX documents_sha256 ON documents (sha256);

CREATE TABLE document_texts (
    document_id uuid PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    text text NOT NULL,
    pages jsonb NOT NULL DEFAULT '[]'
);

CREATE TABLE passages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal integer NOT NULL,
    page integer,
    start_offset integer NOT NULL,
    end_offset integer NOT NULL,
    heading text NOT NULL DEFAULT '',
    text text NOT NULL
);
CREATE INDEX passages_document ON passages (document_id, ordinal);
