-- What the sources of links are and how links were acquired, by the first rule that holds. Lines for `--| word` as in
-- 30_links.sql. internal.kind_rule and its like are made of the rules (source_rules.py).

CREATE VIEW internal.kind_facts AS --| attributes
SELECT f.link_id, f.source_url, f.target_url, f.source_domain, f.target_domain, f.s_dom_key, f.is_dofollow,
       f.rel, f.link_type, lower(f.source_url) AS url,
       CASE WHEN h.rule_numbers IS NULL AND d.rule_numbers IS NULL AND u.rule_numbers IS NULL THEN NULL
            ELSE list_concat(list_concat(h.rule_numbers, d.rule_numbers), u.rule_numbers) END AS hosts,
       CASE WHEN f.attributes IS NOT NULL
            THEN json_extract_string(f.attributes, ['$.source_kind', '$.acquisition', '$.campaign_id', '$.generator',
                                                    '$.semantic_location', '$.links_external']) END AS told,
       p.campaign, p.link_id IS NOT NULL AS is_placed
FROM internal.live_links f
LEFT JOIN internal.source_hosts d ON d.host = f.source_domain
LEFT JOIN internal.source_hosts h ON h.host <> f.source_domain AND h.host = split_part(f.source_url, '/', 3)
LEFT JOIN internal.source_hosts u ON u.host = substr(f.source_domain, strpos(f.source_domain, '.') + 1)
LEFT JOIN internal.placed_links p ON p.link_id = f.link_id AND p.target_domain = f.target_domain;

CREATE VIEW internal.kinds AS --| attributes
SELECT k.link_id, k.source_url, k.target_url, k.source_domain, k.target_domain, k.s_dom_key, k.is_dofollow,
       k.source_kind, k.kind_rule,
       coalesce(CASE WHEN a.told = 'acquisition' THEN k.told[2] ELSE a.acquisition END, 'unknown') AS acquisition,
       a.rule AS acquisition_rule, coalesce(k.campaign, k.told[3]) AS campaign
FROM (
    SELECT *, internal.acquisition_rule(url, is_url, hosts, rel, link_type, lower(told[4]), told[5],
                                        TRY_CAST(told[6] AS BIGINT), source_kind, told[2], told[3],
                                        is_placed) AS acquisition_number
    FROM (
        SELECT n.*, r.rule AS kind_rule,
               coalesce(CASE WHEN r.told = 'source_kind' THEN n.told[1] ELSE r.source_kind END, 'unknown') AS source_kind
        FROM (
            SELECT *, internal.kind_rule(url, is_url, hosts, rel, link_type, lower(told[4]), told[5],
                                         TRY_CAST(told[6] AS BIGINT), told[1]) AS kind_number
            FROM (SELECT *, internal.has_rule_pattern(url) AS is_url FROM internal.kind_facts)
        ) n
        LEFT JOIN internal.source_rules r ON r.rule_number = n.kind_number
    )
) k
LEFT JOIN internal.source_rules a ON a.rule_number = k.acquisition_number;

CREATE VIEW main.link_kinds AS --| attributes
SELECT link_id, source_url, target_url, source_domain, target_domain, is_dofollow,
       source_kind, kind_rule, acquisition, acquisition_rule, campaign
FROM internal.kinds;

-- A referring domain counts once, in parts where its links are of several kinds.
CREATE VIEW main.link_mix AS --| attributes
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
