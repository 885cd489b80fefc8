-- The live links to a domain, to one page of it, to all its pages under a prefix, to a host, or to a host and all below it;
-- whole or one of each group. The registrable domain is asked for apart: the runs are sorted by it, and which part of a
-- host it is only the public suffix list can tell.
CREATE OR REPLACE MACRO main.backlinks_to(domain_name, place := NULL, link_mode := 'subdomains', grouping := 'all') AS TABLE
WITH found AS (
    SELECT b.*, CASE grouping WHEN 'all' THEN [CAST(b.link_id AS VARCHAR)]
                              WHEN 'one_per_domain' THEN [b.source_domain]
                              WHEN 'similar' THEN [b.source_domain, b.target_url, b.anchor]
                              ELSE error('backlinks_to: grouping is ' || coalesce(grouping, 'null')
                                         || ', wanted all, one_per_domain or similar') END AS link_group
    FROM main.backlinks b
    WHERE b.target_domain = domain_name
          AND CASE
              WHEN link_mode IN ('exact', 'prefix') AND place IS NULL
              THEN error('backlinks_to: place is null, wanted a URL where link_mode is ' || link_mode)
              WHEN link_mode = 'exact' THEN b.target_url = place
              WHEN link_mode = 'prefix' THEN starts_with(b.target_url, place)
              WHEN link_mode = 'domain' THEN internal.host_of(b.target_url) = internal.host_of(coalesce(place, domain_name))
              WHEN link_mode = 'subdomains' THEN ends_with('.' || internal.host_of(b.target_url),
                                               '.' || internal.host_of(coalesce(place, domain_name)))
              ELSE error('backlinks_to: link_mode is ' || coalesce(link_mode, 'null')
                         || ', wanted exact, prefix, domain or subdomains') END
)
SELECT * EXCLUDE (link_group, place_in_group)
FROM (
    SELECT *, count(*) OVER (PARTITION BY link_group) AS link_group_count,
           row_number() OVER (PARTITION BY link_group
                              ORDER BY page_authority DESC NULLS LAST, first_seen, link_id) AS place_in_group
    FROM found
)
WHERE place_in_group = 1
ORDER BY domain_authority DESC NULLS LAST, page_authority DESC NULLS LAST, link_id;
