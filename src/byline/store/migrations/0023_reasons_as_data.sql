-- Why a sentence has its verdict, why documents do not answer, and what is noted on an ask are kept
-- as a code and its arguments (domain/reasons.py), no longer as an English sentence. A sentence
-- whose arguments cannot be told any more is kept as the code `other` with its text.

-- The arguments in a sentence: what the groups of `pattern` match in it, under `names`; NULL if it
-- does not match.
CREATE FUNCTION pg_temp.named(said text, pattern text, VARIADIC names text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object(names, regexp_match(said, pattern))
    WHERE said ~ pattern
$$;

CREATE FUNCTION pg_temp.check_arguments(code text, said text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN code IN (
            '', 'nothing_to_check', 'verbatim', 'words_found', 'some_words', 'words_missing',
            'other_language', 'uncited', 'too_long', 'negation_added', 'negation_missing'
        ) THEN '{}'
        WHEN code = 'attributed' THEN (
            SELECT jsonb_build_object('n', (found ->> 'n')::integer)
            FROM pg_temp.named(
                said, '^Byline found it in source (\d{1,9}); the answer does not cite it\.$', 'n'
            ) AS found
            WHERE found IS NOT NULL
        )
        WHEN code = 'name_mismatch' THEN pg_temp.named(
            said, '^The source names (.+), the answer (.+)\.$', 'source', 'answer')
        WHEN code = 'name_spelling' THEN pg_temp.named(
            said, '^The source writes (.+), the answer (.+)\.$', 'source', 'answer')
        WHEN code = 'name_elsewhere' THEN pg_temp.named(
            said, '^The source says (.+) here, the answer (.+)\.$', 'source', 'answer')
        WHEN code = 'name_missing' THEN pg_temp.named(
            said, '^The source does not name (.+)\.$', 'answer')
        WHEN code ~ '^(number|amount|date|time|code)_mismatch$' THEN pg_temp.named(
            said, '^The source says (.+), the answer (.+)\.$', 'source', 'answer')
        WHEN code ~ '^(number|amount|date|time|code)_elsewhere$' THEN pg_temp.named(
            said, '^The source says (.+) here; (.+) stands elsewhere in it\.$', 'source', 'answer')
        WHEN code ~ '^(number|amount|date|time|code)_missing$' THEN pg_temp.named(
            said, '^The source does not have (.+)\.$', 'answer')
    END
$$;

CREATE FUNCTION pg_temp.sentence_as_data(sentence jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT (sentence - 'why') || CASE
        WHEN arguments IS NULL THEN jsonb_build_object(
            'reason', 'other', 'arguments', jsonb_build_object('text', said))
        ELSE jsonb_build_object('reason', code, 'arguments', arguments)
    END
    FROM (
        SELECT coalesce(sentence ->> 'reason', '') AS code, coalesce(sentence ->> 'why', '') AS said
    ) AS old,
    LATERAL (SELECT pg_temp.check_arguments(code, said) AS arguments) AS told
$$;

-- The notes of the search in a refusal: [] if it has none, NULL if they are not known.
CREATE FUNCTION pg_temp.search_notes(said text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN said = 'No passage of your documents has the words of the question.' THEN '[]'
        WHEN said = 'No document passes the filter.'
            THEN '[{"code": "nothing_passes", "arguments": {}}]'
        WHEN said ~ '^None of the \d{1,9} documents that pass the filter has text yet\.$'
            THEN jsonb_build_array(jsonb_build_object('code', 'no_text_yet', 'arguments',
                jsonb_build_object('documents', substring(said FROM '\d+')::integer)))
        WHEN said ~ '^No document has the tag “[^”]*”\.( No document has the tag “[^”]*”\.)*$'
            THEN (
                SELECT jsonb_agg(jsonb_build_object('code', 'unused_tag', 'arguments',
                    jsonb_build_object('tag', one.tag[1])) ORDER BY one.place)
                FROM regexp_matches(said, 'No document has the tag “([^”]*)”\.', 'g')
                    WITH ORDINALITY AS one (tag, place)
            )
    END
$$;

CREATE FUNCTION pg_temp.refusal_arguments(code text, said text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN code IN ('no_documents', 'no_match', 'not_answered') THEN '{}'
        WHEN code = 'low_evidence' THEN (
            SELECT jsonb_object_agg(name, share::integer)
            FROM jsonb_each_text(pg_temp.named(
                said,
                '^Your documents hardly speak of this: the nearest passages cover (\d{1,3})% of '
                'what the question asks about, and an answer in them is (\d{1,3})% likely\.$',
                'coverage_percent', 'likelihood_percent'
            )) AS one (name, share)
        )
    END
$$;

CREATE FUNCTION pg_temp.refusal_as_data(refusal jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT (refusal - 'message') || CASE
        WHEN arguments IS NULL OR notes IS NULL THEN jsonb_build_object(
            'code', 'other', 'arguments', jsonb_build_object('text', said), 'notes', '[]'::jsonb)
        ELSE jsonb_build_object('arguments', arguments, 'notes', notes)
    END
    FROM (
        SELECT coalesce(refusal ->> 'code', '') AS code, coalesce(refusal ->> 'message', '') AS said
    ) AS old,
    LATERAL (
        SELECT pg_temp.refusal_arguments(code, said) AS arguments,
               CASE WHEN code = 'no_match' THEN pg_temp.search_notes(said) ELSE '[]' END AS notes
    ) AS told
$$;

CREATE FUNCTION pg_temp.answer_as_data(answer jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT answer || jsonb_build_object(
        'sentences', (
            SELECT coalesce(jsonb_agg(pg_temp.sentence_as_data(sentence) ORDER BY place), '[]')
            FROM jsonb_path_query(answer, '$.sentences[*]') WITH ORDINALITY AS one (sentence, place)
        ),
        'refusal', CASE WHEN jsonb_typeof(answer -> 'refusal') = 'object'
            THEN pg_temp.refusal_as_data(answer -> 'refusal') ELSE 'null' END
    )
$$;

CREATE FUNCTION pg_temp.note_arguments(code text, said text) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN code IN (
            'thought_aloud', 'empty_message', 'message_cut', 'call_in_words', 'no_progress',
            'call_after_last_round'
        ) THEN '{}'
        WHEN code IN ('carried_over', 'rewritten') THEN pg_temp.named(
            said, '^Searched for: (.*)$', 'query')
        WHEN code = 'last_round' THEN (
            SELECT jsonb_build_object('rounds', (found ->> 'rounds')::integer)
            FROM pg_temp.named(
                said, '^After (\d{1,9}) rounds the model may only answer\.$', 'rounds'
            ) AS found
            WHERE found IS NOT NULL
        )
        WHEN code = 'rewrite_failed' THEN (
            SELECT found || jsonb_build_object('why', CASE found ->> 'why'
                WHEN 'it wrote no question' THEN 'no_question'
                WHEN 'it wrote of something else' THEN 'other_subject'
                ELSE found ->> 'why' END)
            FROM pg_temp.named(
                said,
                '^(.+) did not rewrite the question \((.*)\); it is searched as it is\.$',
                'backend', 'why'
            ) AS found
            WHERE found IS NOT NULL
        )
    END
$$;

CREATE FUNCTION pg_temp.note_as_data(note jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
    SELECT (note - 'message') || CASE
        WHEN arguments IS NULL THEN jsonb_build_object(
            'code', 'other', 'arguments', jsonb_build_object('text', said))
        ELSE jsonb_build_object('arguments', arguments)
    END
    FROM (
        SELECT coalesce(note ->> 'code', '') AS code, coalesce(note ->> 'message', '') AS said
    ) AS old,
    LATERAL (SELECT pg_temp.note_arguments(code, said) AS arguments) AS told
$$;

UPDATE asks SET answer = pg_temp.answer_as_data(answer) WHERE jsonb_typeof(answer) = 'object';

UPDATE ask_events SET data = CASE type
    WHEN 'note' THEN pg_temp.note_as_data(data)
    WHEN 'done' THEN pg_temp.answer_as_data(data)
    ELSE jsonb_set(data, '{sentence}', pg_temp.sentence_as_data(data -> 'sentence')) END
WHERE type IN ('note', 'done') OR (type = 'citation' AND data ? 'sentence');

DROP FUNCTION pg_temp.note_as_data, pg_temp.note_arguments, pg_temp.answer_as_data,
    pg_temp.refusal_as_data, pg_temp.refusal_arguments, pg_temp.search_notes,
    pg_temp.sentence_as_data, pg_temp.check_arguments, pg_temp.named;
