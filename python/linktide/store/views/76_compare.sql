-- Domains side by side at one instant. By joins with each run, as internal.refers_to: a list of domains reaches the sorted
-- rows in no other way.
CREATE OR REPLACE MACRO main.compare(domain_names, at_time := NULL) AS TABLE
WITH given AS MATERIALIZED (
    SELECT CASE WHEN CAST(at_time AS TIMESTAMPTZ) > w.clock
                THEN error('compare: ' || CAST(at_time AS TIMESTAMPTZ) || ' is after the newest event, ' || w.clock
                           || '; nothing is known of it yet')
                ELSE coalesce(CAST(at_time AS TIMESTAMPTZ), w.clock) END AS asked_at, w.is_authority_shown
    FROM internal.writer w
), asked AS MATERIALIZED (
    SELECT DISTINCT unnest(CAST(domain_names AS VARCHAR[])) AS domain_name
), recent AS MATERIALIZED (
    SELECT n.link_id, n.target_domain, n.started_at, n.confirmed_at, n.is_void
    FROM internal.recent_lives n SEMI JOIN asked a ON a.domain_name = n.target_domain
), told AS MATERIALIZED (
    SELECT b.link_id, b.target_domain, b.started_at, b.confirmed_at, b.is_void
    FROM internal.life_changes_base b SEMI JOIN asked a ON a.domain_name = b.target_domain
    ANTI JOIN recent r ON r.link_id = b.link_id AND r.started_at = b.started_at
    UNION ALL
    FROM recent
), lives AS (
    SELECT t.link_id, t.target_domain, t.started_at, t.confirmed_at FROM told t WHERE NOT t.is_void
    UNION ALL
    SELECT w.link_id, w.target_domain, w.seen_at, NULL
    FROM internal.links w SEMI JOIN asked a ON a.domain_name = w.target_domain
    ANTI JOIN told t ON t.link_id = w.link_id AND t.started_at = w.seen_at
    WHERE w.seen_at IS NOT NULL
), links AS MATERIALIZED (
    SELECT v.link_id, v.target_domain,
           bool_or(v.confirmed_at IS NULL OR v.confirmed_at > g.asked_at) AS is_live,
           count(*) FILTER (v.started_at > g.asked_at - INTERVAL 30 DAY) AS gained,
           count(*) FILTER (v.confirmed_at > g.asked_at - INTERVAL 30 DAY AND v.confirmed_at <= g.asked_at) AS lost
    FROM lives v JOIN given g ON v.started_at <= g.asked_at
    GROUP BY v.link_id, v.target_domain
), rels AS MATERIALIZED (
    SELECT c.link_id, c.observed_at, arg_max_null(c.value, c.rev) AS value, arg_max_null(c.is_void, c.rev) AS is_void
    FROM internal.attribute_changes c SEMI JOIN asked a ON a.domain_name = c.target_domain
    WHERE c.field = 'rel'
    GROUP BY c.link_id, c.observed_at
), later AS (
    SELECT o.link_id, list(o.observed_at) AS instants,
           max({'at': o.observed_at, 'v': o.value}) FILTER (NOT o.is_void AND o.observed_at <= g.asked_at) AS newest
    FROM rels o CROSS JOIN given g GROUP BY o.link_id
), wide AS (
    SELECT w.link_id, w.target_domain, w.source_domain,
           internal.is_followed(internal.current_run(
               {'newest': o.newest, 'instants': o.instants},
               CASE WHEN w.attributes_at <= g.asked_at THEN w.rel END, w.attributes_at).v) AS is_dofollow
    FROM internal.links w SEMI JOIN asked a ON a.domain_name = w.target_domain
    CROSS JOIN given g
    LEFT JOIN later o ON o.link_id = w.link_id
    WHERE w.s_dom_key <> w.t_dom_key
), pairs AS (
    SELECT w.target_domain, w.source_domain, count(*) FILTER (k.is_live) AS backlinks,
           count(*) FILTER (k.is_live AND w.is_dofollow) AS dofollow, sum(k.gained) AS gained, sum(k.lost) AS lost
    FROM wide w JOIN links k ON k.link_id = w.link_id AND k.target_domain = w.target_domain
    GROUP BY w.target_domain, w.source_domain
), counted AS (
    SELECT p.target_domain, CAST(sum(p.backlinks) AS BIGINT) AS backlinks, CAST(sum(p.dofollow) AS BIGINT) AS dofollow_backlinks,
           count(*) FILTER (p.backlinks > 0) AS refdomains, count(*) FILTER (p.dofollow > 0) AS dofollow_refdomains,
           pow(sum(p.backlinks), 2) / nullif(sum(p.backlinks * p.backlinks), 0) AS effective_refdomains,
           CAST(sum(p.gained) AS BIGINT) AS gained_30d, CAST(sum(p.lost) AS BIGINT) AS lost_30d
    FROM pairs p GROUP BY p.target_domain
), scored AS (
    SELECT h.domain_name, arg_max(h.domain_authority, h.scored_at) AS authority
    FROM main.authority_history h
    SEMI JOIN asked a ON a.domain_name = h.domain_name
    JOIN given g ON h.scored_at <= g.asked_at
    GROUP BY h.domain_name
)
SELECT a.domain_name, g.asked_at AS at_time,
       CASE WHEN g.is_authority_shown AND (s.domain_name IS NOT NULL OR c.target_domain IS NOT NULL)
            THEN coalesce(s.authority, 0) END AS domain_authority,
       c.backlinks, c.dofollow_backlinks, c.dofollow_backlinks / nullif(c.backlinks, 0) AS follow_ratio, c.refdomains,
       c.dofollow_refdomains, c.effective_refdomains, c.gained_30d, c.lost_30d,
       CASE WHEN c.target_domain IS NULL THEN 'no link to it is known at that time' END AS note
FROM asked a
CROSS JOIN given g
LEFT JOIN counted c ON c.target_domain = a.domain_name
LEFT JOIN scored s ON s.domain_name = a.domain_name
ORDER BY domain_authority DESC NULLS LAST, c.refdomains DESC NULLS LAST, a.domain_name;
