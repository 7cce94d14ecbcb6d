-- name: add_words
-- LIMIT makes this one index lookup per word: a join would read the whole table of words.
INSERT INTO lexical_words (word)
SELECT seen.word
FROM string_to_table(%(words)s::text, ' ') AS seen (word)
LEFT JOIN LATERAL (
    SELECT true AS is_there FROM lexical_words WHERE word = seen.word COLLATE "C" LIMIT 1
) AS known ON true
WHERE known.is_there IS NULL
ORDER BY seen.word COLLATE "C";

-- name: written
SELECT DISTINCT word FROM lexical_words
WHERE word = ANY (string_to_array(%(words)s::text, ' ') COLLATE "C");

-- name: words_beginning
-- U+10FFFF comes after every character.
SELECT asked.prefix, found.word
FROM unnest(%(prefixes)s::text[]) AS asked (prefix)
CROSS JOIN LATERAL (
    SELECT word
    FROM lexical_words
    WHERE word >= asked.prefix COLLATE "C"
      AND word < (asked.prefix || U&'\+10FFFF') COLLATE "C"
    GROUP BY word
    ORDER BY length(word), word
    LIMIT %(limit)s
) AS found;
