CREATE OR REPLACE MACRO internal.damping() AS 0.85;

-- Citation on the scale of 0 to 100, as the core has it.
CREATE OR REPLACE MACRO internal.points(citation) AS
    CASE WHEN citation IS NOT NULL THEN least(100.0, 12.5 * log10(greatest(citation, 0.15) / 0.15)) END;

CREATE VIEW internal.rel_weights AS
SELECT coalesce(max(TRY_CAST(s.value AS DOUBLE)) FILTER (s.name = 'authority_nofollow_weight'), 0) AS nofollow,
       coalesce(max(TRY_CAST(s.value AS DOUBLE)) FILTER (s.name = 'authority_ugc_weight'), 0) AS ugc,
       coalesce(max(TRY_CAST(s.value AS DOUBLE)) FILTER (s.name = 'authority_sponsored_weight'), 0) AS sponsored
FROM internal.settings s;

-- Live links that pass authority, as the core's links/flow.rs has it: by their type, then by the least token of rel.
CREATE VIEW internal.passing_links AS
SELECT l.source_key, l.s_dom_key, l.t_dom_key, l.is_sole,
       CASE WHEN l.is_sole THEN 1.0
            WHEN l.link_type IN ('form', 'alternate', 'rss') THEN 0.0
            ELSE coalesce(least(CASE WHEN internal.has_token(l.rel, 'nofollow') THEN w.nofollow END,
                                CASE WHEN internal.has_token(l.rel, 'ugc') THEN w.ugc END,
                                CASE WHEN internal.has_token(l.rel, 'sponsored') THEN w.sponsored END), 1.0)
       END AS weight
FROM (
    SELECT a.link_id, a.source_key, a.s_dom_key, a.t_dom_key, a.rel, a.link_type,
           coalesce(a.link_type IN ('redirect', 'canonical'), false) AS is_sole
    FROM internal.link_attributes a
) l
JOIN internal.link_state s ON s.link_id = l.link_id AND s.status IN (1, 2)
CROSS JOIN internal.rel_weights w;

-- The domain graph of now: an edge weighs what the heaviest link behind it does. A page that hands all on by a
-- redirect or a canonical passes nothing by its other links.
CREATE VIEW internal.domain_edges AS
SELECT p.s_dom_key, p.t_dom_key, max(p.weight) AS weight
FROM internal.passing_links p
LEFT JOIN (SELECT DISTINCT s.source_key FROM internal.passing_links s WHERE s.is_sole) h
    ON h.source_key = p.source_key
WHERE p.s_dom_key <> p.t_dom_key AND p.weight > 0 AND (p.is_sole OR h.source_key IS NULL)
GROUP BY p.s_dom_key, p.t_dom_key;

-- What the citation of a domain would be, to first order: only what the edges named do by themselves. The bound is
-- that of the core's explain/what_if.rs, over the same changed graph.
CREATE OR REPLACE MACRO main.what_if(domain_name, gained, lost) AS TABLE
WITH given AS (
    -- Apart, where no column has the name of the parameter.
    SELECT CAST(domain_name AS VARCHAR) AS asked_name
), asked AS MATERIALIZED (
    SELECT n.domain_key, coalesce(s.citation, 0.15) AS citation
    FROM given g
    JOIN internal.newest_domain_names n ON n.domain_name = g.asked_name
    LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
), wanted AS (
    SELECT u.source_domain, bool_or(u.is_gained) AS is_gained, bool_or(NOT u.is_gained) AS is_lost
    FROM (
        SELECT lower(unnest(CAST(gained AS VARCHAR[]))) AS source_domain, true AS is_gained
        UNION ALL
        SELECT lower(unnest(CAST(lost AS VARCHAR[]))), false
    ) u
    WHERE u.source_domain IS NOT NULL
    GROUP BY u.source_domain
), edges AS MATERIALIZED (
    FROM internal.domain_edges
), totals AS (
    SELECT e.s_dom_key, sum(e.weight) AS total FROM edges e GROUP BY e.s_dom_key
), named AS MATERIALIZED (
    SELECT w.source_domain, w.is_gained, n.domain_key, coalesce(s.citation, 0.15) AS citation,
           coalesce(e.weight, 0.0) AS weight_before, CASE WHEN w.is_gained THEN 1.0 ELSE 0.0 END AS weight_after,
           coalesce(t.total, 0.0) AS total_before,
           CASE WHEN w.is_gained AND w.is_lost THEN 'gained and lost: it counts as neither'
                WHEN n.domain_key = a.domain_key THEN 'the domain itself: it counts as neither'
                WHEN n.domain_key IS NULL AND w.is_gained THEN 'new: no link has named it'
                WHEN e.weight IS NULL AND NOT w.is_gained THEN 'has no followed link to the domain' END AS note,
           NOT (w.is_gained AND w.is_lost) AND n.domain_key IS DISTINCT FROM a.domain_key AS is_meant
    FROM wanted w
    CROSS JOIN asked a
    LEFT JOIN internal.newest_domain_names n ON n.domain_name = w.source_domain
    LEFT JOIN internal.newest_domain_scores s ON s.domain_key = n.domain_key
    LEFT JOIN edges e ON e.s_dom_key = n.domain_key AND e.t_dom_key = a.domain_key
    LEFT JOIN totals t ON t.s_dom_key = n.domain_key
), shares AS MATERIALIZED (
    SELECT m.source_domain, m.is_gained, m.domain_key, m.citation, m.note, m.is_meant,
           m.total_before - m.weight_before > 0 AS has_others,
           CASE WHEN m.total_before > 0 THEN m.weight_before / m.total_before ELSE 0 END AS share_before,
           CASE WHEN m.weight_after > 0
                THEN m.weight_after / (m.total_before - m.weight_before + m.weight_after) ELSE 0 END AS share_after
    FROM named m
), moved AS MATERIALIZED (
    SELECT s.*, CASE WHEN s.is_meant
                     THEN internal.damping() * s.citation * (s.share_after - s.share_before) END AS contribution
    FROM shares s
), in_shares AS (
    SELECT e.s_dom_key, e.weight / t.total AS share
    FROM edges e
    JOIN asked a ON a.domain_key = e.t_dom_key
    JOIN totals t ON t.s_dom_key = e.s_dom_key
    ANTI JOIN (SELECT m.domain_key FROM moved m WHERE m.is_meant AND m.domain_key IS NOT NULL) gone
        ON gone.domain_key = e.s_dom_key
    UNION ALL
    SELECT m.domain_key, m.share_after FROM moved m WHERE m.is_meant AND m.domain_key IS NOT NULL
), reach AS (
    -- Nobody comes to a source without links in, so what flows on cannot come back through it.
    SELECT least(internal.damping() * coalesce(max(i.share), 0) / (1 - internal.damping()),
                 internal.damping() / (1 - internal.damping() ** 2)) AS reach
    FROM in_shares i
    SEMI JOIN edges e ON e.t_dom_key = i.s_dom_key
), total AS (
    SELECT coalesce(sum(m.contribution), 0) AS contribution,
           (SELECT r.reach FROM reach r) * (
               internal.damping() * abs(coalesce(sum(m.contribution), 0))
               + greatest(coalesce(sum(m.contribution) FILTER (m.has_others AND m.contribution > 0), 0),
                          coalesce(-sum(m.contribution) FILTER (m.has_others AND m.contribution < 0), 0))
           ) AS error_bound
    FROM moved m
), answer AS (
    SELECT m.source_domain, CASE WHEN m.is_gained THEN 'gained' ELSE 'lost' END AS change,
           m.citation AS source_citation, m.share_before, m.share_after, m.contribution,
           NULL::DOUBLE AS citation_before, NULL::DOUBLE AS citation_after, NULL::DOUBLE AS error_bound, m.note
    FROM moved m
    UNION ALL
    SELECT NULL, 'total', NULL, NULL, NULL, t.contribution, a.citation, a.citation + t.contribution, t.error_bound,
           CASE WHEN NOT w.is_authority_shown THEN 'graph too small' END
    FROM total t CROSS JOIN asked a CROSS JOIN internal.writer w
    UNION ALL
    SELECT NULL, 'total', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'unknown domain'
    WHERE NOT EXISTS (FROM asked)
)
SELECT r.source_domain, r.change, r.source_citation, r.share_before, r.share_after, r.contribution,
       r.citation_before, r.citation_after, r.error_bound,
       CASE WHEN w.is_authority_shown THEN internal.points(r.citation_before) END AS domain_authority_before,
       CASE WHEN w.is_authority_shown THEN internal.points(r.citation_after) END AS domain_authority_after,
       CASE WHEN w.is_authority_shown THEN internal.points(r.citation_after - r.error_bound) END
           AS domain_authority_least,
       CASE WHEN w.is_authority_shown THEN internal.points(r.citation_after + r.error_bound) END
           AS domain_authority_most,
       r.note
FROM answer r CROSS JOIN internal.writer w
ORDER BY r.change <> 'total', abs(r.contribution) DESC NULLS LAST, r.source_domain;

-- The parts of a change of a tracked domain's citation, from what is stored of two days; the split is that of the
-- core's explain/change.rs. An edge that one side has among its largest and the other, being cut there, may have or
-- not, is told as `others`.
CREATE OR REPLACE MACRO main.explain_authority(domain_name, from_at, to_at) AS TABLE
WITH given AS (
    SELECT CAST(domain_name AS VARCHAR) AS asked_name
), asked AS MATERIALIZED (
    SELECT n.domain_key FROM given g JOIN internal.newest_domain_names n ON n.domain_name = g.asked_name
), published AS MATERIALIZED (
    SELECT coalesce(arg_max(s.citation, s.rev) FILTER (s.scored_at <= CAST(from_at AS TIMESTAMPTZ)), 0.15)
               AS citation_before,
           coalesce(arg_max(s.citation, s.rev) FILTER (s.scored_at <= CAST(to_at AS TIMESTAMPTZ)), 0.15)
               AS citation_after,
           coalesce(arg_max(s.authority, s.rev) FILTER (s.scored_at <= CAST(from_at AS TIMESTAMPTZ)), 0)
               AS authority_before,
           coalesce(arg_max(s.authority, s.rev) FILTER (s.scored_at <= CAST(to_at AS TIMESTAMPTZ)), 0)
               AS authority_after
    FROM internal.domain_scores s SEMI JOIN asked a ON a.domain_key = s.domain_key
), rests AS MATERIALIZED (
    SELECT c.rev, c.scored_at, c.links, c.contribution, c.prior
    FROM internal.authority_contributions c SEMI JOIN asked a ON a.domain_key = c.domain_key
    WHERE c.source_dom_key IS NULL
), sides AS MATERIALIZED (
    SELECT o.rev AS old_rev, o.scored_at AS stored_before_at, o.links AS old_links,
           n.rev AS new_rev, n.scored_at AS stored_after_at, n.links AS new_links,
           n.contribution - o.contribution AS rest, n.prior - o.prior AS prior
    FROM (FROM rests r WHERE r.scored_at <= CAST(from_at AS TIMESTAMPTZ) ORDER BY r.rev DESC LIMIT 1) o
    CROSS JOIN (FROM rests r WHERE r.scored_at <= CAST(to_at AS TIMESTAMPTZ) ORDER BY r.rev DESC LIMIT 1) n
), kept AS MATERIALIZED (
    SELECT c.rev, c.source_dom_key, c.source_citation, c.weight, c.out_weight, c.contribution
    FROM internal.authority_contributions c
    SEMI JOIN asked a ON a.domain_key = c.domain_key
    JOIN sides s ON c.rev IN (s.old_rev, s.new_rev)
    WHERE c.source_dom_key IS NOT NULL
), edges AS (
    SELECT coalesce(n.source_dom_key, o.source_dom_key) AS source_dom_key,
           o.source_citation AS x0, o.weight AS w0, o.out_weight AS t0, o.contribution AS c0,
           n.source_citation AS x1, n.weight AS w1, n.out_weight AS t1, n.contribution AS c1
    FROM (SELECT k.* FROM kept k JOIN sides s ON k.rev = s.old_rev) o
    FULL JOIN (SELECT k.* FROM kept k JOIN sides s ON k.rev = s.new_rev) n ON n.source_dom_key = o.source_dom_key
), parts AS (
    SELECT CASE WHEN s.old_links = 0 THEN 'gained' ELSE 'others' END AS part, e.source_dom_key, e.c1 AS contribution
    FROM edges e CROSS JOIN sides s WHERE e.c0 IS NULL
    UNION ALL
    SELECT CASE WHEN s.new_links = 0 THEN 'lost' ELSE 'others' END, e.source_dom_key, -e.c0
    FROM edges e CROSS JOIN sides s WHERE e.c1 IS NULL
    UNION ALL
    SELECT 'source_rank', e.source_dom_key,
           internal.damping() * (e.x1 - e.x0) * (e.w0 / e.t0 + e.w1 / e.t1) / 2 FROM edges e
    UNION ALL
    SELECT 'dilution', e.source_dom_key,
           internal.damping() * (e.x0 + e.x1) / 2 * (e.w0 + e.w1) / 2 * (1 / e.t1 - 1 / e.t0) FROM edges e
    UNION ALL
    SELECT 'reweighted', e.source_dom_key,
           internal.damping() * (e.x0 + e.x1) / 2 * (e.w1 - e.w0) * (1 / e.t0 + 1 / e.t1) / 2 FROM edges e
    UNION ALL SELECT 'others', NULL, s.rest FROM sides s
    UNION ALL SELECT 'prior', NULL, s.prior FROM sides s
), told AS (
    SELECT p.part, p.source_dom_key, p.contribution FROM parts p WHERE p.contribution <> 0
), answer AS (
    SELECT t.part, t.source_dom_key, t.contribution FROM told t
    UNION ALL
    SELECT 'residual', NULL,
           p.citation_after - p.citation_before - coalesce((SELECT sum(t.contribution) FROM told t), 0)
    FROM published p WHERE EXISTS (FROM sides)
    UNION ALL
    SELECT NULL, NULL, NULL WHERE NOT EXISTS (FROM sides)
)
SELECT r.part, n.domain_name AS source_domain, r.contribution,
       CASE WHEN a.domain_key IS NOT NULL THEN p.citation_before END AS citation_before,
       CASE WHEN a.domain_key IS NOT NULL THEN p.citation_after END AS citation_after,
       CASE WHEN a.domain_key IS NOT NULL AND w.is_authority_shown THEN p.authority_before END
           AS domain_authority_before,
       CASE WHEN a.domain_key IS NOT NULL AND w.is_authority_shown THEN p.authority_after END
           AS domain_authority_after,
       (SELECT s.stored_before_at FROM sides s) AS stored_before_at,
       (SELECT s.stored_after_at FROM sides s) AS stored_after_at,
       CASE WHEN a.domain_key IS NULL THEN 'unknown domain'
            WHEN NOT EXISTS (FROM rests) THEN 'not tracked: nothing is stored of the domain'
            WHEN NOT EXISTS (FROM sides) THEN 'not tracked yet: nothing is stored before from_at'
            WHEN NOT w.is_authority_shown THEN 'graph too small' END AS note
FROM answer r
CROSS JOIN published p
CROSS JOIN internal.writer w
LEFT JOIN asked a ON true
LEFT JOIN internal.newest_domain_names n ON n.domain_key = r.source_dom_key
ORDER BY r.part = 'residual', abs(r.contribution) DESC, r.part, n.domain_name;
