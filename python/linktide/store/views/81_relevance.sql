-- How near what stands around a link is to what it links to.

-- The words of what `internal.words` made of a text; null: it has none.
CREATE OR REPLACE MACRO internal.word_list(words) AS string_split(nullif(words, ''), ' ');

-- The different ones, sorted.
CREATE OR REPLACE MACRO internal.word_set(words) AS list_sort(list_distinct(internal.word_list(words)));

-- How many different ones a list of words has. To look through a short list is faster than to make a table of it.
CREATE OR REPLACE MACRO internal.different_words(words) AS
    CASE WHEN len(words) <= 64 THEN len(list_filter(words, lambda x, i: list_position(words, x) = i))
         ELSE list_unique(words) END;

-- Those of a sorted list without duplicates that a text holds, too; sorted.
CREATE OR REPLACE MACRO internal.words_held(wanted, words) AS
    CASE WHEN len(words) <= 64 THEN list_filter(wanted, lambda x: list_contains(words, x))
         ELSE list_sort(list_intersect(words, wanted)) END;

-- The cosine of two texts as vectors that have 1 for each word they hold (Salton & McGill 1983, binary weights): the
-- words in common over the root of the product of their numbers. A word more in common always brings it up, and one
-- that is not always down. `wanted` is sorted and without duplicates, `words` are as they come; null: one has none.
CREATE OR REPLACE MACRO internal.cosine(wanted, words) AS
    len(internal.words_held(wanted, words)) / sqrt(internal.different_words(words) * len(wanted));

-- In stages: `internal.words` names its text often, and each time would be planned.
CREATE OR REPLACE MACRO main.link_relevance(domain_name) AS TABLE
WITH terms AS (
    SELECT string_agg(t.words, ' ') AS words FROM internal.anchor_terms t WHERE t.target_domain = domain_name
), linked AS MATERIALIZED (
    SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.target_key,
           concat_ws(' ', l.title, l.snippet_left, l.anchor, l.alt, l.snippet_right) AS text,
           internal.anchor_text(l.anchor, l.alt) AS anchor_text
    FROM internal.told_links(domain_name, CAST(NULL AS TIMESTAMPTZ)) l
), keys AS MATERIALIZED (
    SELECT DISTINCT l.target_key FROM linked l
), titles AS (
    SELECT k.target_key, coalesce(p.title, o.title) AS title
    FROM keys k
    LEFT JOIN (
        SELECT a.page_key, internal.newest_told(a.observed_at, a.title) AS title
        FROM internal.page_answers a SEMI JOIN keys k ON k.target_key = a.page_key
        GROUP BY a.page_key
    ) p ON p.page_key = k.target_key
    LEFT JOIN (
        SELECT o.page_key, min(o.title) AS title FROM internal.own_pages o WHERE o.domain_name = domain_name GROUP BY o.page_key
    ) o ON o.page_key = k.target_key
), title_words AS (
    SELECT p.target_key, internal.words(p.title) AS words FROM titles p
), wanted AS (
    SELECT w.target_key, concat_ws(' ', w.words, t.words) AS words FROM title_words w CROSS JOIN terms t
), vocabulary AS MATERIALIZED (
    -- Kept, or it would be made for each link that it is joined to.
    SELECT w.target_key, internal.word_set(w.words) AS target_words FROM wanted w
), texts AS (
    SELECT l.link_id, l.source_url, l.target_url, l.source_domain, v.target_words,
           internal.words(CASE WHEN v.target_words IS NOT NULL THEN l.text END) AS words,
           internal.words(CASE WHEN v.target_words IS NOT NULL THEN l.anchor_text END) AS anchor_words
    FROM linked l
    JOIN vocabulary v ON v.target_key = l.target_key
), worded AS (
    SELECT t.link_id, t.source_url, t.target_url, t.source_domain, t.target_words, internal.word_list(t.words) AS words,
           internal.word_list(t.anchor_words) AS anchor_words
    FROM texts t
), compared AS (
    SELECT w.link_id, w.source_url, w.target_url, w.source_domain,
           internal.cosine(w.target_words, w.words) AS relevance, internal.cosine(w.target_words, w.anchor_words) AS anchor_relevance,
           internal.words_held(w.target_words, w.words) AS common_words
    FROM worded w
)
SELECT c.link_id, c.source_url, c.target_url, c.source_domain, c.relevance, c.anchor_relevance, c.common_words
FROM compared c
ORDER BY c.relevance DESC NULLS LAST, c.link_id;

CREATE OR REPLACE MACRO main.refdomain_relevance(domain_name) AS TABLE
SELECT l.source_domain, list_avg(max(l.relevance, 3)) AS relevance, count(*) AS backlinks, count(l.relevance) AS rated_links
FROM main.link_relevance(domain_name) l
GROUP BY l.source_domain
ORDER BY relevance DESC NULLS LAST, l.source_domain;
