-- How near what stands around a link is to what it links to.

-- What pages said of themselves, wherever they answered at all.
CREATE VIEW internal.page_answers AS
SELECT page_key, observed_at, nullif(said[1], '') AS title, nullif(said[2], '') AS language
FROM (
    SELECT page_key, observed_at, json_extract_string(extra, ['$.title', '$.language']) AS said
    FROM internal.page_snapshots
    WHERE extra IS NOT NULL AND coalesce(loss_reason, '') NOT IN ('notfound', 'pageredirected', 'pageerror')
    UNION ALL
    SELECT target_key, observed_at, json_extract_string(extra, ['$.title', '$.language'])
    FROM internal.target_status
    WHERE extra IS NOT NULL AND coalesce(http_code, 200) BETWEEN 200 AND 299
);

-- The newest text of some: an aggregate.
CREATE OR REPLACE MACRO internal.newest_told(observed_at, text) AS
    (max({'at': observed_at, 'v': text}) FILTER (text IS NOT NULL)).v;

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
    SELECT k.target_key, p.title
    FROM keys k
    LEFT JOIN (
        SELECT a.page_key, internal.newest_told(a.observed_at, a.title) AS title
        FROM internal.page_answers a SEMI JOIN keys k ON k.target_key = a.page_key
        GROUP BY a.page_key
    ) p ON p.page_key = k.target_key
), vocabulary AS (
    SELECT p.target_key, internal.word_set(concat_ws(' ', internal.words(p.title), t.words)) AS target_words
    FROM titles p CROSS JOIN terms t
), texts AS (
    SELECT l.link_id, l.source_url, l.target_url, l.source_domain, v.target_words,
           CASE WHEN v.target_words IS NOT NULL
                THEN concat_ws(' ', l.title, l.snippet_left, l.anchor, l.alt, l.snippet_right) END AS text
    FROM internal.told_links(domain_name) l
    JOIN vocabulary v ON v.target_key = l.target_key
    WHERE l.is_live
), worded AS (
    SELECT t.*, internal.word_set(internal.words(t.text)) AS words FROM texts t
)
SELECT w.link_id, w.source_url, w.target_url, w.source_domain, internal.cosine(w.words, w.target_words) AS relevance,
       list_sort(list_intersect(w.words, w.target_words)) AS common_words
FROM worded w
ORDER BY relevance DESC NULLS LAST, w.link_id;

CREATE OR REPLACE MACRO main.refdomain_relevance(domain_name) AS TABLE
SELECT l.source_domain, list_avg(max(l.relevance, 3)) AS relevance, count(*) AS backlinks, count(l.relevance) AS rated_links
FROM main.link_relevance(domain_name) l
GROUP BY l.source_domain
ORDER BY relevance DESC NULLS LAST, l.source_domain;
