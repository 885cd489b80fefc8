-- Where the links of a domain stand.

-- A referring domain counts once, in parts where its links stand in several places; links of which nobody told where
-- they stand have no part in the shares.
CREATE OR REPLACE MACRO main.context_mix(domain_name) AS TABLE
WITH placed AS (
    SELECT l.source_domain, l.semantic_location, internal.link_density(l.links_external, l.words) AS link_density
    FROM internal.told_links(domain_name, CAST(NULL AS TIMESTAMPTZ)) l
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
