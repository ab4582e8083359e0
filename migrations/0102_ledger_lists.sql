-- The ledger in each of its orders is read from an index, a page at a time.
ALTER TABLE drills
    -- From T0 to T1; −1 where it has not both.
    ADD COLUMN closure_ms bigint NOT NULL
        GENERATED ALWAYS AS (COALESCE(trunc(extract(epoch FROM t1 - t0) * 1000)::bigint, -1)) STORED,
    -- What a search looks at.
    ADD COLUMN words text GENERATED ALWAYS AS (
        lower(number || ' ' || scenario || CASE WHEN script IS NULL THEN '' ELSE ' ' || script END)
    ) STORED;
-- Each order carries what is filtered by, so that a page of any filter is found in its index alone. The time in which
-- something took place is a filter, and an index of its own where little of the ledger lies in it.
DROP INDEX drills_by_time;
CREATE INDEX drills_by_time ON drills (created_at DESC, id DESC)
    INCLUDE (service_id, state, outcome, lead, kind, happened_at);
CREATE INDEX drills_by_planned ON drills (planned_at DESC, id DESC)
    INCLUDE (service_id, state, outcome, lead, kind, happened_at, created_at);
CREATE INDEX drills_by_closure ON drills (closure_ms DESC, id DESC)
    INCLUDE (service_id, state, outcome, lead, kind, happened_at, created_at);
CREATE INDEX drills_in_order ON drills (number DESC)
    INCLUDE (id, service_id, state, outcome, lead, kind, happened_at, created_at);
CREATE INDEX drills_in_a_time ON drills (happened_at DESC, id DESC)
    INCLUDE (service_id, state, outcome, lead, kind, created_at, planned_at, closure_ms, number);
CREATE INDEX drills_by_outcome ON drills (outcome, created_at DESC, id DESC) WHERE outcome IS NOT NULL;
-- Numbers are searched by their beginning, whatever the order of the database's language is.
CREATE INDEX drills_by_number ON drills (number text_pattern_ops);

-- Every character of a text and every two that stand side by side, each once. A text that holds another holds all of
-- its pairs, so an index of them finds words of any language, Chinese too, without an extension.
CREATE FUNCTION text_pairs(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    SELECT COALESCE(array_agg(DISTINCT part), '{}')
    FROM (
        SELECT one, one || lead(one) OVER (ORDER BY n) AS two
        FROM unnest(string_to_array(lower($1), NULL)) WITH ORDINALITY AS letters (one, n)
    ) pairs, LATERAL (VALUES (one), (two)) AS parts (part)
    WHERE part IS NOT NULL
$$;
-- What of those has to be there for this text to be found: the pairs alone, where there is one.
CREATE FUNCTION text_sought(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    SELECT COALESCE(array_agg(part), '{}') FROM unnest(text_pairs($1)) AS parts (part)
    WHERE length(part) = 2 OR length(lower($1)) = 1
$$;
CREATE INDEX drills_by_words ON drills USING gin (text_pairs(words));
