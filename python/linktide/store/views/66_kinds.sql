-- What the sources of links are and how links were acquired, by the first rule that holds. Lines for `--| word` as in
-- 30_links.sql. internal.kind_rule and its like are made of the rules (source_rules.py).

CREATE VIEW internal.kind_facts AS --| page_told
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain, f.s_dom_key, f.is_live, f.is_dofollow,
       f.rel, f.link_type, lower(f.source_url) AS url, d.rule_numbers AS domain_rules,
       CASE WHEN f.attributes_text IS NOT NULL
            THEN json_extract_string(f.attributes_text, ['$.source_kind', '$.acquisition', '$.campaign_id', '$.generator',
                                                    '$.semantic_location', '$.links_external']) END AS told,
       w.source_kind AS page_kind, w.generator AS page_generator, w.links_external AS page_links,
       p.campaign, p.link_id IS NOT NULL AS is_placed
FROM internal.link_facts f
LEFT JOIN internal.page_told w ON w.page_key = f.source_key
LEFT JOIN internal.source_domains d ON d.domain_name = f.source_domain
LEFT JOIN internal.placed_links p ON p.link_id = f.link_id AND p.target_domain = f.target_domain
WHERE NOT f.is_internal;

-- Of links that ended, too: by what they said last.
CREATE VIEW internal.kinds_ever AS --| page_told
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
            SELECT *, internal.has_rule_pattern(url) AS is_url,
                   internal.of_source(told[1], page_kind) AS told_kind,
                   lower(internal.of_source(told[4], page_generator)) AS generator,
                   TRY_CAST(internal.of_source(told[6], page_links) AS BIGINT) AS links_external
            FROM internal.kind_facts
        )
    )
);

CREATE VIEW internal.kinds AS --| page_told
SELECT * FROM internal.kinds_ever WHERE is_live;

CREATE VIEW main.link_kinds AS --| page_told
SELECT k.link_id, k.source_url, k.target_url, k.source_domain, k.target_domain, k.is_dofollow,
       k.source_kind, r.rule AS kind_rule, k.acquisition, a.rule AS acquisition_rule, k.campaign
FROM internal.kinds k
LEFT JOIN internal.source_rules r ON r.rule_number = k.kind_number
LEFT JOIN internal.source_rules a ON a.rule_number = k.acquisition_number;

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
