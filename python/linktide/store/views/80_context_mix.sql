-- What is told around the links of a domain, read once for the macros after it.

-- Links of a domain from others that have ever been sighted, with what is told of them.
CREATE OR REPLACE MACRO internal.told_links(domain_name) AS TABLE
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.s_dom_key, l.source_key, l.target_key, l.anchor, l.rel,
       l.link_type, l.is_live, l.started_at, l.told[1] AS title, l.told[2] AS snippet_left, l.told[3] AS snippet_right,
       l.told[4] AS alt, l.told[5] AS semantic_location, l.told[6] AS links_external, l.told[7] AS words,
       l.told[8] AS source_kind, l.told[9] AS generator, l.told[10] AS ip_source, l.told[11] AS language,
       l.told[12] AS noindex, l.told[13] AS hidden
FROM (
    SELECT a.*, s.status IN (1, 2) AS is_live, s.started_at,
           CASE WHEN a.attributes_text IS NOT NULL
                THEN json_extract_string(a.attributes_text, [
                    '$.title', '$.snippet_left', '$.snippet_right', '$.alt', '$.semantic_location', '$.links_external',
                    '$.words', '$.source_kind', '$.generator', '$.ip_source', '$.language', '$.noindex', '$.hidden'
                ]) END AS told
    FROM internal.link_attributes a
    JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND s.status <> 0
) l;

-- A referring domain counts once, in parts where its links stand in several places; links of which nobody told where
-- they stand have no part in the shares.
CREATE OR REPLACE MACRO main.context_mix(domain_name) AS TABLE
WITH placed AS (
    SELECT l.source_domain, l.semantic_location, internal.link_density(l.links_external, l.words) AS link_density
    FROM internal.told_links(domain_name) l
    WHERE l.is_live
), weighed AS (
    SELECT p.*, CASE WHEN p.semantic_location IS NOT NULL
                     THEN 1 / count(p.semantic_location) OVER (PARTITION BY p.source_domain) END AS weight
    FROM placed p
)
SELECT w.semantic_location, count(*) AS backlinks,
       CASE WHEN w.semantic_location IS NOT NULL
            THEN count(*) / sum(count(w.semantic_location)) OVER () END AS link_share,
       count(DISTINCT w.source_domain) AS refdomains, sum(w.weight) / sum(sum(w.weight)) OVER () AS refdomain_share,
       median(w.link_density) AS median_link_density
FROM weighed w
GROUP BY w.semantic_location
ORDER BY w.semantic_location IS NULL, backlinks DESC, w.semantic_location;
