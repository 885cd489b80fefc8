-- Where links end: a page that redirects or names another as canonical hands its links on.

-- The live links of a domain from others: the keys and URLs of their two pages.
CREATE OR REPLACE MACRO internal.live_pages(domain_name) AS TABLE
SELECT a.source_key, a.target_key, a.s_dom_key, a.source_url, a.target_url, a.source_domain
FROM internal.links a
JOIN (
    SELECT c.link_id, arg_max_null(c.status, c.rev) AS status
    FROM internal.link_changes c WHERE c.target_domain = domain_name GROUP BY c.link_id
) s ON s.link_id = a.link_id
WHERE a.target_domain = domain_name AND a.s_dom_key <> a.t_dom_key AND s.status IN (1, 2);

-- Where each of some pages (target_key, target_url, in a table that `pages` names) ends after at most ten moves; a page on
-- a circle leads nowhere. Of several ways on from a page holds the one that was told of last. Of all links those that may
-- move a page are found by their keys (DuckDB compares a range as it reads, a list afterwards); then those that lie on the way, and only of these what they say now.
CREATE OR REPLACE MACRO internal.ends_of(domain_name, pages) AS TABLE
WITH RECURSIVE retyped AS (
    SELECT DISTINCT c.link_id FROM internal.attribute_changes_keyed c
    WHERE c.field = 'link_type' AND c.value IN ('redirect', 'canonical')
), moving AS MATERIALIZED (
    SELECT l.link_id, l.source_key, l.target_key, l.t_dom_key FROM internal.links_keyed l
    WHERE l.link_type BETWEEN 'canonical' AND 'redirect' AND l.link_type IN ('redirect', 'canonical')
          AND l.source_key <> l.target_key
    UNION ALL
    SELECT l.link_id, l.source_key, l.target_key, l.t_dom_key FROM internal.links_keyed l SEMI JOIN retyped r ON r.link_id = l.link_id
    WHERE l.source_key <> l.target_key
), reached AS (
    SELECT p.target_key AS page_key, 0 AS hops FROM query_table(pages) p
    UNION
    SELECT m.target_key, r.hops + 1 FROM reached r JOIN moving m ON m.source_key = r.page_key WHERE r.hops < 10
), passed AS MATERIALIZED (
    SELECT DISTINCT m.link_id, m.t_dom_key FROM moving m SEMI JOIN reached r ON r.page_key = m.source_key
), ways AS MATERIALIZED (
    SELECT l.link_id, l.source_key, l.target_key, l.target_url, l.target_domain, l.t_dom_key, l.link_type, l.attributes_at, l.seen_at
    FROM internal.links_keyed l SEMI JOIN passed p ON p.link_id = l.link_id AND p.t_dom_key = l.t_dom_key
), moves AS MATERIALIZED (
    SELECT w.source_key, arg_max({'key': w.target_key, 'url': w.target_url, 'domain': w.target_domain, 'type': w.type_now},
                                 {'at': s.last_seen, 'url': w.target_url}) AS move
    FROM (
        SELECT y.*, internal.value_now(t.link_id, t.told, y.link_type, y.attributes_at) AS type_now
        FROM ways y LEFT JOIN internal.told_of('ways', 'link_type') t ON t.link_id = y.link_id
    ) w
    JOIN internal.states_of('ways') s ON s.link_id = w.link_id
    WHERE s.status IN (1, 2) AND w.type_now IN ('redirect', 'canonical')
    GROUP BY w.source_key
), walk AS (
    SELECT p.target_key, p.target_url, p.target_key AS at_key, p.target_url AS at_url, domain_name AS at_domain, 0 AS hops,
           CAST([] AS VARCHAR[]) AS via, [p.target_key] AS seen
    FROM query_table(pages) p
    UNION ALL
    SELECT w.target_key, w.target_url, m.move.key, m.move.url, m.move.domain, w.hops + 1, list_append(w.via, m.move.type),
           list_append(w.seen, m.move.key)
    FROM walk w JOIN moves m ON m.source_key = w.at_key
    WHERE w.hops < 10 AND NOT list_contains(w.seen, m.move.key)
), last AS (
    SELECT w.target_key, arg_max({'key': w.at_key, 'url': w.at_url, 'domain': w.at_domain, 'hops': w.hops, 'via': w.via}, w.hops)
               AS ended
    FROM walk w GROUP BY w.target_key
)
SELECT l.target_key, l.ended.url AS final_url, l.ended.domain AS final_domain, l.ended.hops AS hops, l.ended.via AS via,
       m.source_key IS NOT NULL AS is_endless
FROM last l
LEFT JOIN moves m ON m.source_key = l.ended.key;

CREATE OR REPLACE MACRO main.final_targets(domain_name) AS TABLE
WITH begun AS MATERIALIZED (
    SELECT k.target_key, any_value(k.target_url) AS target_url, count(*) AS backlinks, count(DISTINCT k.s_dom_key) AS refdomains
    FROM internal.live_pages(domain_name) k
    GROUP BY k.target_key
)
SELECT b.target_url, CASE WHEN NOT e.is_endless THEN e.final_url END AS final_url,
       CASE WHEN NOT e.is_endless THEN e.final_domain END AS final_domain, CAST(e.hops AS BIGINT) AS hops, e.via,
       b.backlinks, b.refdomains
FROM internal.ends_of(domain_name, 'begun') e
JOIN begun b ON b.target_key = e.target_key
WHERE e.hops > 0
ORDER BY b.refdomains DESC, b.backlinks DESC, b.target_url;

-- The links of a domain counted by page and by what most likely is one page.
CREATE OR REPLACE MACRO main.headline_counts(domain_name) AS TABLE
WITH links AS MATERIALIZED (
    FROM internal.live_pages(domain_name)
), begun AS MATERIALIZED (
    SELECT k.target_key, any_value(k.target_url) AS target_url FROM links k GROUP BY k.target_key
), targets AS MATERIALIZED (
    -- Clusters are told apart by a number: texts would be compared for every link.
    SELECT t.target_key, t.is_moved, min(t.target_key) OVER (PARTITION BY t.cluster) AS cluster_number
    FROM (
        SELECT b.target_key, e.hops > 0 AS is_moved,
               internal.cluster_of(CASE WHEN e.is_endless THEN b.target_url ELSE e.final_url END,
                                   CASE WHEN e.is_endless THEN domain_name ELSE e.final_domain END) AS cluster
        FROM begun b JOIN internal.ends_of(domain_name, 'begun') e ON e.target_key = b.target_key
    ) t
), pages AS MATERIALIZED (
    SELECT p.source_key, internal.cluster_of(p.source_url, p.source_domain) AS cluster
    FROM (
        SELECT k.source_key, any_value(k.source_url) AS source_url, any_value(k.source_domain) AS source_domain
        FROM links k GROUP BY k.source_key
    ) p
)
SELECT count(*) AS backlinks, count(DISTINCT {'s': p.cluster, 't': t.cluster_number}) AS distinct_backlinks,
       count(DISTINCT k.s_dom_key) AS refdomains, (SELECT count(*) FROM pages) AS source_pages,
       (SELECT count(DISTINCT g.cluster) FROM pages g) AS distinct_source_pages, (SELECT count(*) FROM targets) AS target_pages,
       (SELECT count(DISTINCT c.cluster_number) FROM targets c) AS distinct_target_pages,
       count(*) FILTER (t.is_moved) AS moved_backlinks
FROM links k
JOIN pages p ON p.source_key = k.source_key
JOIN targets t ON t.target_key = k.target_key
HAVING count(*) > 0;
