-- Conversations: asks that follow one another. A title of '' is filled in by the first question.
CREATE TABLE conversations (
    id uuid PRIMARY KEY,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX conversations_newest ON conversations (updated_at DESC, id DESC);

ALTER TABLE asks ADD COLUMN conversation_id uuid REFERENCES conversations (id) ON DELETE CASCADE;
CREATE INDEX asks_conversation ON asks (conversation_id, created_at)
    WHERE conversation_id IS NOT NULL;
