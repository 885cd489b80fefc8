-- What the anchors of a domain's links are. Lines for `--| word` as in 30_links.sql.

-- What a link says: an image says its alt.
CREATE OR REPLACE MACRO internal.anchor_text(anchor, alt) AS
    CASE WHEN coalesce(anchor, '') = '' THEN coalesce(nullif(alt, ''), anchor) ELSE anchor END;

-- Whether an anchor, bare (trimmed, in lower case), is a URL, or a name of a domain or a page of it.
CREATE OR REPLACE MACRO internal.is_naked_url(bare, domain_name) AS
    NOT contains(bare, ' ')
    AND (regexp_matches(bare, '^(?:[a-z][a-z0-9+.-]*://|www\.)\S+$')
         OR ends_with('.' || regexp_extract(bare, '^[^/:?#]*'), '.' || domain_name));

-- Each text once, with the domain of every link that has it.
CREATE VIEW internal.anchor_texts AS --| attributes
SELECT target_domain, anchor, list(s_dom_key) AS sources
FROM (
    SELECT target_domain, s_dom_key,
           CASE WHEN coalesce(anchor, '') = '' AND attributes_text IS NOT NULL
                THEN internal.anchor_text(anchor, json_extract_string(attributes_text, '$.alt')) ELSE anchor END AS anchor
    FROM internal.live_links
)
GROUP BY target_domain, anchor;

-- Without terms of its own a domain has its name as brand, and no money terms. The words of a name of a domain need no more
-- than the letters of ASCII, and `internal.words` would be planned once more for them.
CREATE VIEW internal.worded_anchors AS --| attributes
SELECT a.target_domain, a.anchor, a.sources, internal.words(a.anchor) AS words, lower(trim(a.anchor)) AS bare,
       coalesce(t.brand, CASE WHEN NOT starts_with(a.target_domain, 'xn--')
                              THEN [' ' || trim(regexp_replace(split_part(a.target_domain, '.', 1), '[^a-z0-9]+', ' ', 'g'))
                                    || ' '] END) AS brand,
       t.money
FROM internal.anchor_texts a
LEFT JOIN internal.domain_terms t ON t.target_domain = a.target_domain;

CREATE VIEW internal.classed_anchors AS --| attributes
SELECT a.target_domain, a.anchor, a.sources, a.money IS NOT NULL AS has_money,
       CASE WHEN a.anchor IS NULL THEN 'unknown'
            WHEN a.bare = '' THEN 'empty'
            WHEN internal.is_naked_url(a.bare, a.target_domain) THEN 'naked_url'
            WHEN list_contains(a.money, ' ' || a.words || ' ') THEN 'exact'
            WHEN len(list_filter(a.brand, lambda x: contains(' ' || a.words || ' ', x))) > 0 THEN 'branded'
            WHEN g.words IS NOT NULL THEN 'generic'
            WHEN len(list_filter(a.money, lambda x: contains(' ' || a.words || ' ', x))) > 0 THEN 'partial'
            ELSE 'other' END AS anchor_class
FROM internal.worded_anchors a
LEFT JOIN internal.generic_anchors g ON g.words = a.words;

CREATE VIEW main.anchor_classes AS --| attributes
SELECT target_domain, anchor, anchor_class, len(sources) AS backlinks, CAST(list_unique(sources) AS BIGINT) AS refdomains
FROM internal.classed_anchors;

-- A referring domain counts once, in parts where its anchors are of several classes; links whose anchor nobody told of
-- have no part in the shares.
CREATE VIEW main.anchor_profile AS --| attributes
SELECT target_domain, anchor_class, CASE WHEN is_told THEN coalesce(of_class.backlinks, 0) END AS backlinks,
       CASE WHEN is_told AND anchor_class <> 'unknown'
            THEN coalesce(of_class.backlinks, 0) / known_links END AS link_share,
       CASE WHEN is_told THEN coalesce(of_class.refdomains, 0) END AS refdomains,
       CASE WHEN is_told AND anchor_class <> 'unknown' THEN coalesce(of_class.weight, 0) / known_weight END AS refdomain_share
FROM (
    SELECT target_domain, anchor_class, classes[anchor_class] AS of_class, known_links, known_weight,
           has_money OR anchor_class NOT IN ('exact', 'partial') AS is_told
    FROM (
        SELECT target_domain, has_money, classes, known_links, known_weight,
               unnest(['empty', 'naked_url', 'generic', 'branded', 'exact', 'partial', 'other', 'unknown']) AS anchor_class
        FROM (
            SELECT target_domain, any_value(has_money) AS has_money,
                   map_from_entries(list({'k': anchor_class, 'v': {
                       'backlinks': backlinks, 'refdomains': refdomains, 'weight': weight}})) AS classes,
                   sum(backlinks) FILTER (anchor_class <> 'unknown') AS known_links,
                   sum(weight) FILTER (anchor_class <> 'unknown') AS known_weight
            FROM (
                SELECT target_domain, anchor_class, any_value(has_money) AS has_money,
                       CAST(sum(backlinks) AS BIGINT) AS backlinks, count(*) AS refdomains,
                       sum(backlinks / known) AS weight
                FROM (
                    SELECT *, sum(backlinks) FILTER (anchor_class <> 'unknown')
                                  OVER (PARTITION BY target_domain, s_dom_key) AS known
                    FROM (
                        SELECT target_domain, has_money, anchor_class, s_dom_key, count(*) AS backlinks
                        FROM (
                            SELECT target_domain, has_money, anchor_class, unnest(sources) AS s_dom_key
                            FROM internal.classed_anchors
                        )
                        GROUP BY ALL
                    )
                )
                GROUP BY target_domain, anchor_class
            )
            GROUP BY target_domain
        )
    )
);
