-- Where links end: a page that redirects or names another as canonical hands its links on.

-- Where each page leads on, of all that are known to; of several ways the one that was told of last. The few such links are
-- found first, and their state by joins with them: the view of states would put together that of every link.
CREATE VIEW internal.page_moves AS
WITH sole AS MATERIALIZED (
    SELECT a.link_id, a.source_key, a.target_key, a.target_url, a.target_domain, a.link_type, a.seen_at
    FROM internal.link_attributes a
    WHERE a.link_type IN ('redirect', 'canonical') AND a.source_key <> a.target_key
), recent AS (
    SELECT n.link_id, n.target_domain, n.status, n.last_seen, n.rev
    FROM internal.recent_link_state n SEMI JOIN sole ON sole.link_id = n.link_id AND sole.target_domain = n.target_domain
), base AS (
    SELECT b.link_id, b.target_domain, b.status, b.last_seen, b.rev
    FROM internal.link_changes_base b SEMI JOIN sole ON sole.link_id = b.link_id AND sole.target_domain = b.target_domain
)
SELECT s.source_key, arg_max({'key': s.target_key, 'url': s.target_url, 'domain': s.target_domain, 'type': s.link_type},
                             {'at': internal.newest_state(n.rev, n.last_seen, b.rev, b.last_seen, s.seen_at), 'url': s.target_url}) AS move
FROM sole s
LEFT JOIN recent n ON n.link_id = s.link_id AND n.target_domain = s.target_domain
LEFT JOIN base b ON b.link_id = s.link_id AND b.target_domain = s.target_domain
WHERE internal.newest_state(n.rev, n.status, b.rev, b.status, internal.status_seen(s.seen_at)) IN (1, 2)
GROUP BY s.source_key;

-- The pages of a domain that others link to, and where each ends after at most ten moves; a page on a circle leads nowhere.
CREATE OR REPLACE MACRO internal.ends_of(domain_name) AS TABLE
WITH RECURSIVE moves AS MATERIALIZED (
    FROM internal.page_moves
), begun AS MATERIALIZED (
    SELECT k.target_key, any_value(k.target_url) AS target_url, count(*) AS backlinks, count(DISTINCT k.source_domain) AS refdomains
    FROM internal.known_links(domain_name) k
    WHERE k.is_live
    GROUP BY k.target_key
), walk AS (
    SELECT b.target_key, b.target_url, b.target_key AS at_key, b.target_url AS at_url, domain_name AS at_domain, 0 AS hops,
           CAST([] AS VARCHAR[]) AS via, [b.target_key] AS seen
    FROM begun b
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
SELECT b.target_key, b.target_url, l.ended.url AS final_url, l.ended.domain AS final_domain, l.ended.hops AS hops,
       l.ended.via AS via, m.source_key IS NOT NULL AS is_endless, b.backlinks, b.refdomains
FROM begun b
JOIN last l ON l.target_key = b.target_key
LEFT JOIN moves m ON m.source_key = l.ended.key;

CREATE OR REPLACE MACRO main.final_targets(domain_name) AS TABLE
SELECT e.target_url, CASE WHEN NOT e.is_endless THEN e.final_url END AS final_url,
       CASE WHEN NOT e.is_endless THEN e.final_domain END AS final_domain, CAST(e.hops AS BIGINT) AS hops, e.via,
       e.backlinks, e.refdomains
FROM internal.ends_of(domain_name) e
WHERE e.hops > 0
ORDER BY e.refdomains DESC, e.backlinks DESC, e.target_url;

-- The links of a domain counted by page and by what most likely is one page.
CREATE OR REPLACE MACRO main.headline_counts(domain_name) AS TABLE
WITH ends AS MATERIALIZED (
    FROM internal.ends_of(domain_name)
), targets AS MATERIALIZED (
    SELECT e.target_key, e.hops > 0 AS is_moved,
           internal.cluster_of(CASE WHEN e.is_endless THEN e.target_url ELSE e.final_url END,
                               CASE WHEN e.is_endless THEN domain_name ELSE e.final_domain END) AS target_cluster
    FROM ends e
), pages AS MATERIALIZED (
    SELECT k.source_key, any_value(k.source_url) AS source_url, any_value(k.source_domain) AS source_domain,
           list(k.target_key) AS target_keys
    FROM internal.known_links(domain_name) k
    WHERE k.is_live
    GROUP BY k.source_key
), clustered AS (
    SELECT p.source_key, p.source_domain, internal.cluster_of(p.source_url, p.source_domain) AS source_cluster,
           unnest(p.target_keys) AS target_key
    FROM pages p
)
SELECT count(*) AS backlinks, count(DISTINCT {'s': c.source_cluster, 't': t.target_cluster}) AS distinct_backlinks,
       count(DISTINCT c.source_domain) AS refdomains, count(DISTINCT c.source_key) AS source_pages,
       count(DISTINCT c.source_cluster) AS distinct_source_pages, count(DISTINCT c.target_key) AS target_pages,
       count(DISTINCT t.target_cluster) AS distinct_target_pages, count(*) FILTER (t.is_moved) AS moved_backlinks
FROM clustered c JOIN targets t ON t.target_key = c.target_key
HAVING count(*) > 0;
