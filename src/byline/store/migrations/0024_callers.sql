-- Whose an ask or a conversation is (domain/callers.py): what came before there were callers is the
-- owner's. (`asks.owner` is something else: the process that answers.)
ALTER TABLE asks ADD COLUMN caller text NOT NULL DEFAULT 'owner';
ALTER TABLE conversations ADD COLUMN caller text NOT NULL DEFAULT 'owner';

-- Lists are of one caller: the newest of one with few are found without passing those of others.
DROP INDEX asks_newest;
CREATE INDEX asks_newest ON asks (caller, created_at DESC, id DESC);
DROP INDEX conversations_newest;
CREATE INDEX conversations_newest ON conversations (caller, updated_at DESC, id DESC);
