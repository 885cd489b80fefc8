-- What is told around the links of a domain, read once for the macros after it.

-- Links of a domain from others, with what is told of them and by their pages: the live ones, or with a time all that began after
-- it, lost ones among them. They are kept, so that of all answers of pages those of their sources alone are read.
CREATE OR REPLACE MACRO internal.told_links(domain_name, begun_after) AS TABLE
WITH spoken AS MATERIALIZED (
    SELECT a.link_id, a.source_url, a.target_url, a.source_domain, a.s_dom_key, a.source_key, a.target_key, a.anchor, a.rel,
           a.link_type, s.started_at,
           CASE WHEN a.attributes_text IS NOT NULL
                THEN json_extract_string(a.attributes_text, [
                    '$.title', '$.snippet_left', '$.snippet_right', '$.alt', '$.semantic_location', '$.links_external',
                    '$.words', '$.source_kind', '$.generator', '$.ip_source', '$.language', '$.noindex', '$.hidden'
                ]) END AS told
    FROM internal.link_attributes a
    JOIN internal.link_state s ON s.link_id = a.link_id AND s.target_domain = a.target_domain
    WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND s.status <> 0
          AND CASE WHEN begun_after IS NULL THEN s.status IN (1, 2) ELSE s.started_at > begun_after END
)
SELECT l.link_id, l.source_url, l.target_url, l.source_domain, l.s_dom_key, l.source_key, l.target_key, l.anchor, l.rel,
       l.link_type, l.started_at, internal.of_source(l.told[1], p.title) AS title, l.told[2] AS snippet_left,
       l.told[3] AS snippet_right, l.told[4] AS alt, l.told[5] AS semantic_location,
       internal.of_source(l.told[6], p.links_external) AS links_external, internal.of_source(l.told[7], p.words) AS words,
       internal.of_source(l.told[8], p.source_kind) AS source_kind, internal.of_source(l.told[9], p.generator) AS generator,
       internal.of_source(l.told[10], p.ip_source) AS ip_source, internal.of_source(l.told[11], p.language) AS language,
       -- A page that says so loses its links: one that lives was sighted since, and the page may not say so any more.
       internal.of_source(l.told[12], nullif(p.noindex, 'true')) AS noindex, l.told[13] AS hidden
FROM spoken l
LEFT JOIN internal.told_by_sources('spoken') p ON p.page_key = l.source_key;
