-- The words of scripts with spaces, as they are written: what `word*` in a search is looked up in.
-- The lexical index has only numbers. A word may be here twice, and stay when its documents go
-- (search/index/vocabulary.py says why); the index is not unique, so no writer ever waits for another.
CREATE TABLE lexical_words (
    word text COLLATE "C" NOT NULL
);
CREATE INDEX lexical_words_word ON lexical_words (word);
