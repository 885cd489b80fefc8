-- What the sources of links are and how links were acquired, by the first rule that holds. Lines for `--| word` as in
-- 30_links.sql. internal.kind_rule and its like are made of the rules (source_rules.py).

CREATE VIEW internal.kind_words AS --| attributes
SELECT f.link_id, f.source_key, f.source_url, f.target_url, f.source_domain, f.target_domain, f.s_dom_key, f.is_live, f.is_dofollow,
       f.rel, f.link_type, lower(f.source_url) AS url, d.rule_numbers AS domain_rules,
       CASE WHEN f.attributes_text IS NOT NULL
            THEN json_extract_string(f.attributes_text, ['$.source_kind', '$.acquisition', '$.campaign_id', '$.generator',
                                                    '$.semantic_location', '$.links_external']) END AS told,
       p.campaign, p.link_id IS NOT NULL AS is_placed
FROM internal.link_facts f
LEFT JOIN internal.source_domains d ON d.domain_name = f.source_domain
LEFT JOIN internal.placed_links p ON p.link_id = f.link_id AND p.target_domain = f.target_domain
WHERE NOT f.is_internal;

-- The first rules that hold for links, ended ones by what they said last. `links` names kind_words or a table of some of its rows,
-- `pages` what their pages told.
CREATE OR REPLACE MACRO internal.ruled_kinds(links, pages) AS TABLE --| page_told
SELECT link_id, source_url, target_url, source_domain, target_domain, s_dom_key, is_live, is_dofollow,
       kind_number, internal.kind_of_rule(kind_number, told_kind) AS source_kind,
       acquisition_number, internal.acquisition_of_rule(acquisition_number, told[2]) AS acquisition,
       coalesce(campaign, told[3]) AS campaign
FROM (
    SELECT *, internal.acquisition_rule(url, is_url, domain_rules, rel, link_type, generator, told[5], links_external,
                                        kind_number, told_kind, told[2], told[3], is_placed) AS acquisition_number
    FROM (
        SELECT *, internal.kind_rule(url, is_url, domain_rules, rel, link_type, generator, told[5], links_external,
                                     told_kind) AS kind_number
        FROM (
            SELECT l.*, internal.has_rule_pattern(l.url) AS is_url, internal.of_source(l.told[1], w.source_kind) AS told_kind,
                   lower(internal.of_source(l.told[4], w.generator)) AS generator,
                   TRY_CAST(internal.of_source(l.told[6], w.links_external) AS BIGINT) AS links_external
            FROM query_table(links) l
            LEFT JOIN query_table(pages) w ON w.page_key = l.source_key
        )
    )
);

CREATE VIEW internal.kinds_ever AS --| page_told
FROM internal.ruled_kinds('internal.kind_words', 'internal.page_told');

CREATE VIEW internal.kinds AS --| page_told
SELECT * FROM internal.kinds_ever WHERE is_live;

-- Names by number, in a list: two joins would each take the links for the smaller side, and then all answers of pages were read.
CREATE VIEW main.link_kinds AS --| page_told
SELECT k.link_id, k.source_url, k.target_url, k.source_domain, k.target_domain, k.is_dofollow,
       k.source_kind, r.names[k.kind_number] AS kind_rule, k.acquisition, r.names[k.acquisition_number] AS acquisition_rule, k.campaign
FROM internal.kinds k
CROSS JOIN (SELECT list(rule ORDER BY rule_number) AS names FROM internal.source_rules) r;

-- A referring domain counts once, in parts where its links are of several kinds.
CREATE VIEW main.link_mix AS --| page_told
SELECT target_domain, source_kind, acquisition, backlinks, backlinks / sum(backlinks) OVER of_target AS link_share,
       refdomains, weight / sum(weight) OVER of_target AS refdomain_share
FROM (
    SELECT target_domain, source_kind, acquisition, CAST(sum(backlinks) AS BIGINT) AS backlinks,
           count(*) AS refdomains, sum(weight) AS weight
    FROM (
        SELECT *, backlinks / sum(backlinks) OVER (PARTITION BY target_domain, s_dom_key) AS weight
        FROM (
            SELECT target_domain, s_dom_key, source_kind, acquisition, count(*) AS backlinks
            FROM internal.kinds
            GROUP BY ALL
        )
    )
    GROUP BY target_domain, source_kind, acquisition
)
WINDOW of_target AS (PARTITION BY target_domain);
