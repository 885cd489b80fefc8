-- How near what stands around a link is to what it links to.

-- The different words of what `internal.words` made of a text; null: it has none.
CREATE OR REPLACE MACRO internal.word_set(words) AS list_distinct(string_split(nullif(words, ''), ' '));

-- The cosine of two texts as vectors that have 1 for each word they hold (Salton & McGill 1983, binary weights): the
-- words in common over the root of the product of their numbers. A word more in common always brings it up, and one
-- that is not always down.
CREATE OR REPLACE MACRO internal.cosine(own, other) AS len(list_intersect(own, other)) / sqrt(len(own) * len(other));

-- In stages: `internal.words` names its text often, and each time would be planned.
CREATE OR REPLACE MACRO main.link_relevance(domain_name) AS TABLE
WITH terms AS (
    SELECT string_agg(t.words, ' ') AS words FROM internal.anchor_terms t WHERE t.target_domain = domain_name
), keys AS MATERIALIZED (
    SELECT DISTINCT l.target_key FROM internal.links l WHERE l.target_domain = domain_name AND l.s_dom_key <> l.t_dom_key
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
), vocabulary AS (
    SELECT p.target_key, internal.word_set(concat_ws(' ', internal.words(p.title), t.words)) AS target_words
    FROM titles p CROSS JOIN terms t
), texts AS (
    SELECT l.link_id, l.source_url, l.target_url, l.source_domain, v.target_words,
           CASE WHEN v.target_words IS NOT NULL
                THEN [concat_ws(' ', l.title, l.snippet_left, l.anchor, l.alt, l.snippet_right),
                      internal.anchor_text(l.anchor, l.alt)] END AS texts
    FROM internal.told_links(domain_name) l
    JOIN vocabulary v ON v.target_key = l.target_key
    WHERE l.is_live
), worded AS (
    SELECT t.*, list_transform(t.texts, lambda x: internal.word_set(internal.words(x))) AS words FROM texts t
)
SELECT w.link_id, w.source_url, w.target_url, w.source_domain, internal.cosine(w.words[1], w.target_words) AS relevance,
       internal.cosine(w.words[2], w.target_words) AS anchor_relevance,
       list_sort(list_intersect(w.words[1], w.target_words)) AS common_words
FROM worded w
ORDER BY relevance DESC NULLS LAST, w.link_id;

CREATE OR REPLACE MACRO main.refdomain_relevance(domain_name) AS TABLE
SELECT l.source_domain, list_avg(max(l.relevance, 3)) AS relevance, count(*) AS backlinks, count(l.relevance) AS rated_links
FROM main.link_relevance(domain_name) l
GROUP BY l.source_domain
ORDER BY relevance DESC NULLS LAST, l.source_domain;
