-- How far the sources agree on the live links of a domain, and how many neither of two knows (Chapman, 1951). Both must
-- list all they find: of a sample, of a capped export, and once sightings have expired no estimate is made. Nor with fewer
-- than 7 in common, of which Robson and Regier (1964) have it that the estimate may be far off. Interval: Chao (1987),
-- log-normal in what nobody found, so that it never falls below what was found.
CREATE OR REPLACE MACRO main.source_agreement(domain_name) AS TABLE
WITH living AS MATERIALIZED (
    SELECT l.link_id, l.source_key
    FROM internal.links l
    JOIN internal.link_state s ON s.link_id = l.link_id AND s.target_domain = l.target_domain
    WHERE l.target_domain = domain_name AND l.s_dom_key <> l.t_dom_key AND s.status IN (1, 2)
), told AS (
    SELECT e.link_id, e.source_id, e.kind <> 7 AS is_sighting, e.kind = 7 AS is_partial
    FROM internal.link_events e
    JOIN internal.domain_keys k ON k.domain_key = e.t_dom_key
    WHERE k.domain_name = domain_name AND e.kind IN (1, 2, 7)
    UNION ALL
    SELECT v.link_id, p.source_id, true, NOT p.accepts_losses
    FROM living v
    JOIN internal.page_snapshots p ON p.page_key = v.source_key
    JOIN internal.page_sets g ON g.set_id = p.set_id AND g.link_id = v.link_id
), named AS (
    SELECT t.link_id, t.is_sighting, t.is_partial,
           CASE WHEN x.source_id IS NULL THEN o.cluster || '/' || o.topic ELSE 'vendor/' || x.vendor END AS source,
           CASE WHEN x.scope <> 'complete' THEN x.scope END AS scope
    FROM told t
    JOIN internal.source_offsets o ON o.source_id = t.source_id
    LEFT JOIN internal.vendor_exports x ON x.source_id = t.source_id
), sources AS MATERIALIZED (
    SELECT n.source, bool_or(n.is_partial OR n.scope IS NOT NULL) AS is_partial FROM named n GROUP BY n.source
), seen AS MATERIALIZED (
    SELECT DISTINCT n.link_id, n.source FROM named n SEMI JOIN living v ON v.link_id = n.link_id WHERE n.is_sighting
), counts AS MATERIALIZED (
    SELECT s.source, count(*) AS links FROM seen s GROUP BY s.source
), pairs AS (
    SELECT a.source AS source_a, b.source AS source_b, a.links AS links_a, b.links AS links_b,
           coalesce(c.links, 0) AS links_both,
           CASE WHEN ka.is_partial THEN a.source WHEN kb.is_partial THEN b.source END AS partial_source
    FROM counts a
    JOIN counts b ON b.source > a.source
    JOIN sources ka ON ka.source = a.source
    JOIN sources kb ON kb.source = b.source
    LEFT JOIN (
        SELECT s.source AS source_a, t.source AS source_b, count(*) AS links
        FROM seen s JOIN seen t ON t.link_id = s.link_id AND t.source > s.source
        GROUP BY s.source, t.source
    ) c ON c.source_a = a.source AND c.source_b = b.source
), judged AS (
    SELECT p.*, p.links_a + p.links_b - p.links_both AS links_either,
           CASE WHEN p.partial_source IS NOT NULL THEN p.partial_source || ' lists only some of what it knows'
                WHEN EXISTS (FROM internal.segments g WHERE g.thinned_rows > 0)
                     OR EXISTS (FROM internal.settings g WHERE g.name = 'pages_thinned_rows' AND g.value <> '0')
                THEN 'sightings have expired (retention.event_days)'
                WHEN p.links_both < 7 THEN 'fewer than 7 links in common' END AS note
    FROM pairs p
), estimated AS (
    SELECT j.*, CASE WHEN j.note IS NULL THEN (j.links_a + 1) * (j.links_b + 1) / (j.links_both + 1) - 1 END AS estimate,
           (j.links_a + 1) * (j.links_b + 1) * (j.links_a - j.links_both) * (j.links_b - j.links_both)
               / ((j.links_both + 1) ** 2 * (j.links_both + 2)) AS variance
    FROM judged j
), spread AS (
    SELECT e.*, e.estimate - e.links_either AS unseen,
           CASE WHEN e.estimate > e.links_either
                THEN exp(1.959963984540054 * sqrt(ln(1 + e.variance / (e.estimate - e.links_either) ** 2))) ELSE 1 END AS factor
    FROM estimated e
)
SELECT s.source_a, s.source_b, s.links_a, s.links_b, s.links_both, s.links_either, s.links_both / s.links_either AS agreement,
       s.estimate AS estimated_links, s.links_either + s.unseen / s.factor AS estimated_least,
       s.links_either + s.unseen * s.factor AS estimated_most, s.unseen AS unseen_links, s.note
FROM spread s
ORDER BY s.source_a, s.source_b;
